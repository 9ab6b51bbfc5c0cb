//! XACK: acknowledges entries.

use firth_resp::Request;

use super::id_arg;
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "xack",
    syntax: "key group id [id ...]",
    summary: "Acknowledges entries for a consumer group, which are no longer pending then.",
    since: "5.0.0",
    complexity: "O(log(N)) for each id, N being the number of pending entries",
    group: Group::Stream,
    arity: -4,
    flags: Flags::WRITE.union(Flags::FAST),
    keys: Keys::FIRST,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let (key, group) = (args.take()?, args.take()?);
    let db = cx.db();
    let (keys, mut reply) = cx.keys_and_reply();
    let mut acknowledged = 0;
    if let Some(mut stream) = keys.stream_for_groups(db, key)?
        && stream.stream().groups().get(group).is_some()
    {
        let ids = id_arg::ids(args)?;
        acknowledged = stream.acknowledge(group, &ids);
    }
    reply.integer(i64::try_from(acknowledged).unwrap_or(i64::MAX));
    Ok(())
}

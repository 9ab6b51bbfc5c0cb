//! XGROUP CREATECONSUMER: creates a consumer in a group.

use firth_resp::Request;

use super::{KEY_REQUIRED, no_group_of_key};
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "xgroup|createconsumer",
    syntax: "key group consumer",
    summary: "Creates a consumer in a consumer group.",
    since: "6.2.0",
    complexity: "O(log(N)), N being the number of consumers",
    group: Group::Stream,
    arity: 5,
    flags: Flags::WRITE.union(Flags::DENYOOM),
    keys: Keys::SECOND,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 2);
    let (key, group, consumer) = (args.take()?, args.take()?, args.take()?);
    let db = cx.db();
    let (keys, mut reply) = cx.keys_and_reply();
    let mut stream = keys.stream_mut(db, key)?.ok_or(KEY_REQUIRED)?;
    let created = stream.create_consumer(group, consumer);
    reply.integer(created.map_err(|_| no_group_of_key(key, group))?.into());
    Ok(())
}

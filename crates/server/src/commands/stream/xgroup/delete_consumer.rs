//! XGROUP DELCONSUMER: deletes a consumer and forgets what is pending for it.

use firth_resp::Request;

use super::{KEY_REQUIRED, no_group_of_key};
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "xgroup|delconsumer",
    syntax: "key group consumer",
    summary: "Deletes a consumer from a consumer group and forgets what is pending for it.",
    since: "5.0.0",
    complexity: "O(N), N being the number of entries that are pending for the consumer",
    group: Group::Stream,
    arity: 5,
    flags: Flags::WRITE,
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
    let forgotten = stream.delete_consumer(group, consumer);
    let forgotten = forgotten.map_err(|_| no_group_of_key(key, group))?;
    reply.integer(i64::try_from(forgotten).unwrap_or(i64::MAX));
    Ok(())
}

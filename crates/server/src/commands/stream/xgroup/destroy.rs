//! XGROUP DESTROY: destroys a consumer group with all that is pending in it.

use firth_resp::Request;

use super::KEY_REQUIRED;
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "xgroup|destroy",
    syntax: "key group",
    summary: "Destroys a consumer group with all that is pending in it.",
    since: "5.0.0",
    complexity: "O(N), N being the number of pending entries",
    group: Group::Stream,
    arity: 4,
    flags: Flags::WRITE,
    keys: Keys::SECOND,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 2);
    let (key, group) = (args.take()?, args.take()?);
    let db = cx.db();
    let (keys, mut reply) = cx.keys_and_reply();
    let mut stream = keys.stream_mut(db, key)?.ok_or(KEY_REQUIRED)?;
    reply.integer(stream.destroy_group(group).into());
    Ok(())
}

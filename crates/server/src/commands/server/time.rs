//! TIME: tells the time.

use firth_resp::Request;

use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "time",
    summary: "Returns the time: Unix seconds, and microseconds within the second.",
    since: "2.6.0",
    complexity: "O(1)",
    group: Group::Server,
    arity: 1,
    flags: Flags::LOADING.union(Flags::STALE).union(Flags::FAST),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    let now_us = cx.server.engine.clock().now_us();
    let mut reply = cx.reply();
    reply.array(2);
    reply.bulk_unsigned(now_us / 1_000_000);
    reply.bulk_unsigned(now_us % 1_000_000);
    Ok(())
}

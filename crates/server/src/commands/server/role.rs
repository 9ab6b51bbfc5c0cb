//! ROLE: tells whether the server is a primary or a replica.

use firth_resp::Request;

use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "role",
    summary: "Returns the role of the server: that of a primary without replicas.",
    since: "2.8.12",
    complexity: "O(1)",
    group: Group::Server,
    arity: 1,
    flags: Flags::LOADING.union(Flags::STALE).union(Flags::NOSCRIPT).union(Flags::FAST),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    let mut reply = cx.reply();
    reply.array(3);
    reply.bulk(b"master");
    reply.integer(0);
    reply.array(0);
    Ok(())
}

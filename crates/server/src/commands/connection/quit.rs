//! QUIT: closes the connection, once everything has been answered.

use firth_resp::Request;

use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "quit",
    summary: "Closes the connection.",
    group: Group::Connection,
    arity: -1,
    flags: Flags::NOSCRIPT
        .union(Flags::LOADING)
        .union(Flags::STALE)
        .union(Flags::FAST)
        .union(Flags::NO_AUTH)
        .union(Flags::IMMEDIATE)
        .union(Flags::WHILE_SUBSCRIBED)
        .union(Flags::CONNECTION),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    cx.reply().ok();
    cx.session.is_closing = true;
    Ok(())
}

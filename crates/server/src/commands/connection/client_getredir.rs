//! CLIENT GETREDIR: tells which client is told of changed keys in the place of this one.

use std::sync::atomic::Ordering;

use firth_resp::Request;

use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "client|getredir",
    summary: "Tells which client is told of changed keys in the place of this one.",
    since: "6.0.0",
    group: Group::Connection,
    arity: 2,
    flags: Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE).union(Flags::CONNECTION),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    let redirect = cx.session.client.redirect.load(Ordering::Relaxed);
    cx.reply().integer(redirect);
    Ok(())
}

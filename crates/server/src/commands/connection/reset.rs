//! RESET: makes the connection what it was when it was opened.

use std::sync::atomic::Ordering;

use firth_resp::{Protocol, Request};

use super::hello::speak;
use super::select::select;
use crate::client::ClientState;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::session::ReplyMode;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "reset",
    summary: "Makes the connection what it was when it was opened.",
    since: "6.2.0",
    group: Group::Connection,
    arity: 1,
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
    cx.server.leave(cx.local, cx.session);
    cx.session.transaction = None;
    cx.session.client.queued.store(-1, Ordering::Relaxed);
    cx.session.reply_mode = ReplyMode::On;
    cx.session.read_reply = None;
    cx.session.is_authenticated = cx.local.config.password.is_empty();
    cx.session.client.labels.lock().name.clear();
    for state in [ClientState::Multi, ClientState::NoEvict, ClientState::NoTouch] {
        cx.session.client.note(state, false);
    }
    select(cx, 0);
    speak(cx, Protocol::Resp2);
    cx.reply().simple("RESET");
    Ok(())
}

//! MULTI: begins a transaction.

use std::sync::atomic::Ordering;

use firth_resp::Request;

use crate::client::ClientState;
use crate::context::Context;
use crate::reply_error::{NESTED_MULTI, ReplyError};
use crate::session::Transaction;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "multi",
    summary: "Begins a transaction: the commands that follow are queued until EXEC.",
    since: "1.2.0",
    group: Group::Transactions,
    arity: 1,
    flags: Flags::NOSCRIPT
        .union(Flags::LOADING)
        .union(Flags::STALE)
        .union(Flags::FAST)
        .union(Flags::IMMEDIATE)
        .union(Flags::TRANSACTION),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    if cx.session.transaction.is_some() {
        return Err(NESTED_MULTI);
    }
    cx.session.transaction = Some(Box::new(Transaction::default()));
    cx.session.client.queued.store(0, Ordering::Relaxed);
    cx.session.client.note(ClientState::Multi, true);
    cx.reply().ok();
    Ok(())
}

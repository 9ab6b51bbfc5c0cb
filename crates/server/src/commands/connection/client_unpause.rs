//! CLIENT UNPAUSE: ends CLIENT PAUSE.

use firth_resp::Request;

use crate::context::Context;
use crate::mailbox::Mail;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "client|unpause",
    summary: "Lets the clients that CLIENT PAUSE has stopped go on.",
    since: "6.2.0",
    group: Group::Connection,
    arity: 2,
    flags: Flags::NOSCRIPT
        .union(Flags::LOADING)
        .union(Flags::STALE)
        .union(Flags::CONNECTION)
        .union(Flags::ADMIN),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    cx.server.pause.end();
    for mailbox in cx.server.mailboxes() {
        mailbox.send(Mail::PauseEnded);
    }
    cx.reply().ok();
    Ok(())
}

//! CLIENT INFO: returns the line of CLIENT LIST about the client itself.

use firth_resp::Request;

use super::client_line;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "client|info",
    summary: "Returns what the server knows about the connection.",
    since: "6.2.0",
    group: Group::Connection,
    arity: 2,
    flags: Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE).union(Flags::CONNECTION),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    let mut text = client_line::line(cx, &cx.session.client);
    text.push('\n');
    cx.reply().verbatim(b"txt", text.as_bytes());
    Ok(())
}

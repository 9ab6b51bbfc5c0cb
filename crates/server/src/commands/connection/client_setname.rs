//! CLIENT SETNAME: names the connection.

use firth_resp::Request;

use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "client|setname",
    syntax: "connection-name",
    summary: "Names the connection; an empty name takes the name away.",
    since: "2.6.9",
    group: Group::Connection,
    arity: 3,
    flags: Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE).union(Flags::CONNECTION),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let name = Args::from(request, 2).take()?;
    check_label(name, "Client names")?;
    cx.session.client.labels.lock().name = name.to_vec();
    cx.reply().ok();
    Ok(())
}

/// Makes sure that a text can stand in a line of CLIENT LIST; `what` names it in the error.
pub(super) fn check_label(label: &[u8], what: &str) -> Result<(), ReplyError> {
    if label.iter().all(u8::is_ascii_graphic) {
        return Ok(());
    }
    let reason = "cannot contain spaces, newlines or special characters.";
    Err(ReplyError::new(format!("ERR {what} {reason}")))
}

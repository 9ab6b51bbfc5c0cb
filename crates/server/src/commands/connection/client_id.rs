//! CLIENT ID: tells the client its number.

use firth_resp::Request;

use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "client|id",
    summary: "Returns the number of the connection, which no other has had since the server started.",
    since: "5.0.0",
    group: Group::Connection,
    arity: 2,
    flags: Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE).union(Flags::CONNECTION),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    let id = i64::try_from(cx.session.client.id).unwrap_or(i64::MAX);
    cx.reply().integer(id);
    Ok(())
}

//! COMMAND COUNT: returns how many commands there are.

use firth_resp::Request;

use super::FLAGS;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "command|count",
    summary: "Returns how many commands there are.",
    since: "2.8.13",
    group: Group::Server,
    arity: 2,
    flags: FLAGS,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    let count = cx.server.table.commands().count();
    cx.reply().integer(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(())
}

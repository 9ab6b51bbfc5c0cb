//! LASTSAVE: tells when the last checkpoint was made.

use firth_resp::Request;

use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "lastsave",
    summary: "Returns when the last checkpoint was made, or the server was started, in Unix seconds.",
    since: "1.0.0",
    complexity: "O(1)",
    group: Group::Server,
    arity: 1,
    flags: Flags::LOADING
        .union(Flags::STALE)
        .union(Flags::FAST)
        .union(Flags::ADMIN)
        .union(Flags::DANGEROUS),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    let last_ms = cx.server.engine.saves().last_ms;
    cx.reply().integer(i64::try_from(last_ms / 1000).unwrap_or(i64::MAX));
    Ok(())
}

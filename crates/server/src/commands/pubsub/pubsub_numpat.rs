//! PUBSUB NUMPAT: returns how many patterns are listened to.

use firth_resp::Request;

use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "pubsub|numpat",
    syntax: "",
    summary: "Returns how many patterns are listened to.",
    since: "2.8.0",
    complexity: "O(1)",
    group: Group::Pubsub,
    arity: 2,
    flags: Flags::PUBSUB.union(Flags::LOADING).union(Flags::STALE),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    let count = cx.server.engine.hub().pattern_count();
    cx.reply().integer(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(())
}

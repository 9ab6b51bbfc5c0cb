//! PSUBSCRIBE: starts to listen to all channels that patterns match.

use firth_resp::Request;

use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Spec};
use crate::subscription::{self, Kind};

pub(super) const SPEC: Spec = Spec {
    name: "psubscribe",
    syntax: "pattern [pattern ...]",
    summary: "Starts to listen to all channels that patterns match.",
    since: "2.0.0",
    complexity: "O(N) with N patterns",
    group: Group::Pubsub,
    arity: -2,
    flags: Flags::PUBSUB
        .union(Flags::NOSCRIPT)
        .union(Flags::LOADING)
        .union(Flags::STALE)
        .union(Flags::WHILE_SUBSCRIBED),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    subscription::subscribe(cx, Kind::Pattern, Args::from(request, 1).rest());
    Ok(())
}

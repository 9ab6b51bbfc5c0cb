//! PUNSUBSCRIBE: stops listening to the channels that patterns match.

use firth_resp::Request;

use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Spec};
use crate::subscription::{self, Kind};

pub(super) const SPEC: Spec = Spec {
    name: "punsubscribe",
    syntax: "[pattern [pattern ...]]",
    summary: "Stops listening to the channels that patterns match, by default to all.",
    since: "2.0.0",
    complexity: "O(N) with N patterns",
    group: Group::Pubsub,
    arity: -1,
    flags: Flags::PUBSUB
        .union(Flags::NOSCRIPT)
        .union(Flags::LOADING)
        .union(Flags::STALE)
        .union(Flags::WHILE_SUBSCRIBED),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    subscription::unsubscribe(cx, Kind::Pattern, Args::from(request, 1).rest());
    Ok(())
}

//! SUBSCRIBE: starts to listen to channels.

use firth_resp::Request;

use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Spec};
use crate::subscription::{self, Kind};

pub(super) const SPEC: Spec = Spec {
    name: "subscribe",
    syntax: "channel [channel ...]",
    summary: "Starts to listen to channels.",
    since: "2.0.0",
    complexity: "O(N) with N channels",
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
    subscription::subscribe(cx, Kind::Channel, Args::from(request, 1).rest());
    Ok(())
}

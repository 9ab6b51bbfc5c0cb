//! PUBSUB NUMSUB: returns how many clients listen to channels, those of patterns left out.

use firth_engine::pubsub::Space;
use firth_resp::Request;

use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "pubsub|numsub",
    syntax: "[channel [channel ...]]",
    summary: "Returns how many clients listen to channels, those of patterns left out.",
    since: "2.8.0",
    complexity: "O(N) with N channels",
    group: Group::Pubsub,
    arity: -2,
    flags: Flags::PUBSUB.union(Flags::LOADING).union(Flags::STALE),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    listeners(cx, request, Space::Channel);
    Ok(())
}

/// Replies with channels, each followed by how many listen to it.
pub(super) fn listeners(cx: &mut Context<'_, '_>, request: Request<'_>, space: Space) {
    let names = Args::from(request, 2).rest();
    let hub = cx.server.engine.hub();
    let mut reply = cx.reply();
    reply.array(names.len() * 2);
    for name in names {
        reply.bulk(name);
        reply.integer(i64::try_from(hub.listener_count(space, name)).unwrap_or(i64::MAX));
    }
}

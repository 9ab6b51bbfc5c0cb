//! PUBSUB SHARDNUMSUB: returns how many clients listen to sharded channels.

use firth_engine::pubsub::Space;
use firth_resp::Request;

use super::pubsub_numsub::listeners;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "pubsub|shardnumsub",
    syntax: "[shardchannel [shardchannel ...]]",
    summary: "Returns how many clients listen to sharded channels.",
    since: "7.0.0",
    complexity: "O(N) with N sharded channels",
    group: Group::Pubsub,
    arity: -2,
    flags: Flags::PUBSUB.union(Flags::LOADING).union(Flags::STALE),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    listeners(cx, request, Space::Shard);
    Ok(())
}

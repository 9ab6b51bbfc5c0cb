//! PUBSUB SHARDCHANNELS: returns the sharded channels that are listened to.

use firth_engine::pubsub::Space;
use firth_resp::Request;

use super::pubsub_channels::channels;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "pubsub|shardchannels",
    syntax: "[pattern]",
    summary: "Returns the sharded channels that are listened to.",
    since: "7.0.0",
    complexity: "O(N) with N sharded channels",
    group: Group::Pubsub,
    arity: -2,
    flags: Flags::PUBSUB.union(Flags::LOADING).union(Flags::STALE),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    channels(cx, request, Space::Shard)
}

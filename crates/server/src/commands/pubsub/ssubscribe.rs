//! SSUBSCRIBE: starts to listen to sharded channels.

use firth_resp::Request;

use crate::args::Args;
use crate::context::Context;
use crate::reply_error::{ReplyError, SSUBSCRIBE_IN_EXEC};
use crate::spec::{Flags, Group, Spec};
use crate::subscription::{self, Kind};

pub(super) const SPEC: Spec = Spec {
    name: "ssubscribe",
    syntax: "shardchannel [shardchannel ...]",
    summary: "Starts to listen to sharded channels.",
    since: "7.0.0",
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
    if cx.in_transaction {
        return Err(SSUBSCRIBE_IN_EXEC);
    }
    subscription::subscribe(cx, Kind::Shard, Args::from(request, 1).rest());
    Ok(())
}

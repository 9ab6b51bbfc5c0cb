//! PUBSUB CHANNELS: returns the channels that are listened to.

use firth_engine::pubsub::Space;
use firth_resp::Request;

use crate::context::Context;
use crate::reply_error::{self, ReplyError};
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "pubsub|channels",
    syntax: "[pattern]",
    summary: "Returns the channels that are listened to.",
    since: "2.8.0",
    complexity: "O(N) with N channels",
    group: Group::Pubsub,
    arity: -2,
    flags: Flags::PUBSUB.union(Flags::LOADING).union(Flags::STALE),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    channels(cx, request, Space::Channel)
}

/// Replies with the channels of a name space, all or those that the pattern matches.
pub(super) fn channels(
    cx: &mut Context<'_, '_>,
    request: Request<'_>,
    space: Space,
) -> Result<(), ReplyError> {
    if request.len() > 3 {
        let name = request.get(1).unwrap_or_default();
        return Err(reply_error::subcommand_syntax("PUBSUB", name));
    }
    let names = cx.server.engine.hub().channels(space, request.get(2));
    let mut reply = cx.reply();
    reply.array(names.len());
    for name in names {
        reply.bulk(&name);
    }
    Ok(())
}

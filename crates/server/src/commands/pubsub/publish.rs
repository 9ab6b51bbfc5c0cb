//! PUBLISH: sends a message to all who listen to a channel.

use firth_engine::pubsub::Space;
use firth_resp::Request;

use crate::args::Args;
use crate::context::Context;
use crate::fanout;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "publish",
    syntax: "channel message",
    summary: "Sends a message to all who listen to a channel and returns how many those are.",
    since: "2.0.0",
    complexity: "O(N+M) with N listeners of the channel and M matching patterns",
    group: Group::Pubsub,
    arity: 3,
    flags: Flags::PUBSUB.union(Flags::LOADING).union(Flags::STALE).union(Flags::FAST),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let (channel, payload) = (args.take()?, args.take()?);
    let listeners = fanout::say(cx, Space::Channel, channel, payload);
    cx.reply().integer(i64::try_from(listeners).unwrap_or(i64::MAX));
    Ok(())
}

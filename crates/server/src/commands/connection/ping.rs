//! PING: says that the server is there.

use firth_resp::{Protocol, Request};

use crate::context::Context;
use crate::reply_error::{ReplyError, wrong_arity};
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "ping",
    syntax: "[message]",
    summary: "Returns PONG, or the message if there is one.",
    group: Group::Connection,
    arity: -1,
    flags: Flags::FAST.union(Flags::CONNECTION).union(Flags::WHILE_SUBSCRIBED),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    if request.len() > 2 {
        return Err(wrong_arity("ping"));
    }
    let message = request.get(1);
    let in_subscribed_mode = cx.session.is_subscribed() && cx.session.protocol == Protocol::Resp2;
    let mut reply = cx.reply();
    match message {
        _ if in_subscribed_mode => {
            reply.array(2);
            reply.bulk(b"pong");
            reply.bulk(message.unwrap_or_default());
        }
        Some(message) => reply.bulk(message),
        None => reply.simple("PONG"),
    }
    Ok(())
}

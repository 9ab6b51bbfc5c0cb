//! HELLO: agrees on the protocol, and introduces both sides to each other.

use std::sync::atomic::Ordering;

use firth_resp::{Protocol, Request};

use super::auth::authenticate;
use super::client_setname::check_label;
use crate::args::{Args, parse_integer};
use crate::context::Context;
use crate::reply_error::{NO_PROTO, ReplyError, printable};
use crate::server::REDIS_VERSION;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "hello",
    syntax: "[protover [AUTH username password] [SETNAME clientname]]",
    summary: "Agrees on the protocol and returns what the server says about itself.",
    since: "6.0.0",
    group: Group::Connection,
    arity: -1,
    flags: Flags::NOSCRIPT
        .union(Flags::LOADING)
        .union(Flags::STALE)
        .union(Flags::FAST)
        .union(Flags::NO_AUTH)
        .union(Flags::SKIP_MONITOR)
        .union(Flags::SKIP_SLOWLOG)
        .union(Flags::CONNECTION),
    run,
    ..Spec::BASE
};

const BAD_VERSION: ReplyError =
    ReplyError::fixed("ERR Protocol version is not an integer or out of range");
const NOT_AUTHENTICATED: ReplyError = ReplyError::fixed(
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO \
     <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP \
     protocol version at the same time",
);

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let protocol = match args.peek() {
        None => None,
        Some(_) => Some(protocol_of(args.take()?)?),
    };
    let mut name = None;
    while let Some(option) = args.peek() {
        if args.left() > 2 && args.take_word("AUTH") {
            authenticate(cx, args.take()?, args.take()?)?;
        } else if args.left() > 1 && args.take_word("SETNAME") {
            let label = args.take()?;
            check_label(label, "Client names")?;
            name = Some(label);
        } else {
            let option = printable(option, 128);
            return Err(ReplyError::new(format!("ERR Syntax error in HELLO option '{option}'")));
        }
    }
    if !cx.session.is_authenticated {
        return Err(NOT_AUTHENTICATED);
    }
    if let Some(name) = name {
        cx.session.client.labels.lock().name = name.to_vec();
    }
    if let Some(protocol) = protocol {
        speak(cx, protocol);
    }
    introduce(cx);
    Ok(())
}

fn protocol_of(version: &[u8]) -> Result<Protocol, ReplyError> {
    match parse_integer(version).ok_or(BAD_VERSION)? {
        2 => Ok(Protocol::Resp2),
        3 => Ok(Protocol::Resp3),
        _ => Err(NO_PROTO),
    }
}

/// Answers the client in a protocol from now on.
pub(super) fn speak(cx: &mut Context<'_, '_>, protocol: Protocol) {
    cx.session.protocol = protocol;
    cx.local.outboxes.set_protocol(cx.session.token, protocol);
    let version = if protocol == Protocol::Resp3 { 3 } else { 2 };
    cx.session.client.protocol.store(version, Ordering::Relaxed);
}

/// Clients take features from the version of a server that they know, so we introduce ourselves as
/// that one; INFO tells who we are.
fn introduce(cx: &mut Context<'_, '_>) {
    let id = i64::try_from(cx.session.client.id).unwrap_or(i64::MAX);
    let version = if cx.session.protocol == Protocol::Resp3 { 3 } else { 2 };
    let mut reply = cx.reply();
    reply.map(7);
    reply.bulk(b"server");
    reply.bulk(b"redis");
    reply.bulk(b"version");
    reply.bulk(REDIS_VERSION.as_bytes());
    reply.bulk(b"proto");
    reply.integer(version);
    reply.bulk(b"id");
    reply.integer(id);
    reply.bulk(b"mode");
    reply.bulk(b"standalone");
    reply.bulk(b"role");
    reply.bulk(b"master");
    reply.bulk(b"modules");
    reply.array(0);
}

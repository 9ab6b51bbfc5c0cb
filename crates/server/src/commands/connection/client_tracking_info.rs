//! CLIENT TRACKINGINFO: tells how the client tracks keys.

use std::sync::atomic::Ordering;

use firth_resp::Request;

use crate::client::ClientState;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::session::Session;
use crate::spec::{Flags, Group, Spec};
use crate::tracking::{OwnChanges, Scope};

pub(super) const SPEC: Spec = Spec {
    name: "client|trackinginfo",
    summary: "Tells how the client tracks keys.",
    since: "6.2.0",
    group: Group::Connection,
    arity: 2,
    flags: Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE).union(Flags::CONNECTION),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    let flags = flags(cx.session);
    let redirect = cx.session.client.redirect.load(Ordering::Relaxed);
    let prefixes = match cx.session.tracking.as_ref().map(|tracking| &tracking.scope) {
        Some(Scope::Prefixes(prefixes)) => prefixes.iter().cloned().collect(),
        _ => Vec::new(),
    };
    let mut reply = cx.reply();
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(flags.len());
    for flag in flags {
        reply.bulk(flag.as_bytes());
    }
    reply.bulk(b"redirect");
    reply.integer(redirect);
    reply.bulk(b"prefixes");
    reply.array(prefixes.len());
    for prefix in prefixes {
        reply.bulk(&prefix);
    }
    Ok(())
}

fn flags(session: &Session) -> Vec<&'static str> {
    let Some(tracking) = &session.tracking else { return vec!["off"] };
    let mut flags = vec!["on"];
    let caching = match tracking.scope {
        Scope::Reads => None,
        Scope::Prefixes(_) => {
            flags.push("bcast");
            None
        }
        Scope::OptIn => {
            flags.push("optin");
            Some("caching-yes")
        }
        Scope::OptOut => {
            flags.push("optout");
            Some("caching-no")
        }
    };
    flags.extend(caching.filter(|_| tracking.is_caching_called));
    if tracking.own_changes == OwnChanges::Skipped {
        flags.push("noloop");
    }
    if session.client.is(ClientState::BrokenRedirect) {
        flags.push("broken_redirect");
    }
    flags
}

//! CLIENT KILL: closes connections of others, or one's own.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use firth_resp::{Reply, Request};

use super::auth::DEFAULT_USER;
use super::client_class::ClientClass;
use crate::args::{Args, is_word, parse_integer};
use crate::client::Client;
use crate::context::Context;
use crate::mailbox::{CloseReason, Mail};
use crate::receipt::Receipt;
use crate::reply_error::{ReplyError, SYNTAX, printable};
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "client|kill",
    syntax: "<ip:port | <[ID client-id] | [TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] | [USER username] | [ADDR ip:port] | [LADDR ip:port] | [SKIPME <YES | NO>] | [MAXAGE maxage] ...>>",
    summary: "Closes connections: one by its address, or all that match every filter.",
    since: "2.4.0",
    group: Group::Connection,
    arity: -3,
    flags: Flags::NOSCRIPT
        .union(Flags::LOADING)
        .union(Flags::STALE)
        .union(Flags::CONNECTION)
        .union(Flags::ADMIN),
    run,
    ..Spec::BASE
};

const NO_SUCH_CLIENT: ReplyError = ReplyError::fixed("ERR No such client");

/// Which connections to close: those that match everything that is given.
#[derive(Debug, Default)]
struct Filter<'a> {
    id: Option<u64>,
    class: Option<ClientClass>,
    user: Option<&'a [u8]>,
    peer: Option<&'a [u8]>,
    local: Option<&'a [u8]>,
    age_s_min: Option<u64>,
    spares_self: bool,
}

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 2);
    if args.left() == 1 {
        let peer = Some(args.take()?);
        let targets = targets(cx, &Filter { peer, ..Filter::default() });
        if targets.is_empty() {
            return Err(NO_SUCH_CLIENT);
        }
        kill(cx, &targets, |reply| reply.ok());
        return Ok(());
    }
    let targets = targets(cx, &Filter::parse(args)?);
    let count = i64::try_from(targets.len()).unwrap_or(i64::MAX);
    kill(cx, &targets, |reply| reply.integer(count));
    Ok(())
}

fn targets(cx: &Context<'_, '_>, filter: &Filter<'_>) -> Vec<Arc<Client>> {
    let now_ms = cx.local.monotonic_ms;
    let is_spared = |client: &Client| filter.spares_self && client.id == cx.session.client.id;
    let mut clients = cx.server.clients.all();
    clients.retain(|client| !is_spared(client) && filter.matches(client, now_ms));
    clients
}

/// Closes connections, and replies when they are closed: nothing that the client asks for after
/// that can still reach one of them.
fn kill(cx: &mut Context<'_, '_>, targets: &[Arc<Client>], reply: impl FnOnce(&mut Reply<'_>)) {
    let is_own = targets.iter().any(|client| client.id == cx.session.client.id);
    // It gets its reply before its own connection is closed.
    cx.session.is_closing |= is_own;
    let mut encoded = Vec::new();
    reply(&mut Reply::new(&mut encoded, cx.session.protocol));
    let waits = !is_own && !targets.is_empty();
    let receipt = if waits { Receipt::wait_for(cx, encoded.clone()) } else { None };
    for client in targets.iter().filter(|client| client.id != cx.session.client.id) {
        client.is_closing.store(true, Ordering::Relaxed);
        if let Some(mailbox) = cx.server.mailbox(client.address.mailbox) {
            let tokens = vec![client.address.token];
            let receipt = receipt.clone();
            mailbox.send(Mail::Close { tokens, reason: CloseReason::Killed, receipt });
        }
    }
    if receipt.is_none() {
        cx.reply().raw(&encoded);
    }
}

impl<'a> Filter<'a> {
    fn parse(mut args: Args<'a>) -> Result<Self, ReplyError> {
        let mut filter = Filter { spares_self: true, ..Filter::default() };
        while args.left() > 0 {
            let name = args.take()?;
            let value = args.take()?;
            match name.to_ascii_lowercase().as_slice() {
                b"id" => filter.id = Some(positive(value, "client-id")?),
                b"type" => filter.class = Some(ClientClass::parse(value)?),
                b"user" if value != DEFAULT_USER => {
                    let user = printable(value, 128);
                    return Err(ReplyError::new(format!("ERR No such user '{user}'")));
                }
                b"user" => filter.user = Some(value),
                b"addr" => filter.peer = Some(value),
                b"laddr" => filter.local = Some(value),
                b"maxage" => filter.age_s_min = Some(positive(value, "maxage")?),
                b"skipme" if is_word(value, "yes") => filter.spares_self = true,
                b"skipme" if is_word(value, "no") => filter.spares_self = false,
                _ => return Err(SYNTAX),
            }
        }
        Ok(filter)
    }

    fn matches(&self, client: &Client, now_ms: u64) -> bool {
        let age_s = now_ms.saturating_sub(client.connected_ms) / 1000;
        self.id.is_none_or(|id| id == client.id)
            && self.class.is_none_or(|class| class == ClientClass::of(client))
            && self.user.is_none_or(|user| user == DEFAULT_USER)
            && self.peer.is_none_or(|peer| peer == client.peer.as_bytes())
            && self.local.is_none_or(|local| local == client.local.as_bytes())
            && self.age_s_min.is_none_or(|min| age_s >= min)
    }
}

fn positive(value: &[u8], what: &str) -> Result<u64, ReplyError> {
    let number = parse_integer(value).and_then(|number| u64::try_from(number).ok());
    number
        .filter(|number| *number > 0)
        .ok_or_else(|| ReplyError::new(format!("ERR {what} should be greater than 0")))
}

//! What a client listens to: entering and leaving the hub, and the frames that confirm it.
//!
//! A message is handed to a listener's mailbox under the lock of its channel, and so is the
//! listener's leave taken. Whatever was addressed to a listener before it left is therefore in the
//! mailbox once it has left. It is handed over then, ahead of the confirmation, and nothing comes
//! after it.

use std::sync::atomic::{AtomicU32, Ordering};

use firth_engine::pubsub::{Hub, Listener, Space};
use firth_resp::{Protocol, Reply};

use crate::client::{Client, ClientState};
use crate::context::Context;
use crate::fanout;
use crate::local::Local;
use crate::server::Server;
use crate::session::{Session, Set, Subscriptions};
use crate::tracking;

/// What a subscription is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A channel.
    Channel,
    /// All channels that a pattern matches.
    Pattern,
    /// A sharded channel.
    Shard,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Channel, Kind::Pattern, Kind::Shard];

    fn join(self, hub: &Hub, name: &[u8], who: Listener) -> bool {
        match self {
            Kind::Channel => hub.subscribe(Space::Channel, name, who),
            Kind::Pattern => hub.subscribe_pattern(name, who),
            Kind::Shard => hub.subscribe(Space::Shard, name, who),
        }
    }

    fn part(self, hub: &Hub, name: &[u8], who: Listener) -> bool {
        match self {
            Kind::Channel => hub.unsubscribe(Space::Channel, name, who),
            Kind::Pattern => hub.unsubscribe_pattern(name, who),
            Kind::Shard => hub.unsubscribe(Space::Shard, name, who),
        }
    }

    fn names(self, subscriptions: &Subscriptions) -> &Set<Box<[u8]>> {
        match self {
            Kind::Channel => &subscriptions.channels,
            Kind::Pattern => &subscriptions.patterns,
            Kind::Shard => &subscriptions.shard_channels,
        }
    }

    fn names_mut(self, subscriptions: &mut Subscriptions) -> &mut Set<Box<[u8]>> {
        match self {
            Kind::Channel => &mut subscriptions.channels,
            Kind::Pattern => &mut subscriptions.patterns,
            Kind::Shard => &mut subscriptions.shard_channels,
        }
    }

    fn counter(self, client: &Client) -> &AtomicU32 {
        match self {
            Kind::Channel => &client.channels,
            Kind::Pattern => &client.patterns,
            Kind::Shard => &client.shard_channels,
        }
    }

    fn verbs(self) -> (&'static str, &'static str) {
        match self {
            Kind::Channel => ("subscribe", "unsubscribe"),
            Kind::Pattern => ("psubscribe", "punsubscribe"),
            Kind::Shard => ("ssubscribe", "sunsubscribe"),
        }
    }
}

/// Subscribes the client to each of these names and confirms each, also those that it was
/// subscribed to before.
pub fn subscribe<'a>(cx: &mut Context<'_, '_>, kind: Kind, names: impl Iterator<Item = &'a [u8]>) {
    for name in names {
        add(cx.server, cx.session, kind, name);
        confirm(cx, kind, kind.verbs().0, Some(name));
    }
}

/// Ends the client's subscriptions to these names and confirms each, also those that it was not
/// subscribed to. Without names it ends all of the kind.
pub fn unsubscribe<'a>(
    cx: &mut Context<'_, '_>,
    kind: Kind,
    names: impl ExactSizeIterator<Item = &'a [u8]>,
) {
    let verb = kind.verbs().1;
    if names.len() > 0 {
        for name in names {
            remove(cx.server, cx.local, cx.session, kind, name);
            confirm(cx, kind, verb, Some(name));
        }
        return;
    }
    let all = current(cx.session, kind);
    for name in &all {
        remove(cx.server, cx.local, cx.session, kind, name);
        confirm(cx, kind, verb, Some(name));
    }
    if all.is_empty() {
        confirm(cx, kind, verb, None);
    }
}

/// Ends all subscriptions without confirming any: the client leaves or is reset.
pub fn drop_all(server: &Server, local: &mut Local, session: &mut Session) {
    for kind in Kind::ALL {
        for name in current(session, kind) {
            remove(server, local, session, kind, &name);
        }
    }
}

fn current(session: &Session, kind: Kind) -> Vec<Box<[u8]>> {
    let subscriptions = session.subscriptions.iter();
    subscriptions.flat_map(|subscriptions| kind.names(subscriptions).iter().cloned()).collect()
}

fn listener(client: &Client) -> Listener {
    Listener { mailbox: client.address.mailbox, token: client.address.token }
}

fn add(server: &Server, session: &mut Session, kind: Kind, name: &[u8]) {
    let client = &session.client;
    let subscriptions = session.subscriptions.get_or_insert_with(|| {
        client.note(ClientState::Subscribed, true);
        server.pubsub_clients.fetch_add(1, Ordering::Relaxed);
        Box::default()
    });
    if kind.names_mut(subscriptions).insert(name.into()) {
        kind.counter(client).fetch_add(1, Ordering::Relaxed);
        note_invalidations(client, kind, name, true);
        kind.join(server.engine.hub(), name, listener(client));
    }
}

fn remove(server: &Server, local: &mut Local, session: &mut Session, kind: Kind, name: &[u8]) {
    let Some(subscriptions) = &mut session.subscriptions else { return };
    if !kind.names_mut(subscriptions).remove(name) {
        return;
    }
    let client = &session.client;
    kind.part(server.engine.hub(), name, listener(client));
    if local.mailbox.has_mail() {
        fanout::deliver_waiting(local);
    }
    kind.counter(client).fetch_sub(1, Ordering::Relaxed);
    note_invalidations(client, kind, name, false);
    if subscriptions.is_empty() {
        session.subscriptions = None;
        client.note(ClientState::Subscribed, false);
        server.pubsub_clients.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Lets others see whether messages about changed keys may be redirected to this client.
fn note_invalidations(client: &Client, kind: Kind, name: &[u8], holds: bool) {
    if kind == Kind::Channel && name == tracking::CHANNEL {
        client.note(ClientState::Invalidations, holds);
    }
}

/// Confirms a change. The frame goes with the messages, which no CLIENT REPLY silences, except
/// within EXEC, whose reply consists of such frames.
fn confirm(cx: &mut Context<'_, '_>, kind: Kind, verb: &str, name: Option<&[u8]>) {
    let count = count(cx.session, kind);
    let out = match cx.in_transaction {
        true => &mut cx.local.outboxes.reply,
        false => &mut cx.local.outboxes.pushes,
    };
    write_confirmation(out, cx.session.protocol, verb, name, count);
}

/// Channels and patterns are counted together, sharded channels apart.
fn count(session: &Session, kind: Kind) -> usize {
    session.subscriptions.as_ref().map_or(0, |subscriptions| match kind {
        Kind::Channel | Kind::Pattern => {
            subscriptions.channels.len() + subscriptions.patterns.len()
        }
        Kind::Shard => subscriptions.shard_channels.len(),
    })
}

fn write_confirmation(
    out: &mut Vec<u8>,
    protocol: Protocol,
    verb: &str,
    name: Option<&[u8]>,
    count: usize,
) {
    let mut reply = Reply::new(out, protocol);
    reply.push(3);
    reply.bulk(verb.as_bytes());
    match name {
        Some(name) => reply.bulk(name),
        None => reply.null(),
    }
    reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confirmations_look_as_clients_expect() {
        let check = |protocol, name: Option<&[u8]>, expect: &[u8]| {
            let mut out = Vec::new();
            write_confirmation(&mut out, protocol, "unsubscribe", name, 12);
            assert_eq!(out.escape_ascii().to_string(), expect.escape_ascii().to_string());
        };
        check(Protocol::Resp2, Some(b"a"), b"*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:12\r\n");
        check(Protocol::Resp2, None, b"*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:12\r\n");
        check(Protocol::Resp3, Some(b""), b">3\r\n$11\r\nunsubscribe\r\n$0\r\n\r\n:12\r\n");
        check(Protocol::Resp3, None, b">3\r\n$11\r\nunsubscribe\r\n_\r\n:12\r\n");
    }
}

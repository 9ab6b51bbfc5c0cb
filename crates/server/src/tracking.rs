//! Client-side caching: telling clients which keys they may hold a copy of have changed.
//!
//! By default a client is told once of each key that it has read; the engine remembers who has read
//! what. A broadcasting client is told of every change of a key with one of its prefixes. Who is
//! told in the end, the client itself or one that it redirects to, is looked up when a key changes:
//!
//! ```text
//! RESP3                          >2 "invalidate" *n key ...     or null for all keys
//! RESP2, only as a redirection   *3 "message" "__redis__:invalidate" *n key ...
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use firth_engine::{Lsn, Signals};
use firth_resp::{Protocol, Reply, Request};
use parking_lot::RwLock;

use crate::client::{Client, ClientState};
use crate::context::Context;
use crate::local::Local;
use crate::mailbox::Mail;
use crate::server::Server;
use crate::session::Session;
use crate::spec::{Flags, Spec};

/// The channel on which clients that speak RESP2 get what is redirected to them.
pub const CHANNEL: &[u8] = b"__redis__:invalidate";

/// Keys that have changed, each with the client that has changed it last, if it was one.
pub type ChangedKeys = BTreeMap<Box<[u8]>, Option<u64>>;

/// Keys that a client is told of; `None` stands for all.
pub type Keys = Option<Arc<[Box<[u8]>]>>;

/// How a client tracks keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracking {
    /// Which keys it is told of.
    pub scope: Scope,
    /// Whether it is told of keys that it has changed itself.
    pub own_changes: OwnChanges,
    /// The client that is told in its place.
    pub redirect: Option<u64>,
    /// Whether CLIENT CACHING was called for the next command or transaction.
    pub is_caching_called: bool,
}

/// Which keys a client is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those that it has read.
    Reads,
    /// Those that it has read with the command or transaction after CLIENT CACHING YES.
    OptIn,
    /// Those that it has read, but not with the one after CLIENT CACHING NO.
    OptOut,
    /// Those that begin with one of these prefixes.
    Prefixes(BTreeSet<Box<[u8]>>),
}

/// Whether a client is told of keys that it has changed itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnChanges {
    /// As of those that others have changed.
    Told,
    /// No.
    Skipped,
}

impl Tracking {
    /// Says whether the keys of the command that has just run are to be remembered.
    fn remembers(&self) -> bool {
        match self.scope {
            Scope::Reads => true,
            Scope::OptIn => self.is_caching_called,
            Scope::OptOut => !self.is_caching_called,
            Scope::Prefixes(_) => false,
        }
    }
}

/// The prefixes of keys whose changes are broadcast, and the clients that are told.
#[derive(Debug, Default)]
pub struct Broadcasts {
    by_prefix: RwLock<BTreeMap<Box<[u8]>, Vec<u64>>>,
}

impl Broadcasts {
    /// Returns how many prefixes there are.
    pub fn prefix_count(&self) -> usize {
        self.by_prefix.read().len()
    }

    fn add(&self, server: &Server, prefix: &[u8], client: u64) {
        let mut by_prefix = self.by_prefix.write();
        let clients = by_prefix.entry(prefix.into()).or_default();
        if !clients.contains(&client) {
            clients.push(client);
        }
        server.engine.settings().set_broadcasts(true);
    }

    fn remove(&self, server: &Server, prefix: &[u8], client: u64) {
        let mut by_prefix = self.by_prefix.write();
        if let Some(clients) = by_prefix.get_mut(prefix) {
            clients.retain(|other| *other != client);
            if clients.is_empty() {
                by_prefix.remove(prefix);
            }
        }
        server.engine.settings().set_broadcasts(!by_prefix.is_empty());
    }

    /// Returns, for each prefix that any of these keys has, the keys and who is to be told of them.
    fn rows<'a>(&self, changed: &'a ChangedKeys) -> Vec<(Vec<&'a [u8]>, Vec<u64>)> {
        let mut rows = Vec::new();
        for (prefix, clients) in &*self.by_prefix.read() {
            let from = (Bound::Included(&**prefix), Bound::Unbounded);
            let keys = changed.range::<[u8], _>(from).map(|(key, _)| &**key);
            let keys: Vec<&[u8]> = keys.take_while(|key| key.starts_with(prefix)).collect();
            if !keys.is_empty() {
                rows.push((keys, clients.clone()));
            }
        }
        rows
    }
}

/// Starts to track keys for a client, or changes how that is done.
///
/// A client that broadcasts already keeps its prefixes and gets new ones in addition.
pub fn enable(server: &Server, session: &mut Session, tracking: Tracking) {
    let client = &session.client;
    let mut tracking = Box::new(tracking);
    if session.tracking.is_none() {
        server.tracking_clients.fetch_add(1, Ordering::Relaxed);
    }
    if let Scope::Prefixes(prefixes) = &mut tracking.scope {
        for prefix in &*prefixes {
            server.broadcasts.add(server, prefix, client.id);
        }
        if let Some(Scope::Prefixes(before)) = session.tracking.take().map(|before| before.scope) {
            prefixes.extend(before);
        }
    }
    let redirect = tracking.redirect.and_then(|id| i64::try_from(id).ok()).unwrap_or(0);
    client.redirect.store(redirect, Ordering::Relaxed);
    client.note(ClientState::Tracking, true);
    client.note(ClientState::Broadcast, matches!(tracking.scope, Scope::Prefixes(_)));
    client.note(ClientState::BrokenRedirect, false);
    client.note(ClientState::NoLoop, tracking.own_changes == OwnChanges::Skipped);
    session.tracking = Some(tracking);
}

/// Ends the tracking of keys for a client, also when it leaves or is reset.
///
/// Keys that it has read are forgotten as they change.
pub fn drop_client(server: &Server, session: &mut Session) {
    let Some(tracking) = session.tracking.take() else { return };
    let client = &session.client;
    if let Scope::Prefixes(prefixes) = &tracking.scope {
        for prefix in prefixes {
            server.broadcasts.remove(server, prefix, client.id);
        }
    }
    client.redirect.store(-1, Ordering::Relaxed);
    let states = [
        ClientState::Tracking,
        ClientState::Broadcast,
        ClientState::BrokenRedirect,
        ClientState::NoLoop,
    ];
    for state in states {
        client.note(state, false);
    }
    server.tracking_clients.fetch_sub(1, Ordering::Relaxed);
}

/// Remembers which keys a tracking client has read.
#[inline]
pub fn remember_reads(cx: &mut Context<'_, '_>, request: Request<'_>) {
    if let Some(tracking) = &cx.session.tracking
        && cx.spec.flags.contains(Flags::READONLY)
        && tracking.remembers()
    {
        remember(cx, request);
    }
}

fn remember(cx: &mut Context<'_, '_>, request: Request<'_>) {
    let keys_max = cx.local.config.tracking_keys_max;
    let client = cx.session.client.id;
    for key in cx.spec.keys.places(request).into_iter().filter_map(|place| request.get(place)) {
        if !cx.keys.track(key, client) {
            continue;
        }
        let tracked = cx.server.tracked_keys.fetch_add(1, Ordering::Relaxed) + 1;
        // Two keys leave for each that enters, so that there are fewer again after the limit was
        // lowered; what has left is subtracted when its readers are told.
        let excess = if keys_max == 0 { 0 } else { tracked.saturating_sub(keys_max) };
        for _ in 0..excess.min(2) {
            cx.keys.evict_tracked();
        }
    }
}

/// Ends the effect of CLIENT CACHING, which covers one command or one transaction.
#[inline]
pub fn end_command(session: &mut Session, spec: &Spec) {
    if let Some(tracking) = &mut session.tracking
        && session.transaction.is_none()
        && !spec.name.starts_with("client|")
    {
        tracking.is_caching_called = false;
    }
}

/// Tells the clients that have read keys which of them have changed, and notes for
/// [`broadcast`] which have.
///
/// `origin` is the client whose command has changed them, unless it was nobody's. Called while the
/// shards of these keys are locked, so that the number of tracked keys is exact.
pub fn invalidate(server: &Server, local: &mut Local, origin: Option<u64>, signals: &Signals) {
    let Signals { invalidations, lsn, .. } = signals;
    let lsn = *lsn;
    let broadcasts = !invalidations.is_empty() && server.engine.settings().broadcasts();
    for invalidation in invalidations {
        server.tracked_keys.fetch_sub(invalidation.forgotten, Ordering::Relaxed);
        let Some(key) = &invalidation.key else {
            tell_everybody(server, local, lsn);
            continue;
        };
        if broadcasts {
            local.changed_keys.insert(key.clone(), origin);
            local.changed_lsn = local.changed_lsn.max(lsn);
        }
        if !invalidation.readers.is_empty() {
            tell_readers(server, local, origin, key, (&invalidation.readers, lsn));
        }
    }
}

/// Tells broadcasting clients which keys have changed in this tick, all at once: one message per
/// prefix.
pub fn broadcast(server: &Server, local: &mut Local) {
    if local.changed_keys.is_empty() {
        return;
    }
    let changed = mem::take(&mut local.changed_keys);
    let lsn = mem::take(&mut local.changed_lsn);
    for (keys, clients) in server.broadcasts.rows(&changed) {
        let all: Keys = Some(keys.iter().map(|key| Box::from(*key)).collect());
        for id in clients {
            let Some(client) = server.clients.get(id) else { continue };
            if !client.is(ClientState::NoLoop) {
                send(server, local, &client, (&all, lsn));
                continue;
            }
            let others = keys.iter().filter(|key| changed.get(**key) != Some(&Some(id)));
            let others: Arc<[Box<[u8]>]> = others.map(|key| Box::from(*key)).collect();
            if !others.is_empty() {
                send(server, local, &client, (&Some(others), lsn));
            }
        }
    }
}

/// Tells all tracking clients that all keys have changed, also the one that has changed them.
fn tell_everybody(server: &Server, local: &mut Local, lsn: Lsn) {
    if server.tracking_clients.load(Ordering::Relaxed) == 0 {
        return;
    }
    for client in server.clients.all() {
        if client.is(ClientState::Tracking) {
            send(server, local, &client, (&None, lsn));
        }
    }
}

/// Tells those who have read a key that it has changed, except who tracks keys no longer, or in
/// another way, or has changed it and does not want to hear of that.
fn tell_readers(
    server: &Server,
    local: &mut Local,
    origin: Option<u64>,
    key: &[u8],
    (readers, lsn): (&[u64], Lsn),
) {
    let keys: Keys = Some([Box::from(key)].into());
    for id in readers {
        let Some(client) = server.clients.get(*id) else { continue };
        let is_reader = client.is(ClientState::Tracking) && !client.is(ClientState::Broadcast);
        if is_reader && !(client.is(ClientState::NoLoop) && origin == Some(*id)) {
            send(server, local, &client, (&keys, lsn));
        }
    }
}

/// Sends a message, which depends on a position, to a client or to the one that it redirects to.
fn send(server: &Server, local: &mut Local, client: &Client, message: (&Keys, Lsn)) {
    let speaks_resp3 = |client: &Client| client.protocol.load(Ordering::Relaxed) == 3;
    let Ok(redirect @ 1..) = u64::try_from(client.redirect.load(Ordering::Relaxed)) else {
        if speaks_resp3(client) {
            hand_over(server, local, client, message);
        }
        return;
    };
    if let Some(target) = server.clients.get(redirect) {
        if speaks_resp3(&target) || target.is(ClientState::Invalidations) {
            hand_over(server, local, &target, message);
        }
        return;
    }
    client.note(ClientState::BrokenRedirect, true);
    if client.address.mailbox == local.number {
        deliver_broken_redirect(local, client, redirect);
    } else if let Some(mailbox) = server.mailbox(client.address.mailbox) {
        mailbox.send(Mail::RedirectBroken { token: client.address.token, redirect });
    }
}

fn hand_over(server: &Server, local: &mut Local, client: &Client, (keys, lsn): (&Keys, Lsn)) {
    let token = client.address.token;
    if client.address.mailbox == local.number {
        deliver(local, client, keys, lsn);
    } else if let Some(mailbox) = server.mailbox(client.address.mailbox) {
        mailbox.send(Mail::Invalidate { token, keys: keys.clone(), lsn });
    }
}

/// Tells a client of this worker which keys have changed, if it is one that can be told still.
pub fn deliver(local: &mut Local, client: &Client, keys: &Keys, lsn: Lsn) {
    let token = client.address.token;
    let Some(protocol) = local.outboxes.protocol(token) else { return };
    if protocol == Protocol::Resp3 || client.is(ClientState::Invalidations) {
        let mut bytes = Vec::new();
        encode(&mut bytes, protocol, keys);
        local.outboxes.push(token, &bytes, lsn);
    }
}

/// Tells a client of this worker that the one that it redirects to is gone.
pub fn deliver_broken_redirect(local: &mut Local, client: &Client, redirect: u64) {
    let token = client.address.token;
    if local.outboxes.protocol(token) == Some(Protocol::Resp3) {
        let mut bytes = Vec::new();
        let mut reply = Reply::new(&mut bytes, Protocol::Resp3);
        reply.push(2);
        reply.bulk(b"tracking-redir-broken");
        reply.integer(i64::try_from(redirect).unwrap_or(i64::MAX));
        local.outboxes.push(token, &bytes, Lsn::ZERO);
    }
}

fn encode(out: &mut Vec<u8>, protocol: Protocol, keys: &Keys) {
    let mut reply = Reply::new(out, protocol);
    match protocol {
        Protocol::Resp3 => {
            reply.push(2);
            reply.bulk(b"invalidate");
        }
        Protocol::Resp2 => {
            reply.push(3);
            reply.bulk(b"message");
            reply.bulk(CHANNEL);
        }
    }
    let Some(keys) = keys else {
        reply.null();
        return;
    };
    reply.array(keys.len());
    for key in &**keys {
        reply.bulk(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &[&str]) -> Keys {
        Some(names.iter().map(|name| Box::from(name.as_bytes())).collect())
    }

    #[test]
    fn messages_look_as_clients_expect() {
        let check = |protocol, keys: &Keys, expect: &str| {
            let mut out = Vec::new();
            encode(&mut out, protocol, keys);
            assert_eq!(String::from_utf8_lossy(&out), expect);
        };
        let two = keys(&["a", "bc"]);
        let resp3 = ">2\r\n$10\r\ninvalidate\r\n";
        let resp2 = "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n";
        let list = "*2\r\n$1\r\na\r\n$2\r\nbc\r\n";
        check(Protocol::Resp3, &two, &format!("{resp3}{list}"));
        check(Protocol::Resp3, &None, &format!("{resp3}_\r\n"));
        check(Protocol::Resp2, &two, &format!("{resp2}{list}"));
        check(Protocol::Resp2, &None, &format!("{resp2}$-1\r\n"));
    }

    #[test]
    fn broadcasts_go_by_prefix() {
        let broadcasts = Broadcasts::default();
        for (prefix, clients) in [("", vec![1]), ("u:", vec![2, 3]), ("v", vec![2])] {
            broadcasts.by_prefix.write().insert(prefix.as_bytes().into(), clients);
        }
        let check = |changed: &[&str], expect: &[(&[&'static str], &[u64])]| {
            let changed = changed.iter().map(|key| (Box::from(key.as_bytes()), None));
            let changed: ChangedKeys = changed.collect();
            let bytes = |keys: &[&'static str]| -> Vec<&[u8]> {
                keys.iter().map(|key| key.as_bytes()).collect()
            };
            let expect: Vec<_> =
                expect.iter().map(|(keys, clients)| (bytes(keys), clients.to_vec())).collect();
            assert_eq!(broadcasts.rows(&changed), expect);
        };
        check(&[], &[]);
        check(&["x"], &[(&["x"], &[1])]);
        check(
            &["u:2", "u", "u:1", "u:2"],
            &[(&["u", "u:1", "u:2"], &[1]), (&["u:1", "u:2"], &[2, 3])],
        );
        check(&["u", "vx"], &[(&["u", "vx"], &[1]), (&["vx"], &[2])]);
    }

    #[test]
    fn caching_decides_what_is_remembered() {
        let check = |scope: Scope, expect: [bool; 2]| {
            let remembers = |is_caching_called| {
                let (own_changes, redirect, scope) = (OwnChanges::Told, None, scope.clone());
                Tracking { scope, own_changes, redirect, is_caching_called }.remembers()
            };
            assert_eq!([false, true].map(remembers), expect, "{scope:?}");
        };
        check(Scope::Reads, [true, true]);
        check(Scope::OptIn, [false, true]);
        check(Scope::OptOut, [true, false]);
        check(Scope::Prefixes(BTreeSet::new()), [false, false]);
    }
}

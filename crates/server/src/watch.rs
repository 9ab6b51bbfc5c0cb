//! The end of transactions and of the watching of keys.

use std::sync::atomic::Ordering;

use firth_engine::{Locked, ShardSet};

use crate::client::ClientState;
use crate::server::Server;
use crate::session::{Session, Transaction};

/// Takes the commands queued since MULTI, if there was one; the client is then outside.
pub fn end_transaction(session: &mut Session) -> Option<Box<Transaction>> {
    let transaction = session.transaction.take()?;
    session.client.queued.store(-1, Ordering::Relaxed);
    session.client.note(ClientState::Multi, false);
    Some(transaction)
}

/// Lets the client watch no key any longer: for UNWATCH, DISCARD, RESET and its disconnection.
///
/// Locks the shards of the watched keys, so the calling thread must hold no lock of keys.
pub fn unwatch_all(server: &Server, session: &mut Session, now_ms: u64) {
    let Some(watch) = &session.watch else { return };
    let mut shards = ShardSet::NONE;
    for place in &watch.keys {
        shards.add(ShardSet::of(server.engine.hash(&place.key)));
    }
    unwatch(session, &mut server.engine.lock(shards, now_ms));
}

/// Lets the client watch no key any longer, whose shards are locked, and says whether one of the
/// keys has changed.
pub fn take_verdict(session: &mut Session, keys: &mut Locked<'_>) -> bool {
    let mut is_changed = false;
    if let Some(watch) = &session.watch {
        // A key that was there and is overdue is removed by this look, which counts as a change; so
        // does that it is hidden.
        for place in &watch.keys {
            is_changed |= keys.is_hidden(place.db, &place.key) && !watch.hidden.contains(place);
        }
        is_changed |= watch.flag.is_raised();
    }
    unwatch(session, keys);
    is_changed
}

fn unwatch(session: &mut Session, keys: &mut Locked<'_>) {
    let Some(watch) = session.watch.take() else { return };
    for place in &watch.keys {
        keys.unwatch(place.db, &place.key, &watch.flag);
    }
    session.client.watched.store(0, Ordering::Relaxed);
}

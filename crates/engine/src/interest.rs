//! Who wants to know about a key: blocked readers, watching transactions, tracking clients.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::key::DbKey;
use crate::wait::Waiter;

type Map<K, V> = HashMap<K, V, foldhash::quality::RandomState>;

/// Set once any of the keys that a transaction watches has changed.
#[derive(Debug, Default)]
pub struct WatchFlag(AtomicBool);

impl WatchFlag {
    /// Says whether a watched key has changed.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A key that changed, with the clients that had read it and asked to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalidation {
    /// The key; `None` stands for every key.
    pub key: Option<Box<[u8]>>,
    /// The tracking clients that had read it.
    pub readers: SmallVec<[u64; 4]>,
    /// How many keys are no longer tracked by this.
    pub forgotten: u64,
}

/// What is known about the interest in the keys of one shard.
#[derive(Default)]
pub(crate) struct Interest {
    watchers: Map<DbKey, Vec<Arc<WatchFlag>>>,
    readers: Map<Box<[u8]>, SmallVec<[u64; 4]>>,
    waiters: Map<DbKey, VecDeque<Arc<dyn Waiter>>>,
}

impl std::fmt::Debug for Interest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Interest")
            .field("watched", &self.watchers.len())
            .field("tracked", &self.readers.len())
            .field("waited_for", &self.waiters.len())
            .finish()
    }
}

impl Interest {
    pub(crate) fn watch(&mut self, key: DbKey, flag: Arc<WatchFlag>) {
        self.watchers.entry(key).or_default().push(flag);
    }

    pub(crate) fn unwatch(&mut self, key: &DbKey, flag: &Arc<WatchFlag>) {
        if let Some(flags) = self.watchers.get_mut(key) {
            flags.retain(|other| !Arc::ptr_eq(other, flag));
            if flags.is_empty() {
                self.watchers.remove(key);
            }
        }
    }

    /// Raises the flags of all transactions that watch this key.
    pub(crate) fn raise(&self, db: u8, key: &[u8]) {
        if self.watchers.is_empty() {
            return;
        }
        for flag in self.watchers.get(&DbKey::new(db, key)).into_iter().flatten() {
            flag.raise();
        }
    }

    /// Returns the watched keys of a database.
    pub(crate) fn watched(&self, db: u8) -> Vec<DbKey> {
        self.watchers.keys().filter(|key| key.db == db).cloned().collect()
    }

    /// Remembers that a client has read this key; returns whether the key is new here.
    pub(crate) fn track(&mut self, key: &[u8], client: u64) -> bool {
        let readers = self.readers.entry(key.into()).or_default();
        let is_new = readers.is_empty();
        if !readers.contains(&client) {
            readers.push(client);
        }
        is_new
    }

    /// Forgets who has read this key and returns them.
    pub(crate) fn untrack(&mut self, key: &[u8]) -> Option<SmallVec<[u64; 4]>> {
        if self.readers.is_empty() { None } else { self.readers.remove(key) }
    }

    /// Forgets who has read any key and returns how many keys that were.
    pub(crate) fn untrack_all(&mut self) -> usize {
        let keys = self.readers.len();
        self.readers.clear();
        keys
    }

    /// Returns any tracked key, for making room.
    pub(crate) fn any_tracked(&self) -> Option<Box<[u8]>> {
        self.readers.keys().next().cloned()
    }

    pub(crate) fn tracked_keys(&self) -> usize {
        self.readers.len()
    }

    pub(crate) fn tracked_items(&self) -> usize {
        self.readers.values().map(SmallVec::len).sum()
    }

    pub(crate) fn park(&mut self, key: DbKey, waiter: Arc<dyn Waiter>) {
        self.waiters.entry(key).or_default().push_back(waiter);
    }

    pub(crate) fn unpark(&mut self, key: &DbKey, id: u64) {
        if let Some(queue) = self.waiters.get_mut(key) {
            queue.retain(|waiter| waiter.id() != id);
            if queue.is_empty() {
                self.waiters.remove(key);
            }
        }
    }

    pub(crate) fn is_waited_for(&self, db: u8, key: &[u8]) -> bool {
        !self.waiters.is_empty() && self.waiters.contains_key(&DbKey::new(db, key))
    }

    pub(crate) fn take_waiters(&mut self, key: &DbKey) -> VecDeque<Arc<dyn Waiter>> {
        self.waiters.remove(key).unwrap_or_default()
    }

    /// Puts waiters that go on waiting back in front of those that came meanwhile.
    pub(crate) fn put_back(&mut self, key: DbKey, mut waiting: VecDeque<Arc<dyn Waiter>>) {
        if waiting.is_empty() {
            return;
        }
        let queue = self.waiters.entry(key).or_default();
        waiting.append(queue);
        *queue = waiting;
    }

    /// Returns the keys of a database that somebody waits for.
    pub(crate) fn waited_for(&self, db: u8) -> Vec<DbKey> {
        self.waiters.keys().filter(|key| key.db == db).cloned().collect()
    }

    /// Returns how many keys are waited for, and how many of them by somebody who also wants to
    /// know when they go away.
    pub(crate) fn blocking_keys(&self) -> (usize, usize) {
        let absence =
            |queue: &&VecDeque<Arc<dyn Waiter>>| queue.iter().any(|w| w.watches_absence());
        (self.waiters.len(), self.waiters.values().filter(absence).count())
    }
}

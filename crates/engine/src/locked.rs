//! Keys whose shards are locked: what one command or one transaction works on.

use std::collections::VecDeque;
use std::sync::Arc;

use firth_wal::Lsn;
use parking_lot::MutexGuard;
use smallvec::SmallVec;

use crate::blocks::reading;
use crate::effect::Effect;
use crate::engine::Engine;
use crate::error::WrongType;
use crate::event::{EventClass, EventMask};
use crate::interest::{Invalidation, WatchFlag};
use crate::key::{DbKey, KeyHash, SHARDS};
use crate::ledger::{Ledger, Signals};
use crate::shard::{Database, Shard, ShardCounters};
use crate::stream::{Stream, StreamMut};
use crate::value::{Entry, Value};
use crate::wait::{Service, Waiter};

/// A set of shards, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardSet(u64);

impl ShardSet {
    /// All shards.
    pub const ALL: ShardSet = ShardSet(u64::MAX);
    /// No shard.
    pub const NONE: ShardSet = ShardSet(0);

    /// Returns the set of one key's shard.
    pub fn of(hash: KeyHash) -> Self {
        ShardSet(1 << hash.shard())
    }

    /// One shard.
    pub(crate) fn one(index: usize) -> Self {
        ShardSet(1 << index)
    }

    /// Returns each shard as a set of its own.
    pub fn each() -> impl Iterator<Item = ShardSet> {
        (0..SHARDS).map(|index| ShardSet(1 << index))
    }

    fn indexes(self) -> impl Iterator<Item = usize> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let index = rest.trailing_zeros();
            rest &= rest.wrapping_sub(1);
            (index < u64::BITS).then_some(index as usize)
        })
    }

    /// Adds the shards of another set.
    pub fn add(&mut self, other: ShardSet) {
        self.0 |= other.0;
    }
}

/// Shards with their numbers.
type LockedShards<'e> = SmallVec<[(usize, MutexGuard<'e, Shard>); 1]>;

/// The keys of some shards, locked, and the account of what is changed there.
///
/// Every read and every change of keys goes through this view. Looking at a key whose shard is not
/// locked is a bug of the caller and panics.
/// A key whose time is up is gone for whoever looks, and is removed by that look unless nothing may
/// be changed.
#[derive(Debug)]
pub struct Locked<'e> {
    engine: &'e Engine,
    shards: LockedShards<'e>,
    set: ShardSet,
    now_ms: u64,
    uses: Uses,
    overdue: Overdue,
    /// Whether a capture is under way in one of the shards: what is changed has to be captured
    /// before. None begins while a shard is locked.
    captures: bool,
    /// What the shards had counted before something ran that may be suspended, which counts once.
    pub(crate) counters_before: SmallVec<[ShardCounters; 1]>,
    pub(crate) ledger: Ledger<'e>,
}

/// Whether looks at keys count as uses of them, which their idle times tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Uses {
    Noted,
    Ignored,
}

/// What becomes of a key whose time is up when it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overdue {
    Removed,
    Hidden,
}

/// Whether a look finds what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Shown,
    Hidden,
}

/// Why an entry is looked up, which decides what the look leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// To read: counted as a hit or a miss, and the key has been used.
    Read,
    /// To change: the key has been used.
    Write,
    /// To look without a trace.
    Peek,
}

impl<'e> Locked<'e> {
    pub(crate) fn new(engine: &'e Engine, set: ShardSet, now_ms: u64) -> Self {
        let settings = engine.settings();
        let ledger = Ledger::new(engine.journal(), settings.event_mask(), settings.broadcasts());
        Locked::with_ledger(engine, set, now_ms, ledger)
    }

    /// Locks shards for one who tells nobody of what happens there.
    pub(crate) fn silent(engine: &'e Engine, set: ShardSet, now_ms: u64) -> Self {
        let ledger = Ledger::new(engine.journal(), EventMask::default(), false);
        Locked::with_ledger(engine, set, now_ms, ledger)
    }

    fn with_ledger(engine: &'e Engine, set: ShardSet, now_ms: u64, mut ledger: Ledger<'e>) -> Self {
        let lock = |index| (index, engine.shard(index).lock());
        let mut shards: LockedShards<'e> = set.indexes().map(lock).collect();
        if let Some((_, shard)) = shards.first_mut() {
            ledger.lend_batch(&mut shard.batch);
        }
        let captures = shards.iter().any(|(_, shard)| shard.captured.is_some());
        let (uses, overdue) = (Uses::Noted, Overdue::Removed);
        let counters_before = SmallVec::new();
        Locked { engine, shards, set, now_ms, uses, overdue, captures, counters_before, ledger }
    }

    /// Returns the time at which the command or transaction runs, the same throughout.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Lets no look count as a use of a key from now on.
    pub fn ignore_uses(&mut self) {
        self.uses = Uses::Ignored;
    }

    /// Lets keys whose time is up be hidden rather than removed, for somebody who only reads while
    /// nothing can be logged.
    pub fn hide_overdue(&mut self) {
        self.overdue = Overdue::Hidden;
    }

    /// Returns the engine.
    pub fn engine(&self) -> &'e Engine {
        self.engine
    }

    /// Says whether the shard of this key is among the locked ones.
    pub fn covers(&self, key: &[u8]) -> bool {
        let shard = ShardSet::of(self.engine.hash(key));
        self.set.0 & shard.0 != 0
    }

    /// Returns the position that a reply depends on: everything changed or read so far is durable
    /// once this position is. To be asked for behind a command or a transaction, not within: what is
    /// changed afterwards is a batch of its own.
    pub fn lsn(&mut self) -> Lsn {
        self.close_batch();
        self.shards.iter().map(|(_, shard)| shard.last_lsn).max().unwrap_or_default()
    }

    /// Commits what was changed. All shards are taken to have been changed, as one batch may have
    /// changed several; a read of one that was not waits for a little more than it depends on.
    fn close_batch(&mut self) {
        if let Some(lsn) = self.ledger.close_batch() {
            for (_, shard) in &mut self.shards {
                shard.last_lsn = shard.last_lsn.max(lsn);
            }
        }
    }

    /// Returns how many changes were made under this lock.
    pub fn changes(&self) -> u64 {
        self.ledger.changes()
    }

    /// Returns how many keyspace events there have been that others want to hear of.
    pub fn events(&self) -> usize {
        self.ledger.signals.events.len()
    }

    /// Takes what is to be told to others. To be asked for when [`Locked::lsn`] is.
    pub fn take_signals(&mut self) -> Signals {
        if self.ledger.signals.is_empty() {
            return Signals::default();
        }
        let lsn = self.lsn();
        Signals { lsn, ..std::mem::take(&mut self.ledger.signals) }
    }

    /// Looks a key up for reading.
    pub fn read(&mut self, db: u8, key: &[u8]) -> Option<&Entry> {
        self.look(db, key, Look::Read).map(|entry| &*entry)
    }

    /// Looks a key up without leaving a trace in its statistics.
    pub fn peek(&mut self, db: u8, key: &[u8]) -> Option<&Entry> {
        self.look(db, key, Look::Peek).map(|entry| &*entry)
    }

    /// Looks a key up that is going to be changed.
    pub(crate) fn look_to_change(&mut self, db: u8, key: &[u8]) -> Option<&mut Entry> {
        self.look(db, key, Look::Write)
    }

    /// Returns the stream that the key holds, for reading.
    ///
    /// # Errors
    /// The key holds a value of another type.
    pub fn stream(&mut self, db: u8, key: &[u8]) -> Result<Option<&Stream>, WrongType> {
        match self.read(db, key).map(Entry::value) {
            None => Ok(None),
            Some(Value::Stream(stream)) => Ok(Some(stream)),
            Some(_) => Err(WrongType),
        }
    }

    /// Returns the stream that the key holds, for changing it.
    ///
    /// # Errors
    /// The key holds a value of another type.
    pub fn stream_mut<'a>(
        &'a mut self,
        db: u8,
        key: &'a [u8],
    ) -> Result<Option<StreamMut<'a, 'e>>, WrongType> {
        self.look_at_stream(db, key, Look::Write)
    }

    /// Returns the stream that the key holds, for changing what its groups have of it. The
    /// statistics and the keyspace events take that for reading.
    ///
    /// # Errors
    /// The key holds a value of another type.
    pub fn stream_for_groups<'a>(
        &'a mut self,
        db: u8,
        key: &'a [u8],
    ) -> Result<Option<StreamMut<'a, 'e>>, WrongType> {
        self.look_at_stream(db, key, Look::Read)
    }

    fn look_at_stream<'a>(
        &'a mut self,
        db: u8,
        key: &'a [u8],
        look: Look,
    ) -> Result<Option<StreamMut<'a, 'e>>, WrongType> {
        let now_ms = self.now_ms;
        let engine = self.engine;
        let hash = engine.hash(key);
        let presence = self.expire_if_due(db, hash, key);
        if self.captures {
            self.shard_mut(hash).capture(db, hash, key);
        }
        let Locked { shards, ledger, uses, .. } = self;
        let shard = locked_shard(shards, hash);
        let Shard { databases, interest, counters, .. } = shard;
        let Database { keys, retention, .. } = &mut databases[usize::from(db)];
        let entry = keys.get_mut(hash, key);
        let entry = entry.filter(|_| presence == Presence::Shown);
        if look == Look::Read {
            count_read(entry.as_deref(), counters, ledger, db, key);
        }
        let Some(entry) = entry else { return Ok(None) };
        if *uses == Uses::Noted {
            entry.used_at_s = seconds(now_ms);
        }
        match &mut entry.value {
            Value::Stream(stream) => Ok(Some(StreamMut {
                stream,
                ledger,
                interest,
                retention,
                db,
                key,
                now_ms,
                settings: engine.settings(),
            })),
            Value::String(_) => Err(WrongType),
        }
    }

    /// Returns the stream that the key holds, for changing it, and creates it if need be.
    ///
    /// # Errors
    /// The key holds a value of another type.
    pub fn stream_or_create<'a>(
        &'a mut self,
        db: u8,
        key: &'a [u8],
    ) -> Result<StreamMut<'a, 'e>, WrongType> {
        if self.peek(db, key).is_none() {
            let (duration_s, entries_max) = self.engine.settings().idempotence();
            self.commit(db, &Effect::CreateStream { key, duration_s, entries_max });
        }
        self.stream_mut(db, key)?.ok_or(WrongType)
    }

    /// Watches a key for a transaction.
    pub fn watch(&mut self, db: u8, key: &[u8], flag: &Arc<WatchFlag>) {
        let hash = self.engine.hash(key);
        self.shard_mut(hash).interest.watch(DbKey::new(db, key), flag.clone());
    }

    /// Watches a key no longer.
    pub fn unwatch(&mut self, db: u8, key: &[u8], flag: &Arc<WatchFlag>) {
        let hash = self.engine.hash(key);
        self.shard_mut(hash).interest.unwatch(&DbKey::new(db, key), flag);
    }

    /// Remembers that a tracking client has read this key; returns whether nobody had before.
    pub fn track(&mut self, key: &[u8], client: u64) -> bool {
        let hash = self.engine.hash(key);
        self.shard_mut(hash).interest.track(key, client)
    }

    /// Invalidates one tracked key, any, to make room; returns whether there was one.
    pub fn evict_tracked(&mut self) -> bool {
        let Locked { shards, ledger, .. } = self;
        for (_, shard) in shards.iter_mut() {
            if let Some(key) = shard.interest.any_tracked() {
                let readers = shard.interest.untrack(&key).unwrap_or_default();
                let invalidation = Invalidation { key: Some(key), readers, forgotten: 1 };
                ledger.signals.invalidations.push(invalidation);
                return true;
            }
        }
        false
    }

    /// Parks a waiter behind those who wait for this key already.
    pub fn park(&mut self, db: u8, key: &[u8], waiter: Arc<dyn Waiter>) {
        let hash = self.engine.hash(key);
        self.shard_mut(hash).interest.park(DbKey::new(db, key), waiter);
    }

    /// Takes a waiter away from this key.
    pub fn unpark(&mut self, db: u8, key: &[u8], id: u64) {
        let hash = self.engine.hash(key);
        self.shard_mut(hash).interest.unpark(&DbKey::new(db, key), id);
    }

    /// Offers all keys that have changed to those who wait for them, first come first served.
    ///
    /// Called at the end of each command outside a transaction, and at the end of a transaction.
    pub fn serve_waiters(&mut self) {
        while let Some(DbKey { db, key }) = self.ledger.ready.pop_front() {
            let hash = self.engine.hash(&key);
            let place = DbKey { db, key };
            let queue = self.shard_mut(hash).interest.take_waiters(&place);
            let mut waiting = VecDeque::new();
            for waiter in queue {
                if waiter.serve(self, db, &place.key) == Service::Waiting {
                    waiting.push_back(waiter);
                }
            }
            self.shard_mut(hash).interest.put_back(place, waiting);
        }
    }

    /// Records an effect and applies it: the one door for changes of keys.
    pub(crate) fn commit(&mut self, db: u8, effect: &Effect<'_>) {
        if !reading::admit_change() {
            return;
        }
        if self.captures {
            self.capture_before(db, effect);
        }
        self.ledger.record(db, effect);
        self.apply(db, effect);
    }

    /// Notes a keyspace event.
    pub(crate) fn event(&mut self, db: u8, class: EventClass, name: &'static str, key: &[u8]) {
        self.ledger.event(db, class, name, key);
    }

    /// Tells all who have an interest in this key that it has changed.
    pub(crate) fn touch(&mut self, db: u8, key: &[u8]) {
        let hash = self.engine.hash(key);
        let Locked { shards, ledger, .. } = self;
        let shard = locked_shard(shards, hash);
        ledger.touch(&mut shard.interest, db, key);
        ledger.wake(&shard.interest, db, key);
    }

    pub(crate) fn hash(&self, key: &[u8]) -> KeyHash {
        self.engine.hash(key)
    }

    pub(crate) fn shard_mut(&mut self, hash: KeyHash) -> &mut Shard {
        locked_shard(&mut self.shards, hash)
    }

    pub(crate) fn shards(&self) -> impl Iterator<Item = &Shard> {
        self.shards.iter().map(|(_, shard)| &**shard)
    }

    pub(crate) fn shards_mut(&mut self) -> impl Iterator<Item = &mut Shard> {
        self.shards.iter_mut().map(|(_, shard)| &mut **shard)
    }

    pub(crate) fn database(&mut self, db: u8, hash: KeyHash) -> &mut Database {
        &mut self.shard_mut(hash).databases[usize::from(db)]
    }

    /// Removes a key whose time is up, or says that it is to be hidden.
    pub(crate) fn expire_if_due(&mut self, db: u8, hash: KeyHash, key: &[u8]) -> Presence {
        let now_ms = self.now_ms;
        let entry = self.database(db, hash).keys.get(hash, key);
        if entry.is_none_or(|entry| entry.expires_at_ms > now_ms) {
            return Presence::Shown;
        }
        if self.overdue == Overdue::Hidden {
            return Presence::Hidden;
        }
        self.shard_mut(hash).counters.expired += 1;
        self.commit(db, &Effect::Delete { key });
        self.event(db, EventClass::Expired, "expired", key);
        Presence::Shown
    }

    fn look(&mut self, db: u8, key: &[u8], look: Look) -> Option<&mut Entry> {
        let hash = self.engine.hash(key);
        let presence = self.expire_if_due(db, hash, key);
        let now_s = seconds(self.now_ms);
        let Locked { shards, ledger, uses, .. } = self;
        let shard = locked_shard(shards, hash);
        let entry = shard.databases[usize::from(db)].keys.get_mut(hash, key);
        let entry = entry.filter(|_| presence == Presence::Shown);
        if look == Look::Read {
            count_read(entry.as_deref(), &mut shard.counters, ledger, db, key);
        }
        let entry = entry?;
        if look != Look::Peek && *uses == Uses::Noted {
            entry.used_at_s = now_s;
        }
        Some(entry)
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.close_batch();
        reading::end_suspension();
        if let Some((_, shard)) = self.shards.first_mut() {
            self.ledger.lend_batch(&mut shard.batch);
        }
    }
}

#[expect(
    clippy::expect_used,
    reason = "dispatch locks the shards of all keys that a command names"
)]
fn locked_shard<'a>(shards: &'a mut LockedShards<'_>, hash: KeyHash) -> &'a mut Shard {
    let wanted = hash.shard();
    let found = shards.iter_mut().find(|(index, _)| *index == wanted);
    &mut found.expect("a key is looked at only while its shard is locked").1
}

/// Counts a look at a key for reading, and notes the event of one that found nothing.
fn count_read(
    found: Option<&Entry>,
    counters: &mut ShardCounters,
    ledger: &mut Ledger<'_>,
    db: u8,
    key: &[u8],
) {
    if found.is_some() {
        counters.hits += 1;
    } else {
        counters.misses += 1;
        ledger.event(db, EventClass::Miss, "keymiss", key);
    }
}

fn seconds(ms: u64) -> u32 {
    u32::try_from(ms / 1000).unwrap_or(u32::MAX)
}

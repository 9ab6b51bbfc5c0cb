//! One shard: a slice of all keys, with everything that is kept per key.

use std::collections::BTreeSet;
use std::sync::Arc;

use firth_wal::Lsn;

use crate::blocks::{KeyAccount, Memory};
use crate::checkpoint::Items;
use crate::interest::Interest;
use crate::key::{DATABASES, KeyHash};
use crate::record::Batch;
use crate::retention::RetentionIndex;
use crate::stream::StreamEffect;
use crate::table::KeyTable;
use crate::value::{Entry, NEVER, Type, Value};

/// The keys of one shard, in all databases.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) databases: Vec<Database>,
    pub(crate) interest: Interest,
    /// The last batch of changes made under this shard's lock: what a read here depends on.
    pub(crate) last_lsn: Lsn,
    /// The buffer in which changes made under this shard's lock are encoded.
    pub(crate) batch: Batch,
    pub(crate) counters: ShardCounters,
    /// The number of the last capture, modulo 256: keys that are captured, or that were made since
    /// it began, have it too.
    pub(crate) epoch: u8,
    /// What has been captured because it was about to change, while a capture is under way here.
    pub(crate) captured: Option<Box<Items>>,
}

/// What happened in a shard since the start or since the counters were reset.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ShardCounters {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) expired: u64,
}

/// One database's keys within a shard.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) keys: KeyTable,
    /// The keys that expire, the next one first.
    pub(crate) deadlines: BTreeSet<(u64, Box<[u8]>)>,
    /// The streams with retention policies.
    pub(crate) retention: RetentionIndex,
    /// What the keys take, with their strings.
    account: KeyAccount,
}

impl Shard {
    /// Returns a shard without keys, which is counted here.
    pub(crate) fn new(memory: &Arc<Memory>) -> Self {
        Shard {
            databases: (0..DATABASES).map(|_| Database::new(memory)).collect(),
            interest: Interest::default(),
            last_lsn: Lsn::ZERO,
            batch: Batch::default(),
            counters: ShardCounters::default(),
            epoch: 0,
            captured: None,
        }
    }
}

impl Database {
    fn new(memory: &Arc<Memory>) -> Self {
        Database {
            keys: KeyTable::default(),
            deadlines: BTreeSet::new(),
            retention: RetentionIndex::default(),
            account: KeyAccount::new(memory),
        }
    }

    /// Forgets all keys.
    pub(crate) fn clear(&mut self) {
        self.keys = KeyTable::default();
        self.deadlines.clear();
        self.retention = RetentionIndex::default();
        self.account.clear();
    }

    /// Puts an entry in the place of whatever the key held, and returns what that was.
    pub(crate) fn put(&mut self, entry: Entry) -> Option<Entry> {
        let old = self.take(entry.hash, &entry.key);
        if entry.expires_at_ms != NEVER {
            self.deadlines.insert((entry.expires_at_ms, entry.key.clone()));
        }
        self.retention.enter(&entry.key, &entry.value);
        self.account.resize(0, entry.counted_bytes());
        self.keys.insert(entry);
        old
    }

    /// Takes a key out.
    pub(crate) fn take(&mut self, hash: KeyHash, key: &[u8]) -> Option<Entry> {
        let entry = self.keys.remove(hash, key)?;
        self.retention.leave(key, &entry.value);
        self.account.resize(entry.counted_bytes(), 0);
        if entry.expires_at_ms != NEVER {
            self.deadlines.remove(&(entry.expires_at_ms, entry.key.clone()));
        }
        Some(entry)
    }

    /// Applies a change to the string that the key holds; says what the key holds otherwise.
    pub(crate) fn change_string(
        &mut self,
        hash: KeyHash,
        key: &[u8],
        change: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), Option<Type>> {
        let entry = self.keys.get_mut(hash, key).ok_or(None)?;
        let before = entry.counted_bytes();
        let Value::String(text) = &mut entry.value else { return Err(Some(entry.value.kind())) };
        change(text);
        self.account.resize(before, entry.counted_bytes());
        Ok(())
    }

    /// Applies a change to the stream that the key holds, if it holds one.
    pub(crate) fn change_stream(&mut self, hash: KeyHash, key: &[u8], change: &StreamEffect<'_>) {
        let Some(entry) = self.keys.get_mut(hash, key) else { return };
        let Value::Stream(stream) = &mut entry.value else { return };
        self.retention.change(key, stream, change);
    }

    /// Sets or clears a key's deadline.
    pub(crate) fn set_deadline(&mut self, hash: KeyHash, key: &[u8], expires_at_ms: u64) {
        let Some(entry) = self.keys.get_mut(hash, key) else { return };
        if entry.expires_at_ms != NEVER {
            self.deadlines.remove(&(entry.expires_at_ms, key.into()));
        }
        entry.expires_at_ms = expires_at_ms;
        if expires_at_ms != NEVER {
            self.deadlines.insert((expires_at_ms, key.into()));
        }
    }

    /// Returns some keys whose time is up.
    pub(crate) fn overdue(&self, now_ms: u64, keys_max: usize) -> Vec<Box<[u8]>> {
        let due = self.deadlines.iter().take_while(|(at_ms, _)| *at_ms <= now_ms);
        due.take(keys_max).map(|(_, key)| key.clone()).collect()
    }
}

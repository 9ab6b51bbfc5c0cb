//! How effects become state: the same for live traffic and for recovery.

use crate::effect::Effect;
use crate::event::EventClass;
use crate::key::{DATABASES, DbKey};
use crate::locked::Locked;
use crate::stream::Stream;
use crate::value::{Entry, NEVER, Type, Value};

/// A string that grows gets room for so much more at the most.
const GROWTH_BYTES_MAX: usize = 1 << 20;

impl Locked<'_> {
    /// Applies an effect. It cannot fail: what it speaks of and is not there is passed over.
    pub(crate) fn apply(&mut self, db: u8, effect: &Effect<'_>) {
        match *effect {
            Effect::SetString { key, value, expires_at_ms } => {
                let value = Value::String(value.to_vec());
                self.put(db, key, value, expires_at_ms);
            }
            Effect::ReplaceString { key, value } => self.replace_bytes(db, key, value),
            Effect::WriteString { key, offset, bytes } => self.write_string(db, key, offset, bytes),
            Effect::SetDeadline { key, expires_at_ms } => {
                let hash = self.hash(key);
                self.database(db, hash).set_deadline(hash, key, expires_at_ms);
                self.touch(db, key);
            }
            Effect::Delete { key } => {
                let hash = self.hash(key);
                self.database(db, hash).take(hash, key);
                self.touch(db, key);
            }
            Effect::Rename { key, to_db, to } => {
                let hash = self.hash(key);
                if let Some(entry) = self.database(db, hash).take(hash, key) {
                    self.touch(db, key);
                    self.put_as_new(to_db, to, entry.value, entry.expires_at_ms);
                }
            }
            Effect::Copy { key, to_db, to } => {
                let hash = self.hash(key);
                if let Some(entry) = self.database(db, hash).keys.get(hash, key) {
                    let (value, expires_at_ms) = (entry.value.clone(), entry.expires_at_ms);
                    self.put_as_new(to_db, to, value, expires_at_ms);
                }
            }
            Effect::Flush => self.apply_flush(db),
            Effect::Swap { other } => self.apply_swap(db, other),
            Effect::CreateStream { key, duration_s, entries_max } => {
                let mut stream = Stream::new(duration_s, entries_max);
                stream.count_in(self.engine().memory());
                self.put(db, key, Value::Stream(Box::new(stream)), NEVER);
            }
            Effect::Stream { key, ref change } => {
                let hash = self.hash(key);
                self.database(db, hash).change_stream(hash, key, change);
            }
        }
    }

    /// Puts a value in the place of whatever the key held.
    fn put(&mut self, db: u8, key: &[u8], value: Value, expires_at_ms: u64) {
        let kind = value.kind();
        match self.place(db, key, value, expires_at_ms) {
            None => self.event(db, EventClass::New, "new", key),
            Some(old) => self.event_overwritten(db, key, old.value.kind(), kind),
        }
    }

    /// Puts a value that comes from another key, which makes a new key of one that there was.
    fn put_as_new(&mut self, db: u8, key: &[u8], value: Value, expires_at_ms: u64) {
        self.place(db, key, value, expires_at_ms);
        self.event(db, EventClass::New, "new", key);
    }

    fn place(&mut self, db: u8, key: &[u8], value: Value, expires_at_ms: u64) -> Option<Entry> {
        let hash = self.hash(key);
        let mut entry = Entry::new(hash, key, value);
        entry.expires_at_ms = expires_at_ms;
        entry.used_at_s = u32::try_from(self.now_ms() / 1000).unwrap_or(u32::MAX);
        entry.epoch = self.shard_mut(hash).epoch;
        let old = self.database(db, hash).put(entry);
        self.touch(db, key);
        old
    }

    /// Notes that a value has taken the place of another one.
    pub(crate) fn event_overwritten(&mut self, db: u8, key: &[u8], old: Type, new: Type) {
        self.event(db, EventClass::Overwritten, "overwritten", key);
        if old != new {
            self.event(db, EventClass::TypeChanged, "type_changed", key);
        }
    }

    fn replace_bytes(&mut self, db: u8, key: &[u8], value: &[u8]) {
        let change = |text: &mut Vec<u8>| {
            text.clear();
            text.extend_from_slice(value);
        };
        self.change_string(db, key, change, || value.to_vec());
    }

    /// Changes a string, also if its time is up: that a key has expired is an effect of its own,
    /// which comes before any that relies on it. Without one, there is a new one.
    fn change_string(
        &mut self,
        db: u8,
        key: &[u8],
        change: impl FnOnce(&mut Vec<u8>),
        new: impl FnOnce() -> Vec<u8>,
    ) {
        let hash = self.hash(key);
        match self.database(db, hash).change_string(hash, key, change) {
            Ok(()) => self.touch(db, key),
            Err(Some(_)) => {}
            Err(None) => self.put(db, key, Value::String(new()), NEVER),
        }
    }

    fn write_string(&mut self, db: u8, key: &[u8], offset: usize, bytes: &[u8]) {
        let end = offset.saturating_add(bytes.len());
        let change = |text: &mut Vec<u8>| {
            if text.len() < end {
                if text.capacity() < end {
                    // As much again while it is small, then no more than a little.
                    text.reserve_exact(end - text.len() + end.min(GROWTH_BYTES_MAX));
                }
                text.resize(end, 0);
            }
            if let Some(range) = text.get_mut(offset..end) {
                range.copy_from_slice(bytes);
            }
        };
        self.change_string(db, key, change, || {
            let mut text = Vec::with_capacity(end);
            text.resize(offset, 0);
            text.extend_from_slice(bytes);
            text
        });
    }

    fn apply_flush(&mut self, db: u8) {
        let affected = self.keys_of_interest(db, db);
        for shard in self.shards_mut() {
            shard.databases[usize::from(db)].clear();
        }
        for key in affected {
            self.touch(db, &key);
        }
    }

    fn apply_swap(&mut self, db: u8, other: u8) {
        if db.max(other) >= DATABASES || db == other {
            return;
        }
        let affected =
            [(db, other), (other, db)].map(|(db, other)| self.keys_of_interest(db, other));
        for shard in self.shards_mut() {
            shard.databases.swap(usize::from(db), usize::from(other));
        }
        for (db, keys) in [db, other].into_iter().zip(affected) {
            for key in keys {
                self.touch(db, &key);
            }
        }
    }

    /// Returns the keys of a database that somebody watches or waits for and that are there now, in
    /// this database or in the other one, overdue or not.
    pub(crate) fn keys_of_interest(&self, db: u8, other: u8) -> Vec<Box<[u8]>> {
        let mut affected = Vec::new();
        for shard in self.shards() {
            let watched = shard.interest.watched(db).into_iter();
            for DbKey { key, .. } in watched.chain(shard.interest.waited_for(db)) {
                let hash = self.hash(&key);
                let there =
                    |db: u8| shard.databases[usize::from(db)].keys.get(hash, &key).is_some();
                if there(db) || there(other) {
                    affected.push(key);
                }
            }
        }
        affected
    }
}

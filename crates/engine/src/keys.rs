//! Operations on keys of any type.

use crate::effect::Effect;
use crate::event::EventClass;
use crate::interest::Invalidation;
use crate::key::{DATABASES, DbKey, SHARDS};
use crate::locked::Locked;
use crate::table::ScanPosition;
use crate::value::{Entry, NEVER, Type};

/// When a new deadline takes the place of the old one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeadlineRule {
    /// What must hold for the key's deadline to be there or not.
    pub presence: Option<Presence>,
    /// What must hold for the new deadline against the old one; a key without one never expires.
    pub order: Option<DeadlineOrder>,
}

/// Whether something must be there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It must not be there (`NX`).
    Absent,
    /// It must be there (`XX`).
    Present,
}

/// How a new deadline must compare with the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadlineOrder {
    /// It must be later (`GT`).
    Later,
    /// It must be earlier (`LT`).
    Earlier,
}

impl DeadlineRule {
    fn allows(self, old: Option<u64>, new: u64) -> bool {
        let presence = match self.presence {
            None => true,
            Some(Presence::Absent) => old.is_none(),
            Some(Presence::Present) => old.is_some(),
        };
        let old = old.unwrap_or(NEVER);
        presence
            && match self.order {
                None => true,
                Some(DeadlineOrder::Later) => new > old,
                Some(DeadlineOrder::Earlier) => new < old,
            }
    }
}

/// What came of giving a value another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renamed {
    /// It was done.
    Done,
    /// There is no such key.
    NoSuchKey,
    /// The other key is taken.
    Taken,
}

/// What must hold for a value to be put under a key that may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// Whatever is there goes.
    Allowed,
    /// The key must be free.
    Refused,
}

/// Where a scan over all keys goes on; 0 is the start and, as an answer, the end.
pub type ScanCursor = u64;

const CURSOR_BITS: u32 = 42;
const POSITION_SHIFT: u32 = u64::BITS - CURSOR_BITS;

impl Locked<'_> {
    /// Removes a key; returns whether it was there.
    pub fn delete(&mut self, db: u8, key: &[u8]) -> bool {
        if self.peek(db, key).is_none() {
            return false;
        }
        self.commit(db, &Effect::Delete { key });
        self.event(db, EventClass::Generic, "del", key);
        true
    }

    /// Sets when a key expires; a time that has passed deletes it. Returns whether it was done.
    pub fn set_deadline(
        &mut self,
        db: u8,
        key: &[u8],
        expires_at_ms: u64,
        rule: DeadlineRule,
    ) -> bool {
        let Some(entry) = self.look_to_change(db, key) else { return false };
        if !rule.allows(entry.expires_at_ms(), expires_at_ms) {
            return false;
        }
        if expires_at_ms <= self.now_ms() {
            return self.delete(db, key);
        }
        self.commit(db, &Effect::SetDeadline { key, expires_at_ms });
        self.event(db, EventClass::Generic, "expire", key);
        true
    }

    /// Lets a key live for ever; returns whether it had a deadline.
    pub fn persist(&mut self, db: u8, key: &[u8]) -> bool {
        let deadline = self.look_to_change(db, key).and_then(|entry| entry.expires_at_ms());
        if deadline.is_none() {
            return false;
        }
        self.commit(db, &Effect::SetDeadline { key, expires_at_ms: NEVER });
        self.event(db, EventClass::Generic, "persist", key);
        true
    }

    /// Gives a value another key.
    pub fn rename(&mut self, db: u8, from: &[u8], to: &[u8], overwrite: Overwrite) -> Renamed {
        if self.look_to_change(db, from).is_none() {
            return Renamed::NoSuchKey;
        }
        let taken = self.peek(db, to).is_some();
        if taken && overwrite == Overwrite::Refused {
            return Renamed::Taken;
        }
        if from != to {
            self.commit(db, &Effect::Rename { key: from, to_db: db, to });
            self.event(db, EventClass::Generic, "rename_from", from);
            self.event(db, EventClass::Generic, "rename_to", to);
        }
        Renamed::Done
    }

    /// Puts a key into another database, if it is free there; returns whether it was done.
    pub fn move_to(&mut self, db: u8, key: &[u8], to_db: u8) -> bool {
        if self.peek(db, key).is_none() || self.peek(to_db, key).is_some() {
            return false;
        }
        self.commit(db, &Effect::Rename { key, to_db, to: key });
        self.event(db, EventClass::Generic, "move_from", key);
        self.event(to_db, EventClass::Generic, "move_to", key);
        true
    }

    /// Puts a copy of a value under another key; returns whether it was done.
    pub fn copy(&mut self, db: u8, key: &[u8], to_db: u8, to: &[u8], overwrite: Overwrite) -> bool {
        if self.read(db, key).is_none() {
            return false;
        }
        if self.peek(to_db, to).is_some() && overwrite == Overwrite::Refused {
            return false;
        }
        self.commit(db, &Effect::Copy { key, to_db, to });
        self.event(to_db, EventClass::Generic, "copy_to", to);
        true
    }

    /// Empties a database; returns how many keys went. All shards must be locked.
    pub fn flush(&mut self, db: u8) -> usize {
        let keys = self.key_count(db);
        self.commit(db, &Effect::Flush);
        keys
    }

    /// Reports every key as changed to the clients that track any.
    pub fn invalidate_all(&mut self) {
        for shard in self.shards_mut() {
            shard.interest.untrack_all();
        }
        let everything = Invalidation { key: None, readers: Default::default() };
        self.ledger.signals.invalidations.push(everything);
    }

    /// Lets two databases change places. All shards must be locked.
    pub fn swap(&mut self, db: u8, other: u8) {
        if db != other && db.max(other) < DATABASES {
            self.commit(db, &Effect::Swap { other });
        }
    }

    /// Returns how many keys a database holds, overdue ones included. All shards must be locked.
    pub fn key_count(&self, db: u8) -> usize {
        self.shards().map(|shard| shard.databases[usize::from(db)].keys.len()).sum()
    }

    /// Returns how many keys of a database have a deadline, and how far ahead it is on average, in
    /// milliseconds. All shards must be locked.
    pub fn deadlines(&self, db: u8) -> (usize, u64) {
        let databases = || self.shards().map(|shard| &shard.databases[usize::from(db)]);
        let count: usize = databases().map(|database| database.deadlines.len()).sum();
        let samples = databases().flat_map(|database| database.deadlines.iter().take(2));
        let (sum_ms, samples) = samples.fold((0u64, 0u64), |(sum_ms, samples), (at_ms, _)| {
            (sum_ms.saturating_add(at_ms.saturating_sub(self.now_ms())), samples + 1)
        });
        (count, sum_ms.checked_div(samples).unwrap_or(0))
    }

    /// Returns all keys of a database that are not overdue. All shards must be locked.
    pub fn entries(&self, db: u8) -> impl Iterator<Item = &Entry> {
        let entries =
            self.shards().flat_map(move |shard| shard.databases[usize::from(db)].keys.iter());
        entries.filter(|entry| entry.expires_at_ms > self.now_ms())
    }

    /// Returns some key of a database. All shards must be locked.
    pub fn random_key(&mut self, db: u8) -> Option<Box<[u8]>> {
        let count = self.key_count(db);
        let skip = self.engine().random() as usize % count.max(1);
        let mut keys = self.entries(db).map(|entry| &entry.key);
        let key = keys.nth(skip).or_else(|| self.entries(db).map(|entry| &entry.key).next());
        key.cloned()
    }

    /// Visits at least `count` keys of a database from a cursor on, fewer at the end, and returns
    /// the cursor to go on from. All shards must be locked.
    ///
    /// A key that is there throughout a scan is visited, also while others come and go.
    pub fn scan(
        &self,
        db: u8,
        cursor: ScanCursor,
        count: usize,
        mut visit: impl FnMut(&[u8], Type),
    ) -> ScanCursor {
        let mut shard = (cursor >> CURSOR_BITS) as usize;
        let mut position = ScanPosition(cursor << POSITION_SHIFT);
        let mut visited = 0;
        while shard < SHARDS && visited < count {
            let Some(database) = self.shards().nth(shard).map(|s| &s.databases[usize::from(db)])
            else {
                return 0;
            };
            let next = database.keys.scan(position, |entry| {
                visited += 1;
                if entry.expires_at_ms > self.now_ms() {
                    visit(&entry.key, entry.value.kind());
                }
            });
            if next.is_none() {
                shard += 1;
            }
            position = next.unwrap_or(ScanPosition(0));
        }
        if shard >= SHARDS {
            0
        } else {
            (shard as u64) << CURSOR_BITS | position.0 >> POSITION_SHIFT
        }
    }

    /// Removes up to `keys_max` keys of the locked shards whose time is up.
    pub fn expire_overdue(&mut self, keys_max: usize) -> usize {
        let now_ms = self.now_ms();
        let mut overdue = Vec::new();
        for shard in self.shards() {
            for (db, database) in (0u8..).zip(&shard.databases) {
                let room = keys_max.saturating_sub(overdue.len());
                let keys = database.overdue(now_ms, room).into_iter();
                overdue.extend(keys.map(|key| DbKey { db, key }));
            }
        }
        for DbKey { db, key } in &overdue {
            let hash = self.hash(key);
            self.expire_if_due(*db, hash, key);
        }
        overdue.len()
    }
}

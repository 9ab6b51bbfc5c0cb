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

/// How often a random key is looked for before the first one will do.
const RANDOM_TRIES: usize = 100;

impl Locked<'_> {
    /// Looks a key up for a reader whose look is no use of the key: it counts as a hit or a miss,
    /// but the key stays as idle as it was.
    pub fn glance(&mut self, db: u8, key: &[u8]) -> Option<&Entry> {
        let hash = self.hash(key);
        let is_there = self.peek(db, key).is_some();
        let counters = &mut self.shard_mut(hash).counters;
        if is_there {
            counters.hits += 1;
        } else {
            counters.misses += 1;
            self.event(db, EventClass::Miss, "keymiss", key);
        }
        self.peek(db, key)
    }

    /// Says whether a key is hidden, since its time is up and nothing may be changed.
    pub fn is_hidden(&mut self, db: u8, key: &[u8]) -> bool {
        let hash = self.hash(key);
        self.expire_if_due(db, hash, key) == crate::locked::Presence::Hidden
    }

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
        let Some(kind) = self.look_to_change(db, from).map(|entry| entry.value.kind()) else {
            return Renamed::NoSuchKey;
        };
        let taken = self.peek(db, to).map(|entry| entry.value.kind());
        if taken.is_some() && overwrite == Overwrite::Refused {
            return Renamed::Taken;
        }
        if from != to {
            let form = self.form(db, from);
            self.commit(db, &Effect::Rename { key: from, to_db: db, to });
            self.set_form(db, to, form);
            self.event(db, EventClass::Generic, "rename_from", from);
            self.event(db, EventClass::Generic, "rename_to", to);
            taken.into_iter().for_each(|old| self.event_overwritten(db, to, old, kind));
        }
        Renamed::Done
    }

    /// Puts a key into another database, if it is free there; returns whether it was done.
    pub fn move_to(&mut self, db: u8, key: &[u8], to_db: u8) -> bool {
        if self.peek(db, key).is_none() || self.peek(to_db, key).is_some() {
            return false;
        }
        let form = self.form(db, key);
        self.commit(db, &Effect::Rename { key, to_db, to: key });
        self.set_form(to_db, key, form);
        self.event(db, EventClass::Generic, "move_from", key);
        self.event(to_db, EventClass::Generic, "move_to", key);
        true
    }

    /// Puts a copy of a value under another key; returns whether it was done.
    pub fn copy(&mut self, db: u8, key: &[u8], to_db: u8, to: &[u8], overwrite: Overwrite) -> bool {
        let Some(kind) = self.read(db, key).map(|entry| entry.value.kind()) else {
            return false;
        };
        let taken = self.peek(to_db, to).map(|entry| entry.value.kind());
        if taken.is_some() && overwrite == Overwrite::Refused {
            return false;
        }
        let form = self.form(db, key);
        self.commit(db, &Effect::Copy { key, to_db, to });
        self.set_form(to_db, to, form);
        self.event(to_db, EventClass::Generic, "copy_to", to);
        taken.into_iter().for_each(|old| self.event_overwritten(to_db, to, old, kind));
        true
    }

    /// Empties a database; returns how many keys went. All shards must be locked.
    pub fn flush(&mut self, db: u8) -> usize {
        let keys = self.key_count(db);
        if keys > 0 {
            self.commit(db, &Effect::Flush);
        }
        keys
    }

    /// Reports every key as changed to the clients that track any.
    pub fn invalidate_all(&mut self) {
        let forgotten = self.shards_mut().map(|shard| shard.interest.untrack_all() as u64).sum();
        let everything = Invalidation { key: None, readers: Default::default(), forgotten };
        self.ledger.signals.invalidations.push(everything);
    }

    /// Lets two databases change places. All shards must be locked.
    pub fn swap(&mut self, db: u8, other: u8) {
        if db == other || db.max(other) >= DATABASES {
            return;
        }
        // An overdue key that came from the other database would otherwise count as a change.
        let affected = [self.keys_of_interest(db, other), self.keys_of_interest(other, db)];
        for key in affected.into_iter().flatten() {
            self.peek(db, &key);
            self.peek(other, &key);
        }
        self.commit(db, &Effect::Swap { other });
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
        for _ in 0..RANDOM_TRIES {
            if let Some(key) = self.pick_key(db)
                && self.peek(db, &key).is_some()
            {
                return Some(key);
            }
        }
        self.entries(db).map(|entry| entry.key.clone()).next()
    }

    /// Picks some key, overdue or not; `None` if it happens to look where there is none.
    ///
    /// Shards are chosen by how many keys they hold, places within a shard at random.
    fn pick_key(&self, db: u8) -> Option<Box<[u8]>> {
        let random = |below: usize| (self.engine().random() % (below.max(1) as u64)) as usize;
        let mut skip = random(self.key_count(db));
        let tables = || self.shards().map(|shard| &shard.databases[usize::from(db)].keys);
        let table = tables().find(|table| {
            let is_here = skip < table.len();
            skip = skip.saturating_sub(table.len());
            is_here
        })?;
        let (mut seen, mut picked) = (0, None);
        table.scan(ScanPosition(self.engine().random()), |entry| {
            seen += 1;
            if random(seen) == 0 {
                picked = Some(entry.key.clone());
            }
        });
        picked
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::*;
    use crate::stream::testing::{self, lock, lock_after};
    use crate::strings::Deadline;
    use crate::{ShardSet, WatchFlag};

    fn set(keys: &mut Locked<'_>, db: u8, key: &[u8], deadline: Deadline) {
        assert!(keys.set_string(db, key, b"value", deadline, None));
    }

    fn events(keys: &mut Locked<'_>) -> Vec<String> {
        let events = keys.take_signals().events.into_iter();
        let text = |key: &[u8]| String::from_utf8_lossy(key).into_owned();
        events.map(|event| format!("{} {}", event.name, text(&event.key))).collect()
    }

    #[test]
    fn deadlines_obey_their_rule() {
        let rule = |presence, order| DeadlineRule { presence, order };
        let check = |old: Option<u64>, rule: DeadlineRule, new: u64, expect: bool| {
            let engine = testing::engine();
            let mut keys = lock(&engine, 10);
            set(&mut keys, 0, b"k", old.map_or(Deadline::Clear, Deadline::At));
            assert_eq!(keys.set_deadline(0, b"k", new, rule), expect, "{old:?} {rule:?} {new}");
            let now = keys.peek(0, b"k").and_then(Entry::expires_at_ms);
            assert_eq!(now, if expect { Some(new).filter(|new| *new > 10) } else { old });
            assert_eq!(keys.peek(0, b"k").is_none(), expect && new <= 10);
        };
        let (absent, present) = (Some(Presence::Absent), Some(Presence::Present));
        let (later, earlier) = (Some(DeadlineOrder::Later), Some(DeadlineOrder::Earlier));
        check(None, rule(None, None), 50, true);
        check(None, rule(None, None), 10, true);
        check(None, rule(absent, None), 50, true);
        check(Some(40), rule(absent, None), 50, false);
        check(None, rule(present, None), 50, false);
        check(Some(40), rule(present, None), 50, true);
        check(None, rule(None, later), 50, false);
        check(Some(50), rule(None, later), 50, false);
        check(Some(40), rule(None, later), 50, true);
        check(None, rule(None, earlier), 50, true);
        check(Some(50), rule(None, earlier), 50, false);
        check(Some(50), rule(None, earlier), 5, true);
        check(None, rule(present, earlier), 50, false);
    }

    #[test]
    fn keys_change_places_with_their_deadlines() {
        let engine = testing::engine();
        let mut keys = lock(&engine, 10);
        set(&mut keys, 0, b"a", Deadline::At(50));
        set(&mut keys, 0, b"b", Deadline::Clear);
        keys.take_signals();
        assert_eq!(keys.rename(0, b"x", b"b", Overwrite::Allowed), Renamed::NoSuchKey);
        assert_eq!(keys.rename(0, b"a", b"b", Overwrite::Refused), Renamed::Taken);
        assert_eq!(keys.rename(0, b"a", b"a", Overwrite::Allowed), Renamed::Done);
        assert_eq!(events(&mut keys), [""; 0]);
        assert_eq!(keys.rename(0, b"a", b"b", Overwrite::Allowed), Renamed::Done);
        assert_eq!(events(&mut keys), ["new b", "rename_from a", "rename_to b", "overwritten b"]);
        assert!(keys.peek(0, b"a").is_none());
        assert_eq!(keys.peek(0, b"b").unwrap().expires_at_ms(), Some(50));
        assert!(keys.copy(0, b"b", 3, b"c", Overwrite::Refused));
        assert!(!keys.copy(0, b"b", 3, b"c", Overwrite::Refused));
        assert!(!keys.copy(0, b"x", 3, b"c", Overwrite::Allowed));
        assert_eq!(events(&mut keys), ["new c", "copy_to c", "keymiss x"]);
        assert!(keys.move_to(0, b"b", 4));
        assert!(!keys.move_to(0, b"b", 4));
        assert_eq!(events(&mut keys), ["new b", "move_from b", "move_to b"]);
        keys.swap(3, 4);
        assert_eq!(keys.peek(4, b"c").unwrap().expires_at_ms(), Some(50));
        assert!(keys.persist(4, b"c"));
        assert!(!keys.persist(4, b"c"));
        let mut keys = lock_after(keys, &engine, 50);
        assert!(keys.peek(3, b"b").is_none());
        assert!(keys.peek(4, b"c").is_some());
    }

    #[test]
    fn a_glance_counts_and_leaves_the_key_idle() {
        let engine = testing::engine();
        let mut keys = lock(&engine, 1_000);
        set(&mut keys, 0, b"k", Deadline::Clear);
        keys.take_signals();
        let mut keys = lock_after(keys, &engine, 9_000);
        assert_eq!(keys.glance(0, b"k").unwrap().used_at_s(), 1);
        assert!(keys.glance(0, b"x").is_none());
        assert_eq!(events(&mut keys), ["keymiss x"]);
        assert_eq!((keys.stats().hits, keys.stats().misses), (1, 1));
        assert_eq!(keys.read(0, b"k").unwrap().used_at_s(), 9);
    }

    #[test]
    fn scans_and_random_keys_find_all_that_is_not_overdue() {
        let engine = testing::engine();
        let mut keys = lock(&engine, 1);
        assert_eq!(keys.random_key(0), None);
        let names: BTreeSet<Box<[u8]>> =
            (0..5_000u32).map(|number| number.to_string().into_bytes().into()).collect();
        for name in &names {
            set(&mut keys, 0, name, Deadline::Clear);
            set(&mut keys, 0, &[b"x", &name[..]].concat(), Deadline::At(5));
        }
        let mut keys = lock_after(keys, &engine, 5);
        let mut found = BTreeSet::new();
        let mut cursor = 0;
        loop {
            cursor = keys.scan(0, cursor, 7, |key, kind| {
                assert_eq!(kind, Type::String);
                found.insert(Box::from(key));
            });
            if cursor == 0 {
                break;
            }
        }
        assert!(found == names);
        let random: BTreeSet<_> = (0..100).filter_map(|_| keys.random_key(0)).collect();
        assert!(random.len() > 50 && random.is_subset(&names));
        for cursor in [1, u64::MAX, u64::MAX >> 1, 63 << 42] {
            keys.scan(0, cursor, 10, |_, _| {});
        }
        assert!(keys.flush(0) >= names.len());
        assert_eq!(keys.flush(0), 0);
        assert_eq!(keys.random_key(0), None);
    }

    #[test]
    fn watches_are_raised_by_expiry_and_flush() {
        let engine = testing::engine();
        let mut keys = lock(&engine, 1);
        set(&mut keys, 0, b"k", Deadline::At(5));
        set(&mut keys, 1, b"k", Deadline::Clear);
        let flags = [(); 3].map(|()| Arc::new(WatchFlag::default()));
        keys.watch(0, b"k", &flags[0]);
        keys.watch(1, b"k", &flags[1]);
        keys.watch(1, b"absent", &flags[2]);
        let raised = || flags.each_ref().map(|flag| flag.is_raised());
        assert_eq!(raised(), [false, false, false]);
        let mut keys = lock_after(keys, &engine, 5);
        assert!(keys.peek(0, b"k").is_none());
        assert_eq!(raised(), [true, false, false]);
        keys.flush(1);
        assert_eq!(raised(), [true, true, false]);
        drop(keys);
        let mut keys = engine.lock(ShardSet::of(engine.hash(b"absent")), 6);
        keys.unwatch(1, b"absent", &flags[2]);
        set(&mut keys, 1, b"absent", Deadline::Clear);
        assert!(!flags[2].is_raised());
    }
}

//! Capturing the state as it was at one moment, while work goes on.
//!
//! A capture begins with all shards locked, for an instant: each gets a new epoch, and the position
//! of the last batch is noted. From then on, a key whose epoch is not that of its shard holds what
//! it held at that moment. The one who captures goes through the buckets of one shard after the
//! other; whoever is about to change a key that has not been captured captures it first, into a
//! side buffer of its shard. Either way the key gets the shard's epoch. New keys are born with it.
//!
//! A capture always goes to its end, also if nobody wants what it captures any more, so that all
//! keys have the same epoch when the next one begins.

use std::mem;
use std::ops::ControlFlow;

use firth_wal::Lsn;

use super::Items;
use crate::effect::Effect;
use crate::engine::Engine;
use crate::key::{DATABASES, KeyHash, SHARDS};
use crate::locked::{Locked, ShardSet};
use crate::shard::Shard;
use crate::table::ScanPosition;

/// A shard is unlocked when so many bytes have been captured, or behind one bucket, or behind a
/// longer key.
const STEP_BYTES: usize = 64 << 10;

/// A capture that is under way.
#[derive(Debug)]
pub(crate) struct Capture {
    lsn: Lsn,
    /// Where it goes on; all shards before this one are through.
    shard: usize,
    db: u8,
    position: ScanPosition,
    /// The shard whose side buffer is emptied next.
    emptied: usize,
}

impl Capture {
    /// Begins to capture the state as it is now.
    pub(crate) fn begin(engine: &Engine) -> Self {
        let mut keys = Locked::silent(engine, ShardSet::ALL, 0);
        for shard in keys.shards_mut() {
            debug_assert!(shard.captured.is_none(), "there is one capture at a time");
            shard.epoch = shard.epoch.wrapping_add(1);
            shard.captured = Some(Box::default());
        }
        let lsn = engine.journal().last();
        Capture { lsn, shard: 0, db: 0, position: ScanPosition(0), emptied: 0 }
    }

    /// Returns the last batch that the captured state contains.
    pub(crate) fn lsn(&self) -> Lsn {
        self.lsn
    }

    /// Captures a little, holding the lock of one shard at a time, and returns it along with what
    /// others have captured; `None` when all has been returned.
    pub(crate) fn step(&mut self, engine: &Engine) -> Option<[Items; 2]> {
        if self.shard == SHARDS {
            return None;
        }
        let own = self.capture_some(engine);
        // So that no side buffer grows until its turn comes.
        self.emptied = (self.emptied + 1) % SHARDS;
        let mut keys = Locked::silent(engine, ShardSet::one(self.emptied), 0);
        let side = keys.shards_mut().find_map(|shard| shard.captured.as_deref_mut());
        Some([own, side.map(mem::take).unwrap_or_default()])
    }

    fn capture_some(&mut self, engine: &Engine) -> Items {
        let mut keys = Locked::silent(engine, ShardSet::one(self.shard), 0);
        let Some(shard) = keys.shards_mut().next() else { return Items::default() };
        let next = shard.capture_from(self.db, self.position);
        self.position = next.unwrap_or(ScanPosition(0));
        if next.is_none() {
            self.db += 1;
        }
        let captured = shard.captured.as_deref_mut().map(mem::take).unwrap_or_default();
        if self.db == DATABASES {
            shard.captured = None;
            self.db = 0;
            self.shard += 1;
        }
        captured
    }
}

impl Shard {
    /// Captures a key that is about to change, unless that has been done.
    pub(crate) fn capture(&mut self, db: u8, hash: KeyHash, key: &[u8]) {
        let Some(captured) = &mut self.captured else { return };
        let entry = self.databases[usize::from(db)].keys.get_mut(hash, key);
        if let Some(entry) = entry.filter(|entry| entry.epoch != self.epoch) {
            captured.entry(db, entry);
            entry.epoch = self.epoch;
        }
    }

    /// Captures what is left of a database that is about to change as a whole.
    pub(super) fn capture_database(&mut self, db: u8) {
        let Some(captured) = &mut self.captured else { return };
        let keys = self.databases[usize::from(db)].keys.iter_mut();
        for entry in keys.filter(|entry| entry.epoch != self.epoch) {
            captured.entry(db, entry);
            entry.epoch = self.epoch;
        }
    }

    /// Captures the keys of a bucket, or some of them, and returns where to go on; `None` at the
    /// end.
    fn capture_from(&mut self, db: u8, position: ScanPosition) -> Option<ScanPosition> {
        let captured = self.captured.as_mut()?;
        let epoch = self.epoch;
        self.databases[usize::from(db)].keys.scan_mut(position, |entry| {
            if entry.epoch == epoch {
                return ControlFlow::Continue(());
            }
            if captured.bytes().len() >= STEP_BYTES {
                return ControlFlow::Break(());
            }
            captured.entry(db, entry);
            entry.epoch = epoch;
            ControlFlow::Continue(())
        })
    }
}

impl Locked<'_> {
    /// Captures what an effect is going to change, where a capture is under way.
    pub(crate) fn capture_before(&mut self, db: u8, effect: &Effect<'_>) {
        match *effect {
            Effect::SetString { key, .. }
            | Effect::ReplaceString { key, .. }
            | Effect::WriteString { key, .. }
            | Effect::SetDeadline { key, .. }
            | Effect::Delete { key }
            | Effect::CreateStream { key, .. }
            | Effect::Stream { key, .. } => self.capture_key(db, key),
            Effect::Rename { key, to_db, to } => {
                self.capture_key(db, key);
                self.capture_key(to_db, to);
            }
            Effect::Copy { to_db, to, .. } => self.capture_key(to_db, to),
            Effect::Flush => self.capture_databases([db, db]),
            Effect::Swap { other } => self.capture_databases([db, other]),
        }
    }

    fn capture_key(&mut self, db: u8, key: &[u8]) {
        let hash = self.hash(key);
        self.shard_mut(hash).capture(db, hash, key);
    }

    fn capture_databases(&mut self, databases: [u8; 2]) {
        for shard in self.shards_mut() {
            for db in databases {
                shard.capture_database(db);
            }
        }
    }
}

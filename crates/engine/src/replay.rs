//! Recovery: applying the records of what was changed before.

use crate::blocks::{ReadError, reading};
use crate::checkpoint::Loaded;
use crate::effect::Effect;
use crate::engine::Engine;
use crate::locked::{Locked, ShardSet};
use crate::record::{self, RecordError};
use crate::shard::{Database, Shard};
use crate::stream::StreamEffect;
use crate::value::{Entry, Value};

/// An engine whose keys are being brought back.
///
/// Effects go through the same [`Locked::apply`](crate::Locked) as live ones, which looks at neither
/// clock nor settings: the same records make the same state, block by block, whenever and wherever
/// they are applied. All shards stay locked until it is dropped.
#[derive(Debug)]
pub struct Replay<'e> {
    keys: Locked<'e>,
}

/// Why a record cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// It is malformed.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// It changes a block that cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl<'e> Replay<'e> {
    pub(crate) fn new(engine: &'e Engine, now_ms: u64) -> Self {
        Replay { keys: Locked::silent(engine, ShardSet::ALL, now_ms) }
    }

    /// Puts a key there that a checkpoint holds; returns whether it was missing.
    pub(crate) fn load(&mut self, loaded: Loaded) -> bool {
        let Loaded { db, key, expires_at_ms, mut value } = loaded;
        if let Value::Stream(stream) = &mut value {
            stream.count_in(self.keys.engine().memory());
        }
        let now_s = u32::try_from(self.keys.now_ms() / 1000).unwrap_or(u32::MAX);
        let hash = self.keys.hash(&key);
        let mut entry = Entry { key, ..Entry::new(hash, &[], value) };
        entry.expires_at_ms = expires_at_ms;
        entry.used_at_s = now_s;
        let shard = self.keys.shard_mut(hash);
        entry.epoch = shard.epoch;
        shard.databases[usize::from(db)].put(entry).is_none()
    }

    /// Returns all shards.
    pub(crate) fn shards_mut(&mut self) -> impl Iterator<Item = &mut Shard> {
        self.keys.shards_mut()
    }

    /// Forgets all keys.
    pub(crate) fn clear(&mut self) {
        for shard in self.keys.shards_mut() {
            shard.databases.iter_mut().for_each(Database::clear);
        }
    }

    /// Applies the record of one batch.
    ///
    /// Records come in the order of their positions, from the first one on or on top of the state
    /// that those before have left.
    ///
    /// # Errors
    /// The record is malformed, or a block that it changes cannot be read. What stands before has
    /// been applied, so the state is of no use any more.
    pub fn apply(&mut self, record: &[u8]) -> Result<(), ReplayError> {
        let mut failure = None;
        record::decode(record, |db, effect| {
            if failure.is_none() {
                failure = self.apply_effect(db, effect).err();
            }
        })?;
        failure.map_or(Ok(()), Err)
    }

    fn apply_effect(&mut self, db: u8, effect: &Effect<'_>) -> Result<(), ReplayError> {
        self.prepare(db, effect);
        if let Some(failure) = reading::take_failure() {
            return Err(failure.into());
        }
        self.keys.apply(db, effect);
        Ok(())
    }

    /// Brings back the blocks that an effect is going to touch: live, whoever has decided on it has
    /// done so.
    fn prepare(&mut self, db: u8, effect: &Effect<'_>) {
        let Effect::Stream { key, change } = effect else { return };
        let hash = self.keys.hash(key);
        let entry = self.keys.database(db, hash).keys.get(hash, key);
        let Some(Value::Stream(stream)) = entry.map(Entry::value) else { return };
        match *change {
            StreamEffect::TrimFront { below } => stream.entries().prepare_trim(below),
            StreamEffect::TrimEntries { ids } | StreamEffect::Delete { ids } => {
                stream.entries().prepare_removal(ids);
            }
            _ => {}
        }
    }
}

mod guarded;

pub(crate) use guarded::Misfit;

#[cfg(test)]
pub(crate) mod dump;
#[cfg(test)]
pub(crate) mod step;
#[cfg(test)]
mod tests;

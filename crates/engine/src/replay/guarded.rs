//! Applying what is left of a log of which records are lost.
//!
//! An effect may rely on one that is lost. Most pass over what is not there; two kinds would leave a
//! stream in disorder and are left out when they do not fit: entries whose ids do not ascend, and
//! counters below the last entry. Entries whose stream was created by a lost record are kept: they get
//! a new one.

use super::{Replay, ReplayError};
use crate::effect::Effect;
use crate::record;
use crate::stream::{EntryId, StreamEffect};
use crate::value::{Entry, Value};

/// For how long, and how many of each producer, a stream remembers idempotent ids whose own limits
/// are lost.
const IDEMPOTENCE: (u32, u32) = (100, 100);

/// An entry that a record adds and that does not fit to what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    pub(crate) db: u8,
    pub(crate) key: Box<[u8]>,
    pub(crate) id: EntryId,
}

impl Replay<'_> {
    /// Applies a record behind lost ones, as far as it fits to what is there.
    ///
    /// # Errors
    /// The record is malformed, and nothing of it is applied; or a block that it changes cannot be
    /// read.
    pub(crate) fn apply_what_fits(
        &mut self,
        record: &[u8],
        mut misfit: impl FnMut(Misfit),
    ) -> Result<(), ReplayError> {
        record::verify(record)?;
        let mut failure = None;
        record::decode(record, |db, effect| {
            if failure.is_none() {
                failure = self.apply_if_it_fits(db, effect, &mut misfit).err();
            }
        })?;
        failure.map_or(Ok(()), Err)
    }

    fn apply_if_it_fits(
        &mut self,
        db: u8,
        effect: &Effect<'_>,
        misfit: &mut impl FnMut(Misfit),
    ) -> Result<(), ReplayError> {
        match *effect {
            Effect::Stream { key, change: StreamEffect::Append { id, .. } }
                if !self.takes(db, key, id) =>
            {
                misfit(Misfit { db, key: key.into(), id });
                return Ok(());
            }
            Effect::Stream { key, change: StreamEffect::SetCounters { last_id, .. } } => {
                let last = self.value(db, key).and_then(|value| match value {
                    Value::Stream(stream) => stream.entries().last_id(),
                    Value::String(_) => None,
                });
                if last.is_some_and(|last| last_id < last) {
                    return Ok(());
                }
            }
            _ => {}
        }
        self.apply_effect(db, effect)
    }

    /// Says whether an entry of this id can be added to what a key holds, and creates a stream if it
    /// holds nothing.
    fn takes(&mut self, db: u8, key: &[u8], id: EntryId) -> bool {
        match self.value(db, key) {
            Some(Value::Stream(stream)) => id > stream.last_id(),
            Some(Value::String(_)) => false,
            None => {
                let (duration_s, entries_max) = IDEMPOTENCE;
                self.keys.apply(db, &Effect::CreateStream { key, duration_s, entries_max });
                true
            }
        }
    }

    fn value(&mut self, db: u8, key: &[u8]) -> Option<&Value> {
        let hash = self.keys.hash(key);
        self.keys.database(db, hash).keys.get(hash, key).map(Entry::value)
    }
}

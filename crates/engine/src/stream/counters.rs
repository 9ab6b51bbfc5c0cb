//! Setting the counters of a stream by hand, as a copy from elsewhere needs.

use super::{EntryId, StreamEffect, StreamMut};

/// What the counters of a stream are to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counters {
    /// The last id that was ever given.
    pub last_id: EntryId,
    /// How many entries were ever added; `None`: as it is.
    pub entries_added: Option<u64>,
    /// The highest id that was ever deleted; `None`: as it is.
    pub max_deleted_id: Option<EntryId>,
}

/// Why counters cannot be set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CountersError {
    /// The last id would be below the greatest deleted id that was given.
    #[error("the last id is below the given greatest deleted one")]
    BelowGivenDeleted,
    /// The last id would be below the greatest deleted id.
    #[error("the last id is below the greatest deleted one")]
    BelowDeleted,
    /// The last id would be below that of the last entry.
    #[error("the last id is below that of the last entry")]
    BelowLastEntry,
    /// There are more entries than were ever added.
    #[error("there are more entries than would have been added")]
    FewerThanEntries,
}

impl StreamMut<'_, '_> {
    /// Sets the counters.
    ///
    /// # Errors
    /// They contradict each other or the entries that are there.
    pub fn set_counters(&mut self, counters: &Counters) -> Result<(), CountersError> {
        let Counters { last_id, entries_added, max_deleted_id } = *counters;
        let stream = &*self.stream;
        if max_deleted_id.is_some_and(|deleted| last_id < deleted) {
            return Err(CountersError::BelowGivenDeleted);
        }
        if last_id < stream.max_deleted_id {
            return Err(CountersError::BelowDeleted);
        }
        if stream.entries.last_id().is_some_and(|last| last_id < last) {
            return Err(CountersError::BelowLastEntry);
        }
        if entries_added.is_some_and(|added| added < stream.len()) {
            return Err(CountersError::FewerThanEntries);
        }
        let entries_added = entries_added.unwrap_or(stream.entries_added);
        let max_deleted_id = max_deleted_id.unwrap_or(stream.max_deleted_id);
        self.commit(StreamEffect::SetCounters { last_id, entries_added, max_deleted_id });
        self.event("xsetid");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::super::testing::{self, id};
    use super::*;

    #[test]
    fn counters_have_to_agree_with_the_entries() {
        use CountersError::{BelowDeleted, BelowGivenDeleted, BelowLastEntry, FewerThanEntries};
        for (last, added, deleted, expect) in [
            (9, None, None, Ok((9, 5, 3))),
            (4, Some(4), None, Ok((4, 4, 3))),
            (9, Some(70), Some(8), Ok((9, 70, 8))),
            (9, None, Some(1), Ok((9, 5, 1))),
            (9, None, Some(10), Err(BelowGivenDeleted)),
            (2, None, None, Err(BelowDeleted)),
            (3, None, None, Err(BelowLastEntry)),
            (9, Some(2), None, Err(FewerThanEntries)),
        ] {
            let engine = testing::engine();
            let mut keys = testing::lock(&engine, 7);
            testing::fill(&mut keys, 1..=5);
            let mut stream = keys.stream_mut(0, b"s").unwrap().unwrap();
            stream.delete(&[id(3)]);
            stream.commit(StreamEffect::TrimEntries { ids: &[id(5)] });
            let max_deleted_id = deleted.map(id);
            let counters = Counters { last_id: id(last), entries_added: added, max_deleted_id };
            let outcome = stream.set_counters(&counters);
            let stream = stream.stream();
            let now = (stream.last_id().ms, stream.entries_added(), stream.max_deleted_id().ms);
            assert_eq!(outcome.map(|()| now), expect, "{counters:?}");
            if outcome.is_err() {
                assert_eq!(now, (5, 5, 3));
            }
        }
    }
}

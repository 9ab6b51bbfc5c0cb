//! The window in which a stream recognizes repeated attempts: how large it is, and putting
//! something into it by hand.

use super::{EntryId, StreamEffect, StreamMut};

/// Why an attempt cannot be recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// There is no such entry.
    #[error("there is no such entry")]
    NoSuchEntry,
    /// The attempt became another entry.
    #[error("the attempt became another entry")]
    OtherEntry,
}

impl StreamMut<'_, '_> {
    /// Sets for how many seconds, and how many of each producer, attempts are remembered; `None`:
    /// as it is. All that is remembered is forgotten if one of them changes.
    pub fn configure_idempotence(&mut self, duration_s: Option<u32>, entries_max: Option<u32>) {
        let (duration_now_s, entries_max_now) = self.stream.idempotence_limits;
        let duration_s = duration_s.unwrap_or(duration_now_s);
        let entries_max = entries_max.unwrap_or(entries_max_now);
        if (duration_s, entries_max) != (duration_now_s, entries_max_now) {
            self.commit(StreamEffect::ConfigureIdempotence { duration_s, entries_max });
        }
    }

    /// Records that an attempt became this entry.
    ///
    /// # Errors
    /// There is no such entry, or the attempt is known to have become another one.
    pub fn record_attempt(
        &mut self,
        producer: &[u8],
        iid: &[u8],
        id: EntryId,
    ) -> Result<(), RecordError> {
        let known = self.stream.idempotence.as_ref();
        match known.and_then(|known| known.find(producer, iid, self.now_ms)) {
            Some(known) if known == id => return Ok(()),
            Some(_) => return Err(RecordError::OtherEntry),
            None => {}
        }
        if !self.stream.entries.contains(id) {
            return Err(RecordError::NoSuchEntry);
        }
        self.commit(StreamEffect::Remember { producer, iid, id });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::super::testing::{self, id};
    use super::*;

    #[test]
    fn an_attempt_stands_for_one_entry_that_exists() {
        let engine = testing::engine();
        let mut keys = testing::lock(&engine, 7);
        testing::fill(&mut keys, 1..=3);
        let mut stream = keys.stream_mut(0, b"s").unwrap().unwrap();
        let tracked = |stream: &StreamMut<'_, '_>| {
            stream.stream().idempotence().map_or(0, |known| known.tracked_iids())
        };
        assert_eq!(stream.record_attempt(b"p", b"i", id(9)), Err(RecordError::NoSuchEntry));
        assert_eq!(stream.record_attempt(b"p", b"i", id(2)), Ok(()));
        assert_eq!(stream.record_attempt(b"p", b"i", id(2)), Ok(()));
        assert_eq!(stream.record_attempt(b"p", b"i", id(3)), Err(RecordError::OtherEntry));
        assert_eq!(tracked(&stream), 1);
        stream.configure_idempotence(Some(100), None);
        assert_eq!(tracked(&stream), 1, "nothing has changed");
        stream.configure_idempotence(None, Some(5));
        assert_eq!((tracked(&stream), stream.stream().idempotence_limits()), (0, (100, 5)));
    }
}

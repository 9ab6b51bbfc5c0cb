//! Adding an entry: which id it gets, whether it was added before, and what makes room for it.

use super::retention::Trim;
use super::{EntryId, Stream, StreamEffect, StreamMut, payload_digest};
use crate::error::WrongType;
use crate::locked::Locked;

/// How many bytes the names and values of an entry may have together.
const ENTRY_BYTES_MAX: usize = 1 << 30;

/// How the id of a new entry is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NewId {
    /// The time now, or the id behind the last one if that is not older.
    Auto,
    /// This millisecond with the next free sequence number.
    AutoSeq(u64),
    /// This one.
    Explicit(EntryId),
}

/// By what a repeated attempt to add an entry is recognized.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attempt<'a> {
    /// The producer.
    pub producer: &'a [u8],
    /// The producer's name for the attempt; `None`: a digest of the fields.
    pub iid: Option<&'a [u8]>,
}

/// An entry to be added.
#[derive(Clone, Copy, Debug)]
pub struct Append<'a> {
    /// How its id is found.
    pub id: NewId,
    /// Names and values in turn.
    pub fields: &'a [&'a [u8]],
    /// By what it is recognized if it comes again.
    pub attempt: Option<Attempt<'a>>,
    /// What makes room, once it has been added.
    pub trim: Option<Trim>,
}

/// What happens when there is no stream to add to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CreateStream {
    /// It is created.
    IfAbsent,
    /// Nothing is added.
    Never,
}

/// Why an entry is not added.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The key holds a value of another type.
    #[error("the key holds a value of another type")]
    WrongType,
    /// No entry can have the id 0-0.
    #[error("the id must be greater than 0-0")]
    ZeroId,
    /// The id is not above the last one.
    #[error("the id is not greater than the last one of the stream")]
    IdNotGreater,
    /// The last possible id has been given.
    #[error("the stream has no id left")]
    Exhausted,
    /// The entry is too large.
    #[error("the entry is too large")]
    TooLarge,
}

impl From<WrongType> for AppendError {
    fn from(_: WrongType) -> Self {
        AppendError::WrongType
    }
}

impl Append<'_> {
    /// Decides the id of the entry in a stream whose last id this is, changing nothing.
    ///
    /// # Errors
    /// There is no such id, or the entry is too large.
    pub fn decide(&self, last_id: EntryId, now_ms: u64) -> Result<EntryId, AppendError> {
        if self.id == NewId::Explicit(EntryId::MIN) {
            return Err(AppendError::ZeroId);
        }
        let behind_last = last_id.next().ok_or(AppendError::Exhausted)?;
        let id = match self.id {
            NewId::Auto => EntryId::new(now_ms, 0).max(behind_last),
            NewId::AutoSeq(ms) if ms == last_id.ms => behind_last,
            NewId::AutoSeq(ms) => EntryId::new(ms, 0),
            NewId::Explicit(id) => id,
        };
        if id <= last_id || matches!(self.id, NewId::AutoSeq(ms) if ms != id.ms) {
            return Err(AppendError::IdNotGreater);
        }
        if self.fields.iter().map(|text| text.len()).sum::<usize>() > ENTRY_BYTES_MAX {
            return Err(AppendError::TooLarge);
        }
        Ok(id)
    }
}

impl Locked<'_> {
    /// Adds an entry to the stream that the key holds and returns its id; `None` if there is no
    /// stream and none is to be created. A refusal leaves no trace, no empty stream either.
    ///
    /// # Errors
    /// The key holds a value of another type, or the entry is refused.
    pub fn append_to_stream(
        &mut self,
        db: u8,
        key: &[u8],
        append: &Append<'_>,
        create: CreateStream,
    ) -> Result<Option<EntryId>, AppendError> {
        if let Some(mut stream) = self.stream_mut(db, key)? {
            return stream.append(append).map(Some);
        }
        if create == CreateStream::Never {
            return Ok(None);
        }
        append.decide(EntryId::MIN, self.now_ms())?;
        self.stream_or_create(db, key)?.append(append).map(Some)
    }
}

impl StreamMut<'_, '_> {
    /// Adds an entry and returns its id. An attempt that was made before adds nothing, trims
    /// nothing and returns the id that it got then.
    ///
    /// # Errors
    /// There is no id for the entry, or it is too large.
    pub fn append(&mut self, append: &Append<'_>) -> Result<EntryId, AppendError> {
        let digest;
        let attempt = match append.attempt {
            None => None,
            Some(Attempt { producer, iid: Some(iid) }) => Some((producer, iid)),
            Some(Attempt { producer, iid: None }) => {
                digest = payload_digest(append.fields);
                Some((producer, &digest[..]))
            }
        };
        if let Some((producer, iid)) = attempt
            && let Some(first) = find_attempt(self.stream, producer, iid, self.now_ms)
        {
            self.commit(StreamEffect::CountDuplicate);
            return Ok(first);
        }
        let id = append.decide(self.stream.last_id, self.now_ms)?;
        let fields = append.fields;
        let node = self.stream.entries.node_for(fields, self.settings.node_limits());
        if let Some(trim) = &append.trim {
            self.prepare_excess(trim);
        }
        self.commit(StreamEffect::Append { id, fields, node });
        if let Some((producer, iid)) = attempt {
            self.commit(StreamEffect::Remember { producer, iid, id });
        }
        let mut trimmed = append.trim.map_or(0, |trim| self.remove_excess(&trim));
        trimmed += self.observe_retention_behind(node);
        self.touch();
        self.wake();
        self.event("xadd");
        if trimmed > 0 {
            self.event("xtrim");
        }
        Ok(id)
    }
}

fn find_attempt(stream: &Stream, producer: &[u8], iid: &[u8], now_ms: u64) -> Option<EntryId> {
    stream.idempotence()?.find(producer, iid, now_ms)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::super::retention::{References, TrimLimit};
    use super::super::testing::{self, events, id};
    use super::super::{Exactness, TrimTo};
    use super::*;

    const FIELDS: &[&[u8]] = &[b"name", b"value"];

    fn entry(id: NewId) -> Append<'static> {
        Append { id, fields: FIELDS, attempt: None, trim: None }
    }

    #[test]
    fn ids_ascend_whatever_the_clock_says() {
        use AppendError::{Exhausted, IdNotGreater, ZeroId};
        let max = u64::MAX;
        let new = EntryId::new;
        for (spec, last, now_ms, expect) in [
            (NewId::Auto, new(0, 0), 5, Ok(new(5, 0))),
            (NewId::Auto, new(0, 0), 0, Ok(new(0, 1))),
            (NewId::Auto, new(5, 7), 5, Ok(new(5, 8))),
            (NewId::Auto, new(5, 7), 4, Ok(new(5, 8))),
            (NewId::Auto, new(5, max), 5, Ok(new(6, 0))),
            (NewId::Auto, new(max, max), 5, Err(Exhausted)),
            (NewId::AutoSeq(0), new(0, 0), 5, Ok(new(0, 1))),
            (NewId::AutoSeq(5), new(5, 7), 9, Ok(new(5, 8))),
            (NewId::AutoSeq(6), new(5, 7), 9, Ok(new(6, 0))),
            (NewId::AutoSeq(4), new(5, 7), 9, Err(IdNotGreater)),
            (NewId::AutoSeq(5), new(5, max), 9, Err(IdNotGreater)),
            (NewId::AutoSeq(max), new(max, max), 9, Err(Exhausted)),
            (NewId::Explicit(new(0, 1)), new(0, 0), 5, Ok(new(0, 1))),
            (NewId::Explicit(new(5, 7)), new(5, 7), 5, Err(IdNotGreater)),
            (NewId::Explicit(new(5, 6)), new(5, 7), 5, Err(IdNotGreater)),
            (NewId::Explicit(new(5, 8)), new(5, 7), 5, Ok(new(5, 8))),
            (NewId::Explicit(new(max, max)), new(5, 7), 5, Ok(new(max, max))),
            (NewId::Explicit(new(0, 0)), new(max, max), 5, Err(ZeroId)),
        ] {
            assert_eq!(entry(spec).decide(last, now_ms), expect, "{spec:?} {last} {now_ms}");
        }
    }

    #[test]
    fn a_refusal_leaves_no_stream_behind() {
        let engine = testing::engine();
        let mut keys = testing::lock(&engine, 7);
        let zero = entry(NewId::Explicit(EntryId::MIN));
        let add = |keys: &mut Locked<'_>, append: &Append<'_>, create| {
            keys.append_to_stream(0, b"s", append, create)
        };
        assert_eq!(add(&mut keys, &zero, CreateStream::IfAbsent), Err(AppendError::ZeroId));
        assert_eq!(add(&mut keys, &entry(NewId::Auto), CreateStream::Never), Ok(None));
        assert!(keys.peek(0, b"s").is_none());
        assert_eq!(keys.changes(), 0);
        let added = add(&mut keys, &entry(NewId::Auto), CreateStream::IfAbsent);
        assert_eq!(added, Ok(Some(EntryId::new(7, 0))));
        assert_eq!(events(&mut keys), ["new", "xadd"]);
        let added = add(&mut keys, &entry(NewId::Auto), CreateStream::Never);
        assert_eq!(added, Ok(Some(EntryId::new(7, 1))));
    }

    #[test]
    fn a_repeated_attempt_adds_nothing_and_trims_nothing() {
        let engine = testing::engine();
        let mut keys = testing::lock(&engine, 7);
        let mut append = entry(NewId::Auto);
        append.attempt = Some(Attempt { producer: b"p", iid: Some(b"1") });
        append.trim = Some(Trim {
            to: TrimTo::MaxLen(1),
            exactness: Exactness::Exact,
            limit: TrimLimit::None,
            references: References::Keep,
        });
        let mut add = |append: &Append<'_>| {
            keys.append_to_stream(0, b"s", append, CreateStream::IfAbsent).unwrap().unwrap()
        };
        let first = add(&append);
        add(&entry(NewId::Auto));
        assert_eq!(add(&append), first);
        let digest = Append { attempt: Some(Attempt { producer: b"p", iid: None }), ..append };
        let second = add(&digest);
        let mut shuffled = digest;
        shuffled.fields = &[b"name", b"value"];
        assert_eq!(add(&shuffled), second);
        let stream = keys.stream(0, b"s").unwrap().unwrap();
        assert_eq!((stream.len(), stream.entries_added()), (1, 3));
        assert_eq!(stream.idempotence().unwrap().iids_duplicates, 2);
        assert_eq!(events(&mut keys), ["new", "xadd", "xadd", "xadd", "xtrim"]);
        let mut later = testing::lock_after(keys, &engine, 7 + 100_001);
        let again = later.append_to_stream(0, b"s", &append, CreateStream::Never);
        assert_eq!(again, Ok(Some(id(7 + 100_001))));
    }
}

//! The index of a store: where the events of each aggregate stand.
//!
//! Beside the stream `events` there are
//!
//! ```text
//! {events}:index            a value: the id up to which the stream is in the index
//! {events}:aggregate:<id>   a stream for each aggregate; its entry <version>-0 says where the event is:
//!                             id      the id of the event in `events`
//!                             append  a name of the append, by which its writer recognizes it
//! ```
//!
//! The id of an index entry is the version, so the index of an aggregate knows its version, and the events from a
//! version on are one range.
//!
//! An event is appended by one batch that adds it to the stream, adds its place to the index, and moves
//! `{events}:index` on; the batch depends on the value of `{events}:index` and on the last id of the stream. So either
//! everything of it is there or nothing, and nobody was in between. Whoever appends to the stream alone, as the
//! document's class does, leaves the index behind: it is completed from the stream by whoever needs it next.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::try_join_all;

use crate::backend::{
    Append, Backend, Batch, Condition, Entry, Fields, NewId, Order, Range, SetValue, When, Write,
};
use crate::key::beside;
use crate::{EntryId, Error, Refusal};

/// How many entries of the stream are put into the index in one step.
const PAGE: usize = 256;

/// The index of one stream of events.
#[derive(Debug)]
pub(super) struct Index {
    backend: Arc<dyn Backend>,
    stream: Arc<str>,
    head: Arc<str>,
}

/// How far the stream and its index are, at some moment.
#[derive(Clone, Debug)]
pub(super) struct Position {
    /// The value of the head, as it is.
    head: Option<Bytes>,
    /// Up to here the stream is in the index.
    indexed: EntryId,
    /// The last id that the stream ever gave.
    last: EntryId,
}

/// Where an event of an aggregate is.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) version: u64,
    pub(super) id: EntryId,
}

impl Index {
    pub(super) fn new(backend: Arc<dyn Backend>, stream: Arc<str>) -> Self {
        let head = beside(&stream, "index");
        Index { backend, stream, head }
    }

    pub(super) fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    pub(super) fn stream(&self) -> &Arc<str> {
        &self.stream
    }

    fn key(&self, aggregate: &str) -> Arc<str> {
        beside(&self.stream, &format!("aggregate:{aggregate}"))
    }

    /// Returns how far everything is, once the index is complete.
    pub(super) async fn position(&self) -> Result<Position, Error> {
        loop {
            let (head, indexed) = self.head().await?;
            let info = self.backend.stream_info(Arc::clone(&self.stream)).await?;
            let last = info.map_or(EntryId::MIN, |info| info.last_id);
            let position = Position { head, indexed, last };
            if last <= indexed {
                return Ok(position);
            }
            self.index_page(&position).await?;
        }
    }

    /// Makes sure that the index has all that is in the stream now. If it has, this costs one read of the
    /// last entry and one of the head.
    pub(super) async fn complete(&self) -> Result<(), Error> {
        let last = self.range(&self.stream, EntryId::MIN, EntryId::MAX, Order::Backward, 1).await?;
        let Some(last) = last.first() else { return Ok(()) };
        if self.head().await?.1 < last.id {
            self.position().await?;
        }
        Ok(())
    }

    async fn head(&self) -> Result<(Option<Bytes>, EntryId), Error> {
        let head = self.backend.value(Arc::clone(&self.head)).await?;
        let Some(value) = head else { return Ok((None, EntryId::MIN)) };
        let id = std::str::from_utf8(&value).ok().and_then(|text| text.parse().ok());
        let id = id.ok_or_else(|| Error::payload(&format!("`{}` holds no id", self.head)))?;
        Ok((Some(value), id))
    }

    /// Puts the next entries that are not in the index into it. If somebody else does it at the same time,
    /// one of them does it.
    async fn index_page(&self, position: &Position) -> Result<(), Error> {
        let Some(from) = position.indexed.next() else { return Ok(()) };
        let entries = self.range(&self.stream, from, position.last, Order::Forward, PAGE).await?;
        let reached = match entries.last() {
            Some(last) if entries.len() == PAGE => last.id,
            _ => position.last,
        };
        let aggregate_of = |entry: &Entry| entry.fields.text("aggregateId").map(Arc::from);
        let aggregates: Vec<Arc<str>> = entries.iter().filter_map(aggregate_of).collect();
        let mut versions = self.versions(aggregates).await?;
        let mut batch = Batch::default().only_if(position.head_condition(self));
        for entry in &entries {
            let aggregate = aggregate_of(entry);
            let version = aggregate.as_ref().and_then(|aggregate| versions.get_mut(aggregate));
            if let (Some(aggregate), Some(version)) = (&aggregate, version) {
                *version += 1;
                batch = batch.and(self.place(aggregate, *version, entry.id, None));
            }
        }
        match self.backend.write(batch.and(self.set_head(reached))).await {
            Ok(_) | Err(Error::Refused(Refusal::Conflict { .. })) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Returns how many events aggregates have in the index.
    pub(super) async fn versions(
        &self,
        mut aggregates: Vec<Arc<str>>,
    ) -> Result<BTreeMap<Arc<str>, u64>, Error> {
        aggregates.sort_unstable();
        aggregates.dedup();
        let versions = aggregates.into_iter().map(async |aggregate| {
            let key = self.key(&aggregate);
            let last = self.range(&key, EntryId::MIN, EntryId::MAX, Order::Backward, 1).await?;
            Ok::<_, Error>((aggregate, last.first().map_or(0, |entry| entry.id.ms)))
        });
        Ok(try_join_all(versions).await?.into_iter().collect())
    }

    /// Returns where the events of an aggregate behind a version are, at most so many.
    pub(super) async fn places(
        &self,
        aggregate: &str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Place>, Error> {
        let Some(first) = after.checked_add(1) else { return Ok(Vec::new()) };
        let (key, from) = (self.key(aggregate), EntryId::new(first, 0));
        let entries = self.range(&key, from, EntryId::MAX, Order::Forward, limit).await?;
        let place = |entry: &Entry| {
            let id = entry.fields.text("id").and_then(|text| text.parse().ok());
            let id = id.ok_or_else(|| Error::payload(&format!("`{key}` holds no place")))?;
            Ok(Place { version: entry.id.ms, id })
        };
        entries.iter().map(place).collect()
    }

    /// Says whether the place of an event was written by this append.
    pub(super) async fn was_written(
        &self,
        aggregate: &str,
        version: u64,
        append: &str,
    ) -> Result<bool, Error> {
        let (key, id) = (self.key(aggregate), EntryId::new(version, 0));
        let found = self.range(&key, id, id, Order::Forward, 1).await?;
        Ok(found.first().is_some_and(|entry| entry.fields.text("append") == Some(append)))
    }

    async fn range(
        &self,
        stream: &Arc<str>,
        from: EntryId,
        to: EntryId,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Entry>, Error> {
        self.backend.range(Range { stream: Arc::clone(stream), from, to, order, limit }).await
    }

    /// Returns the write that puts the place of an event into the index.
    pub(super) fn place(
        &self,
        aggregate: &str,
        version: u64,
        id: EntryId,
        append: Option<&str>,
    ) -> Write {
        let mut fields = Fields::from([("id", id.to_string())]);
        if let Some(name) = append {
            fields.push("append", name.to_owned());
        }
        let id = NewId::Explicit(EntryId::new(version, 0));
        Write::Append(Append { id, ..Append::new(self.key(aggregate), fields) })
    }

    /// Returns the write that says how far the index is.
    pub(super) fn set_head(&self, id: EntryId) -> Write {
        Write::Set(SetValue {
            key: Arc::clone(&self.head),
            value: id.to_string().into(),
            expires_in: None,
            when: When::Always,
        })
    }
}

impl Position {
    /// Returns the position after an append that ended with this id.
    pub(super) fn after(last: EntryId) -> Self {
        Position { head: Some(last.to_string().into()), indexed: last, last }
    }

    /// Returns the id that an event would get at this time.
    pub(super) fn next_id(&self, now_ms: u64) -> Result<EntryId, Error> {
        let next = self.last.max(self.indexed).next().ok_or(Refusal::IdNotGreater)?;
        Ok(next.max(EntryId::new(now_ms, 0)))
    }

    fn head_condition(&self, index: &Index) -> Condition {
        Condition::Value { key: Arc::clone(&index.head), value: self.head.clone() }
    }

    /// Returns a batch that is carried out only if nobody has appended anything since.
    pub(super) fn batch(&self, index: &Index) -> Batch {
        let last = Condition::LastId { stream: Arc::clone(&index.stream), id: self.last };
        Batch::default().only_if(self.head_condition(index)).only_if(last)
    }
}

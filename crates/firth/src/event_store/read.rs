//! Reading events.

use std::future::IntoFuture;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, try_join_all};

use super::event::StoredEvent;
use super::index::Place;
use super::writer::Writer;
use crate::backend::{Order, Range};
use crate::{EntryId, Error};

/// How many events are fetched in one go.
const PAGE: usize = 256;

/// Why the events of an aggregate could not be read.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Events are gone from the stream: somebody has trimmed it or deleted them. The document's class
    /// trims it to about a million events whenever it appends.
    #[error("event {version} of `{aggregate}`, which was {id}, is gone")]
    Gone {
        /// The aggregate.
        aggregate: Arc<str>,
        /// The first event that is gone.
        version: u64,
        /// Where it was.
        id: EntryId,
    },
    /// Anything else.
    #[error(transparent)]
    Broker(#[from] Error),
}

/// A read of the events of one aggregate: `.await` does it.
#[derive(Clone, Debug)]
#[must_use = "nothing is read before it is awaited"]
pub struct ReadAggregate {
    writer: Arc<Writer>,
    aggregate: Arc<str>,
    after: u64,
    limit: usize,
}

/// A read of the events of all aggregates: `.await` does it.
#[derive(Clone, Debug)]
#[must_use = "nothing is read before it is awaited"]
pub struct ReadSince {
    writer: Arc<Writer>,
    after: EntryId,
    limit: usize,
}

impl ReadAggregate {
    pub(super) fn new(writer: Arc<Writer>, aggregate: Arc<str>) -> Self {
        ReadAggregate { writer, aggregate, after: 0, limit: usize::MAX }
    }

    /// Leaves the first events out: reading goes on behind this version.
    pub fn after(mut self, version: u64) -> Self {
        self.after = version;
        self
    }

    /// Reads at most so many events.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    async fn read(self) -> Result<Vec<StoredEvent>, ReadError> {
        let index = self.writer.index();
        index.complete().await?;
        let (mut events, mut after) = (Vec::new(), self.after);
        while events.len() < self.limit {
            let limit = PAGE.min(self.limit - events.len());
            let places = index.places(&self.aggregate, after, limit).await?;
            events.extend(try_join_all(places.iter().map(|place| self.event(place))).await?);
            match places.last() {
                Some(last) if places.len() == limit => after = last.version,
                _ => break,
            }
        }
        Ok(events)
    }

    async fn event(&self, place: &Place) -> Result<StoredEvent, ReadError> {
        let &Place { version, id } = place;
        let index = self.writer.index();
        let range = Range::one(Arc::clone(index.stream()), id);
        match index.backend().range(range).await?.first() {
            Some(entry) => Ok(StoredEvent { version: Some(version), ..StoredEvent::read(entry) }),
            None => Err(ReadError::Gone { aggregate: Arc::clone(&self.aggregate), version, id }),
        }
    }
}

impl IntoFuture for ReadAggregate {
    type Output = Result<Vec<StoredEvent>, ReadError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        self.read().boxed()
    }
}

impl ReadSince {
    pub(super) fn new(writer: Arc<Writer>, after: EntryId) -> Self {
        ReadSince { writer, after, limit: 100 }
    }

    /// Reads at most so many events; 100 if nothing is said.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    async fn read(self) -> Result<Vec<StoredEvent>, Error> {
        let index = self.writer.index();
        let Some(from) = self.after.next() else { return Ok(Vec::new()) };
        let (stream, to) = (Arc::clone(index.stream()), EntryId::MAX);
        let range = Range { stream, from, to, order: Order::Forward, limit: self.limit };
        let entries = index.backend().range(range).await?;
        Ok(entries.iter().map(StoredEvent::read).collect())
    }
}

impl IntoFuture for ReadSince {
    type Output = Result<Vec<StoredEvent>, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        self.read().boxed()
    }
}

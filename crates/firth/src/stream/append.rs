//! Adding values to a stream.

use std::sync::Arc;

use futures_util::FutureExt as _;

use super::{Bound, Stream};
use crate::backend::{Answer, Append, Attempt, Backend, Batch, Fields, NewId, Outcome, Write};
use crate::{EntryId, Error};

/// An append that has not been made yet: awaiting it makes it and returns the id of the entry.
#[derive(Debug)]
#[must_use = "nothing is added before it is awaited"]
pub struct AppendRequest {
    backend: Arc<dyn Backend>,
    append: Result<Append, Error>,
}

impl<T> Stream<T> {
    /// Adds a value; await it for the id of its entry.
    ///
    /// # Errors
    /// The value cannot be written ([`Error::Payload`]), its explicit id is not above the last one
    /// ([`Refusal::IdNotGreater`](crate::Refusal::IdNotGreater)), or those of the backend. If the
    /// connection breaks ([`Effect::Unknown`](crate::Effect::Unknown)), the value may have been
    /// added: [`once`](AppendRequest::once) makes it safe to try again.
    pub fn append(&self, value: &T) -> AppendRequest {
        let fields = (self.format.encode)(value);
        AppendRequest::new(self.backend(), &self.name, fields)
    }

    /// Adds several values in one step: nobody sees some of them without the others.
    ///
    /// # Errors
    /// As for [`append`](Stream::append).
    pub async fn append_all(&self, values: &[T]) -> Result<Vec<EntryId>, Error> {
        if values.is_empty() {
            return Ok(Vec::new());
        }
        let mut batch = Batch::default();
        for value in values {
            let append = Append::new(Arc::clone(&self.name), (self.format.encode)(value)?);
            batch = batch.and(Write::Append(append));
        }
        let outcomes = self.backend().write(batch).await?;
        let ids = outcomes.into_iter().filter_map(|outcome| match outcome {
            Outcome::Appended(id) => Some(id),
            _ => None,
        });
        Ok(ids.collect())
    }
}

impl AppendRequest {
    /// Prepares to add fields to a stream, if there are some.
    pub(crate) fn new(
        backend: &Arc<dyn Backend>,
        stream: &Arc<str>,
        fields: Result<Fields, Error>,
    ) -> Self {
        let append = fields.map(|fields| Append::new(Arc::clone(stream), fields));
        AppendRequest { backend: Arc::clone(backend), append }
    }

    /// Keeps so many entries, the newest: `maxlen(approx(10_000))`.
    pub fn maxlen(self, len: Bound<u64>) -> Self {
        self.with(|append| append.trim = Some(len.newest()))
    }

    /// Keeps the entries from this id on.
    pub fn minid(self, id: Bound<EntryId>) -> Self {
        self.with(|append| append.trim = Some(id.since()))
    }

    /// Gives the entry this id, which must be above all that the stream ever had.
    pub fn id(self, id: EntryId) -> Self {
        self.with(|append| append.id = NewId::Explicit(id))
    }

    /// Lets the backend recognize the entry when it comes again, by a name that the producer gives
    /// each entry: it is added once, and its id is that of the first time. Needs
    /// [`Feature::IdempotentAppend`](crate::backend::Feature::IdempotentAppend); a server remembers
    /// the last hundred names of a producer, for a hundred seconds, unless it is told otherwise.
    pub fn once(self, producer: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        let attempt = Attempt { producer: producer.into(), name: name.into() };
        self.with(|append| append.attempt = Some(attempt))
    }

    fn with(mut self, change: impl FnOnce(&mut Append)) -> Self {
        if let Ok(append) = &mut self.append {
            change(append);
        }
        self
    }

    async fn send(self) -> Result<EntryId, Error> {
        let batch = Batch::of(Write::Append(self.append?));
        match self.backend.write(batch).await?.first() {
            Some(Outcome::Appended(id)) => Ok(*id),
            _ => Err(Error::payload("the backend has not named the entry's id")),
        }
    }
}

impl IntoFuture for AppendRequest {
    type Output = Result<EntryId, Error>;
    type IntoFuture = Answer<'static, EntryId>;

    fn into_future(self) -> Self::IntoFuture {
        self.send().boxed()
    }
}

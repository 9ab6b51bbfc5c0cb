//! Projections: something that is computed of all events, in their order, and remembers how far it is.

use std::sync::Arc;

use bytes::Bytes;

use super::event::StoredEvent;
use super::writer::Writer;
use crate::backend::{Batch, Condition, SetValue, When, Write};
use crate::key::beside;
use crate::tail::{WAIT, read, wait_out};
use crate::{EntryId, Error, Refusal};

/// Something that is computed of all events of a store, in their order. Its checkpoint, the id of the last event that
/// it has handled, is kept under its name in the broker.
///
/// Each event is handled at least once: those behind the last checkpoint come again when the program has been
/// stopped meanwhile. So a handler had better be idempotent, or keep [`StoredEvent::id`] with what it writes.
///
/// A projection is one: when two programs run the same, the one that comes second in saving a checkpoint
/// ends with [`ProjectionError::RunsElsewhere`].
#[derive(Debug)]
pub struct Projection {
    writer: Arc<Writer>,
    checkpoint: Arc<str>,
    batch: usize,
}

/// Why a projection has stopped.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectionError<E> {
    /// The handler has failed. All events before are done, and this one comes first the next time.
    #[error("event {id}: {error}")]
    Handler {
        /// The event.
        id: EntryId,
        /// What the handler said.
        error: E,
    },
    /// Another program has moved the checkpoint meanwhile.
    #[error("the projection runs elsewhere, too")]
    RunsElsewhere,
    /// Anything else.
    #[error(transparent)]
    Broker(#[from] Error),
}

/// Whether to go on when there are no more events.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AtTheEnd {
    Stop,
    Wait,
}

impl Projection {
    pub(super) fn new(writer: Arc<Writer>, name: &str) -> Self {
        let checkpoint = beside(writer.index().stream(), &format!("projection:{name}"));
        Projection { writer, checkpoint, batch: 100 }
    }

    /// Saves the checkpoint after so many events at the latest; 100 if nothing is said.
    #[must_use]
    pub fn batch(mut self, events: usize) -> Self {
        self.batch = events.max(1);
        self
    }

    /// Returns the last event that was handled; 0-0 if none was.
    ///
    /// # Errors
    /// Why it could not be read.
    pub async fn checkpoint(&self) -> Result<EntryId, Error> {
        Ok(self.read_checkpoint().await?.1)
    }

    /// Handles all events that are there, and returns how many there were.
    ///
    /// # Errors
    /// Why it has stopped before the end.
    pub async fn catch_up<E, F>(
        &self,
        handler: impl FnMut(StoredEvent) -> F,
    ) -> Result<u64, ProjectionError<E>>
    where
        F: Future<Output = Result<(), E>>,
    {
        self.handle(handler, AtTheEnd::Stop).await
    }

    /// Handles all events, those that are still to come included. Broken connections are waited out. To stop it,
    /// drop the future.
    ///
    /// # Errors
    /// Why it has stopped.
    pub async fn run<E, F>(
        &self,
        handler: impl FnMut(StoredEvent) -> F,
    ) -> Result<(), ProjectionError<E>>
    where
        F: Future<Output = Result<(), E>>,
    {
        self.handle(handler, AtTheEnd::Wait).await.map(drop)
    }

    /// Moves the checkpoint, whatever it is now: 0-0 lets the projection begin anew.
    ///
    /// # Errors
    /// Why it could not be moved.
    pub async fn rewind(&self, after: EntryId) -> Result<(), Error> {
        let set = Write::Set(self.set_checkpoint(after.to_string().into()));
        self.writer.index().backend().write(Batch::of(set)).await.map(drop)
    }

    async fn handle<E, F>(
        &self,
        mut handler: impl FnMut(StoredEvent) -> F,
        at_the_end: AtTheEnd,
    ) -> Result<u64, ProjectionError<E>>
    where
        F: Future<Output = Result<(), E>>,
    {
        let wait = (at_the_end == AtTheEnd::Wait).then_some(WAIT);
        let (mut saved, mut done) = self.read_checkpoint().await?;
        let mut count = 0;
        loop {
            let index = self.writer.index();
            let found = read(&**index.backend(), index.stream(), done, self.batch, wait).await;
            let entries = match found {
                Ok(entries) => entries,
                Err(error) if at_the_end == AtTheEnd::Wait => {
                    wait_out(error).await?;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            if entries.is_empty() && at_the_end == AtTheEnd::Stop {
                return Ok(count);
            }
            let (before, mut failed) = (done, None);
            for entry in entries {
                let id = entry.id;
                if let Err(error) = handler(StoredEvent::read(&entry)).await {
                    failed = Some(ProjectionError::Handler { id, error });
                    break;
                }
                done = id;
                count += 1;
            }
            if done != before {
                saved = Some(self.save(saved, done).await?);
            }
            if let Some(error) = failed {
                return Err(error);
            }
        }
    }

    async fn read_checkpoint(&self) -> Result<(Option<Bytes>, EntryId), Error> {
        let value = self.writer.index().backend().value(Arc::clone(&self.checkpoint)).await?;
        let Some(value) = value else { return Ok((None, EntryId::MIN)) };
        let id = std::str::from_utf8(&value).ok().and_then(|text| text.parse().ok());
        let id = id.ok_or_else(|| Error::payload(&format!("`{}` holds no id", self.checkpoint)))?;
        Ok((Some(value), id))
    }

    async fn save<E>(
        &self,
        before: Option<Bytes>,
        done: EntryId,
    ) -> Result<Bytes, ProjectionError<E>> {
        let value = Bytes::from(done.to_string());
        loop {
            let condition =
                Condition::Value { key: Arc::clone(&self.checkpoint), value: before.clone() };
            let set = Write::Set(self.set_checkpoint(value.clone()));
            let batch = Batch::of(set).only_if(condition);
            match self.writer.index().backend().write(batch).await {
                Ok(_) => return Ok(value),
                Err(Error::Refused(Refusal::Conflict { .. })) => {
                    // It may have been this projection, if an answer was lost.
                    return match self.read_checkpoint().await?.0 {
                        Some(found) if found == value => Ok(value),
                        _ => Err(ProjectionError::RunsElsewhere),
                    };
                }
                Err(error) => wait_out(error).await?,
            }
        }
    }

    fn set_checkpoint(&self, value: Bytes) -> SetValue {
        let key = Arc::clone(&self.checkpoint);
        SetValue { key, value, expires_in: None, when: When::Always }
    }
}

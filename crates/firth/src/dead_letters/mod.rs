//! Dead letters: entries that could not be handled, kept for somebody to look at, and brought back.
//!
//! A [`Worker`](crate::Worker) moves an entry here when it was delivered too often, is rejected, or cannot
//! be read, and [`DeadLetters::bury`] does it by hand. What a letter is made of is that of the document's
//! `moveToDeadLetter`, with `deliveries` and `error_chain` besides, so both work on the same stream.
//!
//! - [`list`](DeadLetters::list), [`reasons`](DeadLetters::reasons): what is there, and why.
//! - [`process`](DeadLetters::process): a handler looks at each and says whether to remove it.
//! - [`redrive`](DeadLetters::redrive): brings letters back to their stream: some of them, at a rate, and none
//!   too often; or says what it would do.
//! - [`purge`](DeadLetters::purge): removes letters.
//! - [`audit`](DeadLetters::audit): who has brought back and removed what.
//!
//! # What is one step
//!
//! An entry is moved here, or back, in one step: it is in one of both places, never in both or in none. On a
//! Cluster that holds if both streams share a hash slot, as `{orders}:dead` does with `orders`. If they do
//! not, `bury` and `redrive` add the entry to where it goes, and then take it from where it was: if this
//! process ends between the two it is in both, so it may be handled twice, and is not lost. A worker
//! refuses such a stream of dead letters.

mod audit;
mod filter;
mod letter;
mod list;
mod process;
mod redrive;

use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;
use std::time::Duration;

use crate::backend::{Backend, Batch, Fields, Outcome, PendingQuery, Range, StreamInfo, Write};
use crate::format::Format;
use crate::{Broker, EntryId, Error, Refusal, Stream, key};

pub(crate) use self::letter::{Death, letter};
pub use audit::{AuditRecord, Deed};
pub use filter::LetterFilter;
pub use letter::DeadLetter;
pub use list::{LetterRequest, ReasonCount, Reasons};
pub use process::{Fate, Processed};
pub use redrive::{RedriveReport, RedriveRequest};

/// The dead letters of a stream. Handles are cheap to clone; see the [module](self).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), firth::Error> {
/// use firth::Broker;
/// use firth::backend::Start;
///
/// let broker = Broker::connect("memory:").await?;
/// let orders = broker.stream::<String>("orders");
/// let group = orders.group("order-processors");
/// group.create(Start::Beginning).await?;
/// orders.append(&"tea".to_owned()).await?;
/// let item = group.read("worker-1").await?.remove(0);
///
/// let dead = orders.dead_letters();
/// dead.bury("order-processors", item.id, "no stock").await?;
/// let letters = dead.list(..).await?;
/// let letter = letters[0].value.as_ref().unwrap();
/// assert_eq!((&*letter.reason, letter.value.as_deref()), ("no stock", Ok("tea")));
///
/// let report = dead.redrive("alice").await?;
/// assert_eq!((report.redriven, dead.length().await?), (1, 0));
/// let again = group.read("worker-1").await?.remove(0);
/// assert_eq!(again.value.as_deref(), Ok("tea"));
/// # Ok(())
/// # }
/// ```
pub struct DeadLetters<T> {
    broker: Broker,
    /// The stream that letters are from.
    origin: Arc<str>,
    name: Arc<str>,
    format: Format<T>,
}

impl<T> Stream<T> {
    /// Returns the dead letters of this stream: `{orders}:dead` for `orders`, where workers put them.
    pub fn dead_letters(&self) -> DeadLetters<T> {
        DeadLetters {
            broker: self.broker.clone(),
            origin: Arc::clone(&self.name),
            name: key::beside(&self.name, "dead"),
            format: self.format,
        }
    }
}

impl<T> DeadLetters<T> {
    /// Keeps them in a stream of another name.
    #[must_use]
    pub fn named(mut self, stream: impl Into<Arc<str>>) -> Self {
        self.name = stream.into();
        self
    }

    /// Returns the name of the stream of dead letters.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Returns how many letters there are.
    ///
    /// # Errors
    /// Those of the backend.
    pub async fn length(&self) -> Result<u64, Error> {
        self.raw().length().await
    }

    /// Returns the stream of records of who has brought back and removed what: the last 10,000 of them, at
    /// least.
    pub fn audit(&self) -> Stream<AuditRecord> {
        self.broker.stream(self.audit_name()).flat()
    }

    /// Moves an entry that is pending in a group to the dead letters, and returns the identity of the letter;
    /// `None` if it is not pending there, or is gone from the stream. The first line of the reason is what
    /// letters are counted by; further lines are the causes.
    ///
    /// If the answer is [`Error::Unavailable`], it is safe to try again.
    ///
    /// # Errors
    /// There is no such group ([`Refusal::NoGroup`]), the name of the dead letters is that of something else
    /// ([`Refusal::WrongType`]), or those of the backend.
    pub async fn bury(
        &self,
        group: impl Into<Arc<str>>,
        id: EntryId,
        reason: impl fmt::Display,
    ) -> Result<Option<EntryId>, Error> {
        let (group, stream) = (group.into(), Arc::clone(&self.origin));
        let pending = PendingQuery {
            stream: Arc::clone(&stream),
            group: Arc::clone(&group),
            from: id,
            to: id,
            limit: 1,
            min_idle: Duration::ZERO,
            consumer: None,
        };
        let Some(row) = self.backend().pending(pending).await?.pop() else { return Ok(None) };
        let range = Range::one(Arc::clone(&stream), id);
        let Some(entry) = self.backend().range(range).await?.pop() else { return Ok(None) };
        check_place(&**self.backend(), &self.name).await?;
        let (reason, deliveries) = (format!("{reason:#}"), row.deliveries);
        let death = Death { stream: &stream, group: &group, id, reason: &reason, deliveries };
        let append = Write::Append(letter(&self.name, &death, &entry.fields));
        let acknowledge =
            Write::Acknowledge { stream: Arc::clone(&stream), group, ids: vec![entry.id] };
        let outcomes = self.moved(append, acknowledge).await?;
        Ok(outcomes.into_iter().find_map(|outcome| match outcome {
            Outcome::Appended(id) => Some(id),
            _ => None,
        }))
    }

    /// Adds an entry to where it goes and takes it from where it was: in one step if that is possible.
    async fn moved(&self, add: Write, take: Write) -> Result<Vec<Outcome>, Error> {
        let batch = Batch::of(add.clone()).and(take.clone());
        match self.backend().write(batch).await {
            Err(Error::Refused(Refusal::CrossSlot)) => {
                let outcomes = self.backend().write(Batch::of(add)).await?;
                self.backend().write(Batch::of(take)).await?;
                Ok(outcomes)
            }
            moved => moved,
        }
    }

    fn backend(&self) -> &Arc<dyn Backend> {
        self.broker.backend()
    }

    fn raw(&self) -> Stream<Fields> {
        self.broker.raw_stream(Arc::clone(&self.name))
    }

    fn audit_name(&self) -> Arc<str> {
        key::beside(&self.name, "audit")
    }

    async fn info(&self) -> Result<Option<StreamInfo>, Error> {
        self.backend().stream_info(Arc::clone(&self.name)).await
    }
}

/// Makes sure that a stream can take entries. In a batch, one write that is refused stops no other, so that an entry
/// would be taken from where it was and added nowhere.
pub(crate) async fn check_place(backend: &dyn Backend, stream: &Arc<str>) -> Result<(), Error> {
    match backend.stream_info(Arc::clone(stream)).await? {
        Some(info) if info.last_id == EntryId::MAX => Err(Refusal::IdNotGreater.into()),
        _ => Ok(()),
    }
}

/// Returns the ids that the entries of a range of times have.
fn ids_of_times(times: impl RangeBounds<u64>) -> (Bound<EntryId>, Bound<EntryId>) {
    let first = |ms: &u64| EntryId::new(*ms, 0);
    let last = |ms: &u64| EntryId::new(*ms, u64::MAX);
    let from = match times.start_bound() {
        Bound::Included(ms) => Bound::Included(first(ms)),
        Bound::Excluded(ms) => Bound::Excluded(last(ms)),
        Bound::Unbounded => Bound::Unbounded,
    };
    let to = match times.end_bound() {
        Bound::Included(ms) => Bound::Included(last(ms)),
        Bound::Excluded(ms) => Bound::Excluded(first(ms)),
        Bound::Unbounded => Bound::Unbounded,
    };
    (from, to)
}

impl<T> Clone for DeadLetters<T> {
    fn clone(&self) -> Self {
        DeadLetters {
            broker: self.broker.clone(),
            origin: Arc::clone(&self.origin),
            name: Arc::clone(&self.name),
            format: self.format,
        }
    }
}

impl<T> fmt::Debug for DeadLetters<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetters").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_ranges_of_ids() {
        let id = EntryId::new;
        let last = u64::MAX;
        let check = |found: (Bound<EntryId>, Bound<EntryId>), expect: std::ops::Range<EntryId>| {
            let ids = [id(4, last), id(5, 0), id(5, last), id(6, 0), id(6, last), id(7, 0)];
            for it in ids {
                assert_eq!(found.contains(&it), expect.contains(&it), "{it}");
            }
        };
        check(ids_of_times(5..7), id(5, 0)..id(7, 0));
        check(ids_of_times(5..=6), id(5, 0)..id(7, 0));
        check(ids_of_times(..6), id(0, 0)..id(6, 0));
        check(ids_of_times((Bound::Excluded(5), Bound::Unbounded)), id(6, 0)..EntryId::MAX);
    }
}

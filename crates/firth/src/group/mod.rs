//! Groups: several consumers that share the entries of a stream.

mod claim;
mod history;
mod lag;
mod pending;
mod read;
mod summary;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::{
    Backend, Batch, Claim, ConsumerInfo, GroupChange, GroupChanged, GroupInfo, Handing, Outcome,
    Start, Which, Write,
};
use crate::{EntryId, Error, Refusal, Stream};

pub use claim::{ClaimRequest, ClaimedItems, IdleClaim, LeaseRequest, Taken};
pub use history::HistoryRequest;
pub use lag::Lag;
pub(crate) use lag::lag;
pub use pending::{PendingEntries, PendingRequest};
pub use read::GroupReadRequest;
pub use summary::PendingSummary;

/// Who keeps what was given back until somebody claims it.
const GIVEN_BACK: &str = "given-back";

/// For how long what was given back counts as idle, so that anybody may claim it.
const GIVEN_BACK_IDLE: Duration = Duration::from_secs(86_400);

/// A group of a stream: each entry is delivered to one of its consumers, and is pending until it is
/// acknowledged.
///
/// This is for those who look after a group, or who read and acknowledge by themselves; a
/// [`Worker`](crate::Worker) does the latter with retries, leases and dead letters. What the group
/// has delivered, to whom and how often, is kept by the backend and survives what its entries survive.
///
/// Handles are cheap to clone. Every method may be dropped at any time; what it asked for is then
/// done or not done.
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
///
/// let items = group.read("worker-1").limit(10).await?;
/// assert_eq!(items[0].value.as_deref(), Ok("tea"));
/// assert_eq!(group.info().await?.unwrap().pending, 1);
/// group.acknowledge(items.iter().map(|item| item.id)).await?;
/// assert_eq!(group.info().await?.unwrap().pending, 0);
/// # Ok(())
/// # }
/// ```
pub struct Group<T> {
    stream: Stream<T>,
    name: Arc<str>,
}

/// Returns the change that removes a consumer and leaves what is pending for it to anybody.
pub(crate) fn removal(stream: Arc<str>, group: Arc<str>, consumer: Arc<str>) -> GroupChange {
    let (heir, idle) = (GIVEN_BACK.into(), GIVEN_BACK_IDLE);
    GroupChange::ReplaceConsumer { stream, group, consumer, heir, idle }
}

/// Who gets what is pending for a consumer that is removed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Heir {
    /// This consumer, for which the entries count as delivered now.
    Consumer(Arc<str>),
    /// Whoever claims them first: they are kept by a consumer called `given-back`, and count as idle
    /// for a day already. Workers claim them when they next look, which they do twice in a lease.
    Anyone,
}

impl<T> Stream<T> {
    /// Returns a handle on a group of this stream. Nothing is sent, and neither need be there yet.
    pub fn group(&self, name: impl Into<Arc<str>>) -> Group<T> {
        Group { stream: self.clone(), name: name.into() }
    }
}

impl<T> Group<T> {
    /// Returns the name of the group.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Returns the stream.
    pub fn stream(&self) -> &Stream<T> {
        &self.stream
    }

    fn backend(&self) -> &Arc<dyn Backend> {
        self.stream.backend()
    }

    fn names(&self) -> (Arc<str>, Arc<str>) {
        (Arc::clone(self.stream.name()), Arc::clone(&self.name))
    }

    /// Creates the group, and the stream if need be. If it is there already, nothing is changed, and
    /// the answer is [`GroupChanged::Already`].
    ///
    /// # Errors
    /// Those of the backend.
    pub async fn create(&self, start: Start) -> Result<GroupChanged, Error> {
        let (stream, group) = self.names();
        self.backend().change_group(GroupChange::Create { stream, group, start }).await
    }

    /// Destroys the group with all that is pending in it. If there is none, the answer is
    /// [`GroupChanged::Already`].
    ///
    /// # Errors
    /// Those of the backend.
    pub async fn destroy(&self) -> Result<GroupChanged, Error> {
        let (stream, group) = self.names();
        self.backend().change_group(GroupChange::Destroy { stream, group }).await
    }

    /// Moves the group to another place, from which new entries are delivered: backward to have them
    /// delivered again. What is pending stays pending.
    ///
    /// # Errors
    /// There is no such group ([`Refusal::NoGroup`]).
    pub async fn set_position(&self, start: Start) -> Result<(), Error> {
        let (stream, group) = self.names();
        self.backend().change_group(GroupChange::Move { stream, group, start }).await.map(drop)
    }

    /// Returns what is known of the group, how far it is behind the stream included; `None` if there
    /// is no such group, or no such stream.
    ///
    /// # Errors
    /// Those of the backend.
    pub async fn info(&self) -> Result<Option<GroupInfo>, Error> {
        let info = self.stream.info().await?;
        Ok(info.and_then(|info| info.groups.into_iter().find(|group| group.name == self.name)))
    }

    /// Returns the consumers: how much is pending for each, and how long ago it last asked.
    ///
    /// # Errors
    /// There is no such group ([`Refusal::NoGroup`]).
    pub async fn consumers(&self) -> Result<Vec<ConsumerInfo>, Error> {
        self.stream.consumers(Arc::clone(&self.name)).await
    }

    /// Removes a consumer without losing what is pending for it, and returns how many entries its heir
    /// has got; none if there is no such consumer. How often they were delivered stays as it is, and
    /// what is no longer in the stream is pending no more.
    ///
    /// The consumer should have stopped: it comes back with its next read. On an engine in this
    /// process the removal is one step. On a server the entries are claimed first, and what the
    /// consumer is given in the moment before it is removed is put back directly after: of that alone
    /// can something be lost, if this process or its connection ends exactly in between. What has been
    /// claimed by somebody else meanwhile stays his. If the answer is [`Error::Unavailable`], it is
    /// safe to try again.
    ///
    /// # Errors
    /// There is no such group ([`Refusal::NoGroup`]), or the heir is the consumer itself
    /// ([`Refusal::Malformed`]).
    pub async fn remove_consumer(
        &self,
        consumer: impl Into<Arc<str>>,
        heir: Heir,
    ) -> Result<u64, Error> {
        let (stream, group) = self.names();
        let consumer = consumer.into();
        let change = match heir {
            Heir::Anyone => removal(stream, group, consumer),
            Heir::Consumer(heir) => {
                let idle = Duration::ZERO;
                GroupChange::ReplaceConsumer { stream, group, consumer, heir, idle }
            }
        };
        match self.backend().change_group(change).await? {
            GroupChanged::HandedOver(count) => Ok(count),
            _ => Ok(0),
        }
    }

    /// Marks entries as done; returns how many of them were pending.
    ///
    /// # Errors
    /// There is no such group ([`Refusal::NoGroup`]) if nothing was acknowledged, else those of the
    /// backend.
    pub async fn acknowledge(&self, ids: impl IntoIterator<Item = EntryId>) -> Result<u64, Error> {
        let (stream, group) = self.names();
        let ids: Vec<EntryId> = ids.into_iter().collect();
        if ids.is_empty() {
            return Ok(0);
        }
        let write = Write::Acknowledge { stream, group, ids };
        match self.backend().write(Batch::of(write)).await?.first() {
            Some(Outcome::Count(0)) if self.info().await?.is_none() => Err(Refusal::NoGroup.into()),
            Some(Outcome::Count(count)) => Ok(*count),
            _ => Ok(0),
        }
    }

    /// Gives pending entries back: they count as idle for a day, so that whoever claims what has been
    /// idle for less gets them at once; workers look twice in a lease. They stay pending for the
    /// consumer until then, and how often they were delivered stays as it is. Returns those that are
    /// given back; the others were not pending. What is pending for another consumer is taken from it.
    ///
    /// # Errors
    /// There is no such group ([`Refusal::NoGroup`]).
    pub async fn give_back(
        &self,
        consumer: impl Into<Arc<str>>,
        ids: impl IntoIterator<Item = EntryId>,
    ) -> Result<Vec<EntryId>, Error> {
        let (stream, group) = self.names();
        let which = Which::Ids(ids.into_iter().collect());
        let (consumer, min_idle) = (consumer.into(), Duration::ZERO);
        let handing = Handing::Lease { idle: GIVEN_BACK_IDLE };
        let claim = Claim { stream, group, consumer, min_idle, which, handing };
        Ok(self.backend().claim(claim).await?.ids)
    }

    /// Returns what is pending: delivered, and not acknowledged.
    pub fn pending(&self) -> PendingEntries<T> {
        PendingEntries { group: self.clone() }
    }
}

impl<T> Clone for Group<T> {
    fn clone(&self) -> Self {
        Group { stream: self.stream.clone(), name: Arc::clone(&self.name) }
    }
}

impl<T> fmt::Debug for Group<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Group { stream, name } = self;
        f.debug_struct("Group").field("stream", stream.name()).field("name", name).finish()
    }
}

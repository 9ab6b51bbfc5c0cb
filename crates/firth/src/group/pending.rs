//! Looking at what is pending.

use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};

use super::Group;
use crate::backend::{Answer, Backend, Pending, PendingQuery};
use crate::{EntryId, Error};

/// The most rows of one request, unless told otherwise.
const LIMIT: usize = 1000;

/// What is pending in a group: delivered, and not acknowledged.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), firth::Error> {
/// use std::time::Duration;
/// use firth::Broker;
/// use firth::backend::Start;
/// use firth::group::Taken;
/// use futures_util::TryStreamExt;
///
/// let broker = Broker::connect("memory:").await?;
/// let orders = broker.stream::<String>("orders");
/// let group = orders.group("order-processors");
/// group.create(Start::Beginning).await?;
/// orders.append(&"tea".to_owned()).await?;
/// group.read("worker-1").await?;
///
/// let pending = group.pending();
/// assert_eq!(pending.summary().await?.count, 1);
/// // What worker-1 has left is taken over by worker-2; it would have to be idle for longer.
/// let mut taken = pending.claim_idle("worker-2", Duration::ZERO).all();
/// let Some(Taken::Item(item)) = taken.try_next().await? else { panic!() };
/// assert_eq!(item.value.as_deref(), Ok("tea"));
/// # Ok(())
/// # }
/// ```
pub struct PendingEntries<T> {
    pub(super) group: Group<T>,
}

/// A list of what is pending that has not been asked for yet: awaiting it asks for it,
/// [`all`](PendingRequest::all) for as much as there is, page by page.
#[derive(Debug)]
#[must_use = "nothing is asked before it is awaited"]
pub struct PendingRequest {
    backend: Arc<dyn Backend>,
    query: Option<PendingQuery>,
}

impl<T> PendingEntries<T> {
    /// Lists what is pending in a range of ids, the smallest first: to whom it was delivered, how
    /// often, and how long ago. At most 1000 rows come unless
    /// [`limit`](PendingRequest::limit) says otherwise.
    ///
    /// # Errors
    /// There is no such group ([`Refusal::NoGroup`](crate::Refusal::NoGroup)).
    pub fn list(&self, ids: impl RangeBounds<EntryId>) -> PendingRequest {
        let from = match ids.start_bound() {
            Bound::Included(id) => Some(*id),
            Bound::Excluded(id) => id.next(),
            Bound::Unbounded => Some(EntryId::MIN),
        };
        let to = match ids.end_bound() {
            Bound::Included(id) => Some(*id),
            Bound::Excluded(id) => id.prev(),
            Bound::Unbounded => Some(EntryId::MAX),
        };
        let (stream, group) = self.group.names();
        let query = from.zip(to).map(|(from, to)| PendingQuery {
            stream,
            group,
            from,
            to,
            limit: LIMIT,
            min_idle: Duration::ZERO,
            consumer: None,
        });
        PendingRequest { backend: Arc::clone(self.group.backend()), query }
    }
}

impl PendingRequest {
    /// Lists so many entries at most; with [`all`](PendingRequest::all), at a time.
    pub fn limit(self, entries: usize) -> Self {
        self.with(|query| query.limit = entries)
    }

    /// Lists only what nothing has happened to for so long.
    pub fn min_idle(self, idle: Duration) -> Self {
        self.with(|query| query.min_idle = idle)
    }

    /// Lists only what is pending for this consumer.
    pub fn consumer(self, name: impl Into<Arc<str>>) -> Self {
        let name = name.into();
        self.with(|query| query.consumer = Some(name))
    }

    fn with(mut self, change: impl FnOnce(&mut PendingQuery)) -> Self {
        if let Some(query) = &mut self.query {
            change(query);
        }
        self
    }

    /// Lists all, however many, in requests of [`limit`](PendingRequest::limit) rows. After an error
    /// the stream ends.
    pub fn all(self) -> BoxStream<'static, Result<Pending, Error>> {
        let PendingRequest { backend, query } = self.with(|query| query.limit = query.limit.max(1));
        let pages = stream::try_unfold(query, move |rest: Option<PendingQuery>| {
            let backend = Arc::clone(&backend);
            async move {
                let Some(query) = rest else { return Ok(None) };
                let rows = backend.pending(query.clone()).await?;
                let last = rows.last().filter(|_| rows.len() == query.limit);
                let next = last.and_then(|last| last.id.next());
                let rest = next.map(|from| PendingQuery { from, ..query });
                let rows = stream::iter(rows.into_iter().map(Ok::<_, Error>));
                Ok::<_, Error>(Some((rows, rest)))
            }
        });
        pages.try_flatten().boxed()
    }
}

impl IntoFuture for PendingRequest {
    type Output = Result<Vec<Pending>, Error>;
    type IntoFuture = Answer<'static, Vec<Pending>>;

    fn into_future(self) -> Self::IntoFuture {
        async move {
            match self.query {
                Some(query) => self.backend.pending(query).await,
                None => Ok(Vec::new()),
            }
        }
        .boxed()
    }
}

impl<T> Clone for PendingEntries<T> {
    fn clone(&self) -> Self {
        PendingEntries { group: self.group.clone() }
    }
}

impl<T> fmt::Debug for PendingEntries<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingEntries").field("group", &self.group).finish()
    }
}

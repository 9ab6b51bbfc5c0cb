//! What was delivered to a consumer before.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;

use super::Group;
use super::claim::{ClaimedItems, claim_items};
use crate::backend::{Answer, Backend, Claim, Handing, PendingQuery, Which};
use crate::format::Format;
use crate::{EntryId, Error};

/// How many entries come at once, unless told otherwise.
const LIMIT: usize = 100;

/// A read of what is pending for a consumer that has not been made yet: awaiting it makes it.
#[must_use = "nothing is read before it is awaited"]
pub struct HistoryRequest<T> {
    backend: Arc<dyn Backend>,
    format: Format<T>,
    query: PendingQuery,
    consumer: Arc<str>,
}

impl<T> Group<T> {
    /// Delivers to a consumer once more what is pending for it, the smallest id first: what an earlier
    /// process of its name has left, or a read whose answer was lost. It counts as a delivery. At most
    /// 100 entries come unless the request is told otherwise; to go on, ask for what is behind the last
    /// one of [`items`](ClaimedItems::items) and [`missed`](ClaimedItems::missed). The latter are those
    /// that were acknowledged or taken over in this moment, and those that are gone from the stream, which
    /// are pending no more.
    ///
    /// # Errors
    /// There is no such group ([`Refusal::NoGroup`](crate::Refusal::NoGroup)).
    pub fn read_again(&self, consumer: impl Into<Arc<str>>) -> HistoryRequest<T> {
        let (stream, group) = self.names();
        let consumer = consumer.into();
        let query = PendingQuery {
            stream,
            group,
            from: EntryId::MIN,
            to: EntryId::MAX,
            limit: LIMIT,
            min_idle: Duration::ZERO,
            consumer: Some(Arc::clone(&consumer)),
        };
        let backend = Arc::clone(self.backend());
        HistoryRequest { backend, format: self.stream.format, query, consumer }
    }
}

impl<T> HistoryRequest<T> {
    /// Begins behind this id.
    pub fn after(mut self, id: EntryId) -> Self {
        match id.next() {
            Some(from) => self.query.from = from,
            None => self.query.limit = 0,
        }
        self
    }

    /// Sets how many entries come at most.
    pub fn limit(mut self, entries: usize) -> Self {
        self.query.limit = entries;
        self
    }
}

impl<T: Send + 'static> IntoFuture for HistoryRequest<T> {
    type Output = Result<ClaimedItems<T>, Error>;
    type IntoFuture = Answer<'static, ClaimedItems<T>>;

    fn into_future(self) -> Self::IntoFuture {
        let HistoryRequest { backend, format, query, consumer } = self;
        async move {
            let (stream, group) = (Arc::clone(&query.stream), Arc::clone(&query.group));
            let rows = backend.pending(query).await?;
            // Whoever has taken an entry over since then has it for a shorter time.
            let min_idle = rows.iter().map(|row| row.idle).min().unwrap_or_default();
            let which = Which::Ids(rows.into_iter().map(|row| row.id).collect());
            let handing = Handing::Entries;
            let claim = Claim { stream, group, consumer, min_idle, which, handing };
            claim_items(&*backend, format, claim).await
        }
        .boxed()
    }
}

impl<T> fmt::Debug for HistoryRequest<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HistoryRequest").field("query", &self.query).finish_non_exhaustive()
    }
}

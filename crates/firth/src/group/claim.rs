//! Taking over what is pending.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};

use super::PendingEntries;
use crate::backend::{Answer, Backend, Claim, Handing, Which};
use crate::format::{Format, Item};
use crate::{EntryId, Error};

/// How many entries are claimed at once, unless told otherwise.
const LIMIT: usize = 100;

/// What came of a claim by ids. Every id that was asked for is in one of both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedItems<T> {
    /// What belongs to the consumer now.
    pub items: Vec<Item<T>>,
    /// What was not claimed: not pending in this group, not idle for long enough, or gone from the
    /// stream, and then pending no more.
    pub missed: Vec<EntryId>,
}

/// An entry that was pending, and is taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken<T> {
    /// It belongs to the consumer now.
    Item(Item<T>),
    /// It is not in the stream any more, and is pending no more.
    Gone(EntryId),
}

/// A claim by ids that has not been made yet: awaiting it makes it.
#[must_use = "nothing is claimed before it is awaited"]
pub struct ClaimRequest<T> {
    backend: Arc<dyn Backend>,
    format: Format<T>,
    claim: Claim,
}

/// A claim of ids alone that has not been made yet: awaiting it makes it and returns the ids that
/// belong to the consumer now.
#[derive(Debug)]
#[must_use = "nothing is claimed before it is awaited"]
pub struct LeaseRequest {
    backend: Arc<dyn Backend>,
    claim: Claim,
}

/// A claim of all that has been idle for long enough; [`all`](IdleClaim::all) makes it.
#[must_use = "nothing is claimed before it is polled"]
pub struct IdleClaim<T> {
    backend: Arc<dyn Backend>,
    format: Format<T>,
    claim: Claim,
    from: EntryId,
    limit: usize,
}

impl<T> PendingEntries<T> {
    /// Hands pending entries to a consumer, which is created if need be. It counts as a delivery.
    ///
    /// If the future is dropped, entries may have been claimed all the same, and are pending for the
    /// consumer.
    ///
    /// # Errors
    /// There is no such group ([`Refusal::NoGroup`](crate::Refusal::NoGroup)).
    pub fn claim(
        &self,
        consumer: impl Into<Arc<str>>,
        ids: impl IntoIterator<Item = EntryId>,
    ) -> ClaimRequest<T> {
        let which = Which::Ids(ids.into_iter().collect());
        let claim = self.claim_of(consumer.into(), which, Duration::ZERO);
        let (backend, format) = (Arc::clone(self.group.backend()), self.group.stream.format);
        ClaimRequest { backend, format, claim }
    }

    /// Hands to a consumer all that has been idle for so long, whoever had it, from the smallest id to
    /// the greatest.
    pub fn claim_idle(&self, consumer: impl Into<Arc<str>>, min_idle: Duration) -> IdleClaim<T> {
        let which = Which::From { from: EntryId::MIN, limit: LIMIT };
        let claim = self.claim_of(consumer.into(), which, min_idle);
        let (backend, format) = (Arc::clone(self.group.backend()), self.group.stream.format);
        IdleClaim { backend, format, claim, from: EntryId::MIN, limit: LIMIT }
    }

    fn claim_of(&self, consumer: Arc<str>, which: Which, min_idle: Duration) -> Claim {
        let (stream, group) = self.group.names();
        Claim { stream, group, consumer, min_idle, which, handing: Handing::Entries }
    }
}

impl<T> ClaimRequest<T> {
    /// Claims only what nothing has happened to for so long. Of several who claim the same entries
    /// with this, one gets each.
    pub fn min_idle(mut self, idle: Duration) -> Self {
        self.claim.min_idle = idle;
        self
    }

    /// Claims the right to the entries without their content, which does not count as a delivery: the
    /// consumer's lease begins anew.
    pub fn just_ids(self) -> LeaseRequest {
        let handing = Handing::Lease { idle: Duration::ZERO };
        LeaseRequest { backend: self.backend, claim: Claim { handing, ..self.claim } }
    }
}

impl LeaseRequest {
    /// Lets the entries count as idle for so long already, so that others may claim them that much
    /// sooner: a way to hand them back.
    pub fn idle(mut self, idle: Duration) -> Self {
        self.claim.handing = Handing::Lease { idle };
        self
    }
}

impl IntoFuture for LeaseRequest {
    type Output = Result<Vec<EntryId>, Error>;
    type IntoFuture = Answer<'static, Vec<EntryId>>;

    fn into_future(self) -> Self::IntoFuture {
        async move { Ok(self.backend.claim(self.claim).await?.ids) }.boxed()
    }
}

impl<T: Send + 'static> IntoFuture for ClaimRequest<T> {
    type Output = Result<ClaimedItems<T>, Error>;
    type IntoFuture = Answer<'static, ClaimedItems<T>>;

    fn into_future(self) -> Self::IntoFuture {
        let ClaimRequest { backend, format, claim } = self;
        async move { claim_items(&*backend, format, claim).await }.boxed()
    }
}

/// Claims entries by their ids.
pub(super) async fn claim_items<T>(
    backend: &dyn Backend,
    format: Format<T>,
    claim: Claim,
) -> Result<ClaimedItems<T>, Error> {
    let mut missed: BTreeSet<EntryId> = match &claim.which {
        Which::Ids(ids) => ids.iter().copied().collect(),
        Which::From { .. } => BTreeSet::new(),
    };
    let entries = backend.claim(claim).await?.entries;
    entries.iter().for_each(|entry| _ = missed.remove(&entry.id));
    let items = entries.into_iter().map(|entry| format.item(entry)).collect();
    Ok(ClaimedItems { items, missed: missed.into_iter().collect() })
}

impl<T> IdleClaim<T> {
    /// Begins at this id.
    pub fn from(mut self, id: EntryId) -> Self {
        self.from = id;
        self
    }

    /// Sets how many entries are claimed at a time; at least one. Default: 100.
    pub fn limit(mut self, entries: usize) -> Self {
        self.limit = entries.max(1);
        self
    }
}

impl<T: Send + 'static> IdleClaim<T> {
    /// Claims to the end, page by page, each when the one before it has been taken from the stream.
    /// After an error the stream ends. What was claimed with a page and not yet taken when the stream
    /// is dropped is pending for the consumer.
    pub fn all(self) -> BoxStream<'static, Result<Taken<T>, Error>> {
        let IdleClaim { backend, format, claim, from, limit } = self;
        let pages = stream::try_unfold(Some(from), move |from| {
            let (backend, claim) = (Arc::clone(&backend), claim.clone());
            async move {
                let Some(from) = from else { return Ok(None) };
                let which = Which::From { from, limit };
                let claimed = backend.claim(Claim { which, ..claim }).await?;
                let items = claimed.entries.into_iter().map(|it| Taken::Item(format.item(it)));
                let mut page: Vec<Taken<T>> = items.collect();
                page.extend(claimed.gone.into_iter().map(Taken::Gone));
                page.sort_by_key(Taken::id);
                let page = stream::iter(page.into_iter().map(Ok::<_, Error>));
                Ok::<_, Error>(Some((page, claimed.next)))
            }
        });
        pages.try_flatten().boxed()
    }
}

impl<T> Taken<T> {
    /// Returns the entry's identity.
    pub fn id(&self) -> EntryId {
        match self {
            Taken::Item(item) => item.id,
            Taken::Gone(id) => *id,
        }
    }
}

impl<T> fmt::Debug for ClaimRequest<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClaimRequest").field("claim", &self.claim).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for IdleClaim<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdleClaim").field("claim", &self.claim).finish_non_exhaustive()
    }
}

//! Reading a range of a stream.

use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::stream::{self, BoxStream, StreamExt as _};

use super::Stream;
use crate::backend::{Answer, Backend, Order, Range};
use crate::format::{Format, Item};
use crate::{EntryId, Error};

/// The most entries of one request, unless told otherwise.
const LIMIT: usize = 1000;

/// A range that has not been read yet: awaiting it reads it, [`all`](RangeRequest::all) reads as much
/// as there is, piece by piece.
#[must_use = "nothing is read before it is awaited"]
pub struct RangeRequest<T> {
    backend: Arc<dyn Backend>,
    format: Format<T>,
    range: Option<Range>,
}

impl<T> Stream<T> {
    /// Reads a range of ids, the oldest entry first: `range(..)`, `range(id..)`,
    /// `range((Excluded(id), Unbounded))`. At most 1000 entries come unless
    /// [`limit`](RangeRequest::limit) says otherwise.
    ///
    /// # Errors
    /// Those of the backend.
    pub fn range(&self, ids: impl RangeBounds<EntryId>) -> RangeRequest<T> {
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
        let range = from.zip(to).map(|(from, to)| Range {
            stream: Arc::clone(&self.name),
            from,
            to,
            order: Order::Forward,
            limit: LIMIT,
        });
        RangeRequest { backend: Arc::clone(self.backend()), format: self.format, range }
    }
}

impl<T: Send + 'static> RangeRequest<T> {
    /// Reads the newest entry first.
    pub fn backward(mut self) -> Self {
        self.range.iter_mut().for_each(|range| range.order = Order::Backward);
        self
    }

    /// Reads so many entries at most; with [`all`](RangeRequest::all), at a time.
    pub fn limit(mut self, entries: usize) -> Self {
        self.range.iter_mut().for_each(|range| range.limit = entries);
        self
    }

    /// Reads the whole range, however long, in requests of [`limit`](RangeRequest::limit) entries.
    /// After an error the stream ends.
    pub fn all(mut self) -> BoxStream<'static, Result<Item<T>, Error>> {
        let (backend, format) = (self.backend, self.format);
        self.range.iter_mut().for_each(|range| range.limit = range.limit.max(1));
        let pages = stream::try_unfold(self.range, move |rest| {
            let backend = Arc::clone(&backend);
            async move {
                let Some(range) = rest else { return Ok(None) };
                let entries = backend.range(range.clone()).await?;
                let last = entries.last().filter(|_| entries.len() == range.limit);
                let rest = last.and_then(|last| behind(range, last.id));
                Ok(Some((stream::iter(entries.into_iter().map(Ok)), rest)))
            }
        });
        pages
            .flat_map(|page| match page {
                Ok(entries) => entries.left_stream(),
                Err(error) => stream::iter([Err(error)]).right_stream(),
            })
            .map(move |entry| entry.map(|entry| format.item(entry)))
            .boxed()
    }
}

/// Returns what is left of a range behind an entry.
fn behind(range: Range, last: EntryId) -> Option<Range> {
    match range.order {
        Order::Forward => last.next().map(|from| Range { from, ..range }),
        Order::Backward => last.prev().map(|to| Range { to, ..range }),
    }
}

impl<T: Send + 'static> IntoFuture for RangeRequest<T> {
    type Output = Result<Vec<Item<T>>, Error>;
    type IntoFuture = Answer<'static, Vec<Item<T>>>;

    fn into_future(self) -> Self::IntoFuture {
        let RangeRequest { backend, format, range } = self;
        async move {
            let Some(range) = range else { return Ok(Vec::new()) };
            let entries = backend.range(range).await?;
            Ok(entries.into_iter().map(|entry| format.item(entry)).collect())
        }
        .boxed()
    }
}

impl<T> fmt::Debug for RangeRequest<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RangeRequest").field("range", &self.range).finish_non_exhaustive()
    }
}

//! Reading for a group.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;

use super::Group;
use crate::Error;
use crate::backend::{Answer, Backend, GroupRead};
use crate::format::{Format, Item};

/// How many entries are delivered at once, unless told otherwise.
const LIMIT: usize = 10;

/// A read for a group that has not been made yet: awaiting it makes it.
///
/// If its future is dropped, entries may have been delivered all the same. They are then pending for
/// the consumer, and are got by [claiming](super::PendingEntries::claim) them.
#[must_use = "nothing is read before it is awaited"]
pub struct GroupReadRequest<T> {
    backend: Arc<dyn Backend>,
    format: Format<T>,
    read: GroupRead,
}

impl<T> Group<T> {
    /// Delivers entries that are new to the group to one of its consumers, which is created if need
    /// be. At most 10 entries come, and none are waited for, unless the request is told otherwise.
    ///
    /// # Errors
    /// There is no such group ([`Refusal::NoGroup`](crate::Refusal::NoGroup)).
    pub fn read(&self, consumer: impl Into<Arc<str>>) -> GroupReadRequest<T> {
        let (stream, group) = self.names();
        let read = GroupRead { stream, group, consumer: consumer.into(), limit: LIMIT, wait: None };
        let backend = Arc::clone(self.backend());
        GroupReadRequest { backend, format: self.stream.format, read }
    }
}

impl<T> GroupReadRequest<T> {
    /// Sets how many entries are delivered at most; at least one.
    pub fn limit(mut self, entries: usize) -> Self {
        self.read.limit = entries.max(1);
        self
    }

    /// Sets how long to wait if there is nothing new. Nothing comes if the time is up.
    pub fn wait(mut self, time: Duration) -> Self {
        self.read.wait = Some(time);
        self
    }
}

impl<T: Send + 'static> IntoFuture for GroupReadRequest<T> {
    type Output = Result<Vec<Item<T>>, Error>;
    type IntoFuture = Answer<'static, Vec<Item<T>>>;

    fn into_future(self) -> Self::IntoFuture {
        let GroupReadRequest { backend, format, read } = self;
        async move {
            let entries = backend.read_group(read).await?;
            Ok(entries.into_iter().map(|entry| format.item(entry)).collect())
        }
        .boxed()
    }
}

impl<T> fmt::Debug for GroupReadRequest<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupReadRequest").field("read", &self.read).finish_non_exhaustive()
    }
}

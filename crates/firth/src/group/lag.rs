//! How far a group is behind.

use std::sync::Arc;
use std::time::Duration;

use super::Group;
use crate::backend::{Backend, Order, Range};
use crate::{EntryId, Error, Refusal, clock};

/// How far a group is behind the end of its stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lag {
    /// How many entries are not delivered yet; `None` if the backend cannot tell, which happens after
    /// entries were deleted.
    pub entries: Option<u64>,
    /// How long the oldest of them has been waiting, by its id and the clock of this machine; zero if
    /// there is none. An id that is no time, because it was chosen by whoever appended, makes it mean
    /// nothing.
    pub age: Duration,
    /// How many entries are delivered and not acknowledged.
    pub pending: u64,
}

impl<T> Group<T> {
    /// Returns how far the group is behind. It takes two requests.
    ///
    /// # Errors
    /// There is no such group ([`Refusal::NoGroup`]).
    pub async fn lag(&self) -> Result<Lag, Error> {
        lag(&**self.backend(), self.stream.name(), &self.name).await
    }
}

/// Returns how far a group is behind.
pub(crate) async fn lag(
    backend: &dyn Backend,
    stream: &Arc<str>,
    group: &str,
) -> Result<Lag, Error> {
    let info = backend.stream_info(Arc::clone(stream)).await?.ok_or(Refusal::NoGroup)?;
    let last_id = info.last_id;
    let mut groups = info.groups.into_iter();
    let group = groups.find(|known| &*known.name == group).ok_or(Refusal::NoGroup)?;
    let mut lag = Lag { entries: group.lag, age: Duration::ZERO, pending: group.pending };
    let Some(from) = group.last_delivered.next().filter(|from| *from <= last_id) else {
        return Ok(lag);
    };
    let (stream, to, order, limit) = (Arc::clone(stream), EntryId::MAX, Order::Forward, 1);
    if let Some(oldest) = backend.range(Range { stream, from, to, order, limit }).await?.first() {
        lag.age = Duration::from_millis(clock::now_ms().saturating_sub(oldest.id.ms));
    }
    Ok(lag)
}

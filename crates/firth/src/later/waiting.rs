//! What waits, for whoever wants to see it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::stream::{self, BoxStream, StreamExt as _};

use super::Keys;
use super::due::Due;
use crate::backend::{Backend, Entry, Order, Range};
use crate::format::Format;
use crate::{EntryId, Error, Unreadable};

/// How many entries are read at once.
const PAGE: usize = 256;

/// A message whose time has not come yet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waiting<T> {
    /// The name under which it waits.
    pub id: EntryId,
    /// When it is due.
    pub due: SystemTime,
    /// How it is repeated, if it is.
    pub repeated: Option<Repeated>,
    /// The value, or what stands there instead of one.
    pub value: Result<T, Unreadable>,
}

/// How a message is repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repeated {
    /// The name of the repetition.
    pub name: Arc<str>,
    /// The time from one to the next.
    pub interval: Duration,
}

/// Returns all that waits; what is left of repetitions that have ended is none of it.
pub(super) fn list<T: Send + 'static>(
    backend: Arc<dyn Backend>,
    keys: Keys,
    format: Format<T>,
) -> BoxStream<'static, Result<Waiting<T>, Error>> {
    let pages = stream::unfold(Some(EntryId::MIN), move |from| {
        let (backend, keys) = (Arc::clone(&backend), keys.clone());
        async move {
            match page(&*backend, &keys, from?, format).await {
                Ok((rows, next)) => Some((rows.into_iter().map(Ok).collect(), next)),
                Err(error) => Some((vec![Err(error)], None)),
            }
        }
    });
    pages.flat_map(stream::iter).boxed()
}

async fn page<T>(
    backend: &dyn Backend,
    keys: &Keys,
    from: EntryId,
    format: Format<T>,
) -> Result<(Vec<Waiting<T>>, Option<EntryId>), Error> {
    let (stream, to, order) = (Arc::clone(&keys.waiting), EntryId::MAX, Order::Forward);
    let entries = backend.range(Range { stream, from, to, order, limit: PAGE }).await?;
    let is_last = entries.len() < PAGE;
    let next = entries.last().and_then(|last| last.id.next()).filter(|_| !is_last);
    let mut rows = Vec::with_capacity(entries.len());
    for Entry { id, fields } in entries {
        let Some((due, fields)) = Due::split(&fields) else { continue };
        if let Some(repeated) = &due.repeated
            && keys.unchanged(backend, repeated).await?.is_none()
        {
            continue;
        }
        let repeated = due.repeated.map(|repeated| Repeated {
            name: repeated.name.into(),
            interval: Duration::from_millis(repeated.interval_ms),
        });
        let value = format.item(Entry { id, fields }).value;
        let at = UNIX_EPOCH.checked_add(Duration::from_millis(due.at_ms));
        rows.push(Waiting { id, due: at.unwrap_or(UNIX_EPOCH), repeated, value });
    }
    Ok((rows, next))
}

//! Looking at dead letters.

use std::collections::HashMap;
use std::ops::RangeBounds;
use std::sync::Arc;

use futures_util::stream::{BoxStream, StreamExt as _, TryStreamExt as _};
use futures_util::{FutureExt as _, TryFutureExt as _};

use super::{DeadLetter, DeadLetters, letter};
use crate::backend::{Answer, Entry, Fields};
use crate::format::{Format, Item};
use crate::stream::RangeRequest;
use crate::{EntryId, Error};

/// How many different reasons are told apart.
const REASONS_MAX: usize = 1000;

/// A list of dead letters that has not been read yet: awaiting it reads it, [`all`](LetterRequest::all)
/// reads as much as there is, piece by piece. What is no dead letter is handed over as it is.
#[derive(Debug)]
#[must_use = "nothing is read before it is awaited"]
pub struct LetterRequest<T> {
    range: RangeRequest<Fields>,
    format: Format<T>,
}

/// How many dead letters there are for which reasons.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reasons {
    /// The reasons, the most frequent first.
    pub by_reason: Vec<ReasonCount>,
    /// How many letters have reasons beyond the first thousand different ones.
    pub others: u64,
    /// How many entries of the stream are no dead letters.
    pub unreadable: u64,
}

/// How many dead letters there are for one reason in one group.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReasonCount {
    /// The reason.
    pub reason: String,
    /// The group.
    pub group: Arc<str>,
    /// How many letters.
    pub count: u64,
    /// The oldest one.
    pub first: EntryId,
    /// The newest one.
    pub last: EntryId,
}

impl<T> DeadLetters<T> {
    /// Lists the letters of a range of ids, the oldest first. At most 1000 come unless
    /// [`limit`](LetterRequest::limit) says otherwise.
    pub fn list(&self, ids: impl RangeBounds<EntryId>) -> LetterRequest<T> {
        LetterRequest { range: self.raw().range(ids), format: self.format }
    }

    /// Lists the letters of a range of times, in Unix milliseconds by the clock of the backend.
    pub fn list_times_ms(&self, times: impl RangeBounds<u64>) -> LetterRequest<T> {
        self.list(super::ids_of_times(times))
    }

    /// Counts the letters by reason and group. It reads all of them.
    ///
    /// # Errors
    /// Those of the backend.
    pub async fn reasons(&self) -> Result<Reasons, Error> {
        let mut counts: HashMap<(Arc<str>, String), ReasonCount> = HashMap::new();
        let mut reasons = Reasons::default();
        let mut letters = LetterRequest { range: self.raw().range(..), format: NOTHING }.all();
        while let Some(item) = letters.try_next().await? {
            let Ok(DeadLetter { id, original_group: group, reason, .. }) = item.value else {
                reasons.unreadable += 1;
                continue;
            };
            let key = (Arc::clone(&group), reason);
            if let Some(known) = counts.get_mut(&key) {
                known.count += 1;
                known.last = id;
            } else if counts.len() < REASONS_MAX {
                let reason = key.1.clone();
                counts.insert(key, ReasonCount { reason, group, count: 1, first: id, last: id });
            } else {
                reasons.others += 1;
            }
        }
        reasons.by_reason = counts.into_values().collect();
        reasons.by_reason.sort_by(|a, b| {
            let more = b.count.cmp(&a.count);
            more.then_with(|| a.reason.cmp(&b.reason)).then_with(|| a.group.cmp(&b.group))
        });
        Ok(reasons)
    }
}

/// For those who do not look at values.
const NOTHING: Format<()> = Format { encode: |()| Ok(Fields::new()), decode: |_| Ok(()) };

impl<T: Send + 'static> LetterRequest<T> {
    /// Reads the newest letter first.
    pub fn backward(self) -> Self {
        LetterRequest { range: self.range.backward(), ..self }
    }

    /// Reads so many letters at most; with [`all`](LetterRequest::all), at a time.
    pub fn limit(self, letters: usize) -> Self {
        LetterRequest { range: self.range.limit(letters), ..self }
    }

    /// Reads the whole range, however long, in requests of [`limit`](LetterRequest::limit) letters.
    /// After an error the stream ends.
    pub fn all(self) -> BoxStream<'static, Result<Item<DeadLetter<T>>, Error>> {
        let format = self.format;
        self.range.all().map_ok(move |item| of_item(item, format)).boxed()
    }
}

impl<T: Send + 'static> IntoFuture for LetterRequest<T> {
    type Output = Result<Vec<Item<DeadLetter<T>>>, Error>;
    type IntoFuture = Answer<'static, Vec<Item<DeadLetter<T>>>>;

    fn into_future(self) -> Self::IntoFuture {
        let format = self.format;
        let items = self.range.into_future();
        items
            .map_ok(move |items| items.into_iter().map(|item| of_item(item, format)).collect())
            .boxed()
    }
}

fn of_item<T>(item: Item<Fields>, format: Format<T>) -> Item<DeadLetter<T>> {
    // Fields as they are can always be read.
    let fields = item.value.unwrap_or_else(|unreadable| unreadable.fields);
    letter::read(Entry { id: item.id, fields }, format)
}

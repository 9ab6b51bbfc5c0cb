//! Which dead letters are meant.

use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use super::DeadLetter;
use crate::EntryId;

type Predicate<T> = Arc<dyn Fn(&DeadLetter<T>) -> bool + Send + Sync>;

/// Which dead letters are meant: all of them, unless it is told otherwise. All that it is told must hold.
///
/// ```
/// use firth::dead_letters::LetterFilter;
///
/// let filter: LetterFilter<String> =
///     LetterFilter::all().group("mailers").reason("timeout").matching(|letter| letter.redriven < 2);
/// ```
#[must_use = "it is to be handed to what uses it"]
pub struct LetterFilter<T> {
    pub(super) from: Bound<EntryId>,
    pub(super) to: Bound<EntryId>,
    stream: Option<Arc<str>>,
    group: Option<Arc<str>>,
    reason: Option<String>,
    predicates: Vec<Predicate<T>>,
}

impl<T> LetterFilter<T> {
    /// Means all letters.
    pub fn all() -> Self {
        LetterFilter {
            from: Bound::Unbounded,
            to: Bound::Unbounded,
            stream: None,
            group: None,
            reason: None,
            predicates: Vec::new(),
        }
    }

    /// Means those in a range of ids, which are those of the letters, not of the entries.
    pub fn ids(mut self, ids: impl RangeBounds<EntryId>) -> Self {
        (self.from, self.to) = (ids.start_bound().cloned(), ids.end_bound().cloned());
        self
    }

    /// Means those that were moved in a range of times, in Unix milliseconds by the clock of the backend.
    pub fn times_ms(self, times: impl RangeBounds<u64>) -> Self {
        self.ids(super::ids_of_times(times))
    }

    /// Means those from this stream.
    pub fn original_stream(mut self, name: impl Into<Arc<str>>) -> Self {
        self.stream = Some(name.into());
        self
    }

    /// Means those of this group.
    pub fn group(mut self, name: impl Into<Arc<str>>) -> Self {
        self.group = Some(name.into());
        self
    }

    /// Means those with exactly this reason.
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Means those for which this is true.
    pub fn matching(
        mut self,
        predicate: impl Fn(&DeadLetter<T>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.predicates.push(Arc::new(predicate));
        self
    }

    /// Says whether a letter is meant, its id aside.
    pub(super) fn takes(&self, letter: &DeadLetter<T>) -> bool {
        let is = |wanted: &Option<Arc<str>>, found: &Arc<str>| {
            wanted.as_ref().is_none_or(|wanted| wanted == found)
        };
        is(&self.stream, &letter.original_stream)
            && is(&self.group, &letter.original_group)
            && self.reason.as_ref().is_none_or(|wanted| *wanted == letter.reason)
            && self.predicates.iter().all(|predicate| predicate(letter))
    }
}

impl<T> Clone for LetterFilter<T> {
    fn clone(&self) -> Self {
        LetterFilter {
            from: self.from,
            to: self.to,
            stream: self.stream.clone(),
            group: self.group.clone(),
            reason: self.reason.clone(),
            predicates: self.predicates.clone(),
        }
    }
}

impl<T> Default for LetterFilter<T> {
    fn default() -> Self {
        LetterFilter::all()
    }
}

impl<T> fmt::Debug for LetterFilter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LetterFilter")
            .field("from", &self.from)
            .field("to", &self.to)
            .field("stream", &self.stream)
            .field("group", &self.group)
            .field("reason", &self.reason)
            .field("predicates", &self.predicates.len())
            .finish()
    }
}

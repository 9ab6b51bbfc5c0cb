//! How much is pending.

use std::sync::Arc;

use super::PendingEntries;
use crate::backend::Pending;
use crate::{EntryId, Error, Refusal};

/// How many rows are looked at in one request when the newest is looked for.
const PAGE: usize = 100;

/// How much is pending in a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingSummary {
    /// How many entries.
    pub count: u64,
    /// The one with the smallest id.
    pub oldest: Option<Pending>,
    /// The one with the greatest id.
    pub newest: Option<Pending>,
    /// How many are pending for each consumer that has any, ordered by name.
    pub consumers: Vec<(Arc<str>, u64)>,
}

impl<T> PendingEntries<T> {
    /// Returns how much is pending, between which ids, and for whom.
    ///
    /// It takes several requests, some dozens of them if much is pending, so that parts of the answer
    /// may be those of different moments while consumers are at work.
    ///
    /// # Errors
    /// There is no such group ([`Refusal::NoGroup`]).
    pub async fn summary(&self) -> Result<PendingSummary, Error> {
        let info = self.group.stream.info().await?.ok_or(Refusal::NoGroup)?;
        let group = info.groups.into_iter().find(|group| group.name == self.group.name);
        let count = group.ok_or(Refusal::NoGroup)?.pending;
        let all = self.group.consumers().await?.into_iter();
        let busy = all.filter(|consumer| consumer.pending > 0);
        let mut consumers: Vec<(Arc<str>, u64)> =
            busy.map(|consumer| (consumer.name, consumer.pending)).collect();
        consumers.sort();
        let oldest = self.list(..).limit(1).await?.pop();
        let newest = match oldest.clone() {
            Some(oldest) => Some(self.newest(oldest, info.last_id).await?),
            None => None,
        };
        Ok(PendingSummary { count, oldest, newest, consumers })
    }

    /// Finds the row with the greatest id, by halving what lies between one that is known and the end
    /// of the stream.
    async fn newest(&self, mut known: Pending, mut end: EntryId) -> Result<Pending, Error> {
        loop {
            let mut rows = self.list(known.id..).limit(PAGE).await?;
            let is_end = rows.len() < PAGE;
            known = rows.pop().unwrap_or(known);
            if is_end {
                return Ok(known);
            }
            loop {
                let Some(middle) = middle(known.id, end) else { return Ok(known) };
                match self.list(middle..).limit(1).await?.pop() {
                    Some(row) => {
                        known = row;
                        break;
                    }
                    None => end = middle.prev().unwrap_or(middle),
                }
            }
        }
    }
}

/// Returns an id in the upper half of those behind the first and up to the last one.
fn middle(first: EntryId, last: EntryId) -> Option<EntryId> {
    let number = |id: EntryId| u128::from(id.ms) << 64 | u128::from(id.seq);
    let (low, high) = (number(first), number(last));
    let middle = (high > low).then(|| low + (high - low).div_ceil(2))?;
    let part = |number: u128| u64::try_from(number & u128::from(u64::MAX)).unwrap_or(u64::MAX);
    Some(EntryId::new(part(middle >> 64), part(middle)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_lies_behind_the_first() {
        let id = EntryId::new;
        for (first, last, expect) in [
            (id(1, 0), id(1, 0), None),
            (id(2, 0), id(1, 0), None),
            (id(1, 0), id(1, 1), Some(id(1, 1))),
            (id(1, 0), id(1, 4), Some(id(1, 2))),
            (id(1, 0), id(3, 0), Some(id(2, 0))),
            (id(1, u64::MAX), id(2, 0), Some(id(2, 0))),
            (EntryId::MIN, EntryId::MAX, Some(id(1 << 63, 0))),
        ] {
            assert_eq!(middle(first, last), expect, "{first} {last}");
        }
    }
}

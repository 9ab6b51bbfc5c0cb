//! Delivering to a consumer once more what is pending for it.

use smallvec::SmallVec;

use super::group_admin::{Activity, NoGroup};
use super::{Entry, EntryId, StreamEffect, StreamMut};

/// A pending entry that was asked for once more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Redelivered {
    /// It is in the stream.
    Entry(EntryId),
    /// It was deleted.
    Gone(EntryId),
}

impl StreamMut<'_, '_> {
    /// Delivers what is pending for a consumer above an id, at most so many entries. Those that
    /// are still there count as delivered once more, now. `admit` is asked before each of them and
    /// ends the read by refusing one.
    ///
    /// # Errors
    /// There is no such group.
    pub fn reread_group(
        &mut self,
        group: &[u8],
        consumer: &[u8],
        after: EntryId,
        count_max: usize,
        mut admit: impl FnMut(&Entry<'_>) -> bool,
    ) -> Result<SmallVec<[Redelivered; 10]>, NoGroup> {
        let mut redelivered = SmallVec::new();
        let mut rows = SmallVec::<[_; 10]>::new();
        let found = self.stream.groups.get(group).ok_or(NoGroup)?;
        if let (Some(no), Some(start)) = (found.consumers.find(consumer), after.next()) {
            let mut entries = self.stream.entries.cursor();
            for row in found.pending.iter_of(no, start).take(count_max) {
                let Some(entry) = entries.seek(row.id) else {
                    redelivered.push(Redelivered::Gone(row.id));
                    continue;
                };
                if !admit(&entry) {
                    break;
                }
                redelivered.push(Redelivered::Entry(row.id));
                rows.push((row.id, row.deliveries.saturating_add(1)));
            }
        }
        self.see_consumer(group, consumer, Activity::Asks);
        if !rows.is_empty() {
            let delivered_ms = self.now_ms;
            self.commit(StreamEffect::Own { group, consumer, delivered_ms, rows: &rows });
        }
        Ok(redelivered)
    }
}

//! Delivering to a consumer once more what is pending for it.

use smallvec::SmallVec;

use super::group_admin::{Activity, NoGroup};
use super::{Entry, EntryId, Stream, StreamEffect, StreamMut};

/// A pending entry that was asked for once more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Redelivered {
    /// It is in the stream.
    Entry(EntryId),
    /// It was deleted.
    Gone(EntryId),
}

/// What was asked for once more, in ascending order.
pub type Redeliveries = SmallVec<[Redelivered; 10]>;
/// Ids with how often they will have been delivered.
type Rows = SmallVec<[(EntryId, u64); 10]>;

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
    ) -> Result<Redeliveries, NoGroup> {
        let (redelivered, rows) =
            history(self.stream, group, consumer, after, count_max, &mut admit)?;
        self.see_consumer(group, consumer, Activity::Asks);
        if !rows.is_empty() {
            let delivered_ms = self.now_ms;
            self.commit(StreamEffect::Own { group, consumer, delivered_ms, rows: &rows });
        }
        Ok(redelivered)
    }
}

impl Stream {
    /// Brings back the blocks that [`StreamMut::reread_group`] is going to need.
    pub fn prepare_reread(
        &self,
        group: &[u8],
        consumer: &[u8],
        after: EntryId,
        count_max: usize,
        mut admit: impl FnMut(&Entry<'_>) -> bool,
    ) {
        if self.entries.cold_blocks() > 0 {
            let _ = history(self, group, consumer, after, count_max, &mut admit);
        }
    }
}

/// Returns what is to be delivered once more, and of that the rows that change.
fn history(
    stream: &Stream,
    group: &[u8],
    consumer: &[u8],
    after: EntryId,
    count_max: usize,
    admit: &mut impl FnMut(&Entry<'_>) -> bool,
) -> Result<(Redeliveries, Rows), NoGroup> {
    let (mut redelivered, mut rows) = (Redeliveries::new(), Rows::new());
    let found = stream.groups.get(group).ok_or(NoGroup)?;
    let (Some(no), Some(start)) = (found.consumers.find(consumer), after.next()) else {
        return Ok((redelivered, rows));
    };
    let mut entries = stream.entries.cursor();
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
    Ok((redelivered, rows))
}

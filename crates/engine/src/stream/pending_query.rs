//! Looking at what is pending in a group.

use super::EntryId;
use super::claim::is_idle;
use super::consumer::Consumer;
use super::group::Group;
use super::pending::Pending;

/// Which pending entries are looked at.
#[derive(Clone, Copy, Debug)]
pub struct PendingQuery<'q> {
    /// The smallest id.
    pub start: EntryId,
    /// The greatest id.
    pub end: EntryId,
    /// The most entries.
    pub count_max: usize,
    /// For how long an entry has to have been pending; those that nobody owns pass in any case.
    pub min_idle_ms: u64,
    /// Only what is pending for this consumer.
    pub consumer: Option<&'q [u8]>,
}

impl Group {
    /// Returns pending entries in the order of their ids.
    #[must_use]
    pub fn query_pending(&self, query: &PendingQuery<'_>, now_ms: u64) -> Vec<Pending> {
        let inside = |row: &Pending| row.id <= query.end;
        let idle = |row: &Pending| is_idle(row, query.min_idle_ms, now_ms);
        let Some(name) = query.consumer else {
            let rows = self.pending.iter_from(query.start).take_while(inside);
            return rows.filter(idle).take(query.count_max).collect();
        };
        let Some(no) = self.consumers.find(name) else { return Vec::new() };
        let rows = self.pending.iter_of(no, query.start).take_while(inside);
        rows.filter(idle).take(query.count_max).collect()
    }

    /// The consumers that something is pending for, with how many entries, ascending by name.
    pub fn busy_consumers(&self) -> impl Iterator<Item = (&Consumer, usize)> {
        let counts = self.consumers.iter().map(|(no, it)| (it, self.pending.len_of(no)));
        counts.filter(|&(_, pending)| pending > 0)
    }

    /// The name of the consumer that has a pending entry; empty if nobody has it.
    #[must_use]
    pub fn owner_name(&self, row: &Pending) -> &[u8] {
        let owner = row.owner.and_then(|no| self.consumers.get(no));
        owner.map_or(&[], Consumer::name)
    }
}

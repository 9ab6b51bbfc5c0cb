//! Trimming a stream: what may stay, and what becomes of the references that groups hold.
//!
//! A group references an entry that it has not been delivered yet, or that is pending in it.

use super::trim::{Exactness, TrimTo};
use super::{EntryId, NodeLimits, Stream, StreamEffect, StreamMut};

/// The most entries that a trim of whole nodes looks at unless it is told otherwise.
const LIMIT_MAX: u64 = 1_000_000;
/// As many where nodes have no limit.
const LIMIT_OF_UNLIMITED_NODES: u64 = 10_000;

/// What becomes of the references that groups hold to entries that are to go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum References {
    /// They stay, to entries that are no more.
    #[default]
    Keep,
    /// They go as well.
    Delete,
    /// An entry that a group references stays.
    Acked,
}

/// How many entries a trim of whole nodes takes at most.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TrimLimit {
    /// As many as a hundred full nodes hold.
    #[default]
    Default,
    /// Any number.
    None,
    /// So many.
    Entries(u64),
}

impl TrimLimit {
    fn entries(self, nodes: NodeLimits) -> Option<u64> {
        match self {
            TrimLimit::None => None,
            TrimLimit::Entries(limit) => Some(limit),
            TrimLimit::Default if nodes.entries_max == 0 => Some(LIMIT_OF_UNLIMITED_NODES),
            TrimLimit::Default => Some((100 * u64::from(nodes.entries_max)).min(LIMIT_MAX)),
        }
    }
}

/// A trim from the front of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trim {
    /// What it aims at.
    pub to: TrimTo,
    /// How close it has to come to that.
    pub exactness: Exactness,
    /// How many entries go at most if only whole nodes go.
    pub limit: TrimLimit,
    /// What becomes of references to the entries.
    pub references: References,
}

impl StreamMut<'_, '_> {
    /// Trims the stream and returns how many entries went.
    ///
    /// Where references keep an entry from going, no other one goes in its place: of the entries
    /// that are to stay, all stay.
    pub fn trim(&mut self, trim: &Trim) -> u64 {
        let removed = self.remove_excess(trim);
        if removed > 0 {
            self.touch();
            self.event("xtrim");
        }
        removed
    }

    /// Trims without telling anybody.
    pub(super) fn remove_excess(&mut self, trim: &Trim) -> u64 {
        let limit = trim.limit.entries(self.settings.node_limits());
        if trim.references == References::Acked {
            return self.remove_acked(trim, limit);
        }
        let Some(plan) = self.stream.entries.trim_plan(trim.to, trim.exactness, limit) else {
            return 0;
        };
        self.remove_through(plan.through);
        if trim.references == References::Delete {
            self.forget_before_front();
        }
        plan.removed
    }

    /// Brings back what a trim behind one more entry is going to look into.
    pub(super) fn prepare_excess(&self, trim: &Trim) {
        let entries = &self.stream.entries;
        if entries.cold_blocks() == 0 {
            return;
        }
        let to = match trim.to {
            TrimTo::MaxLen(len) => TrimTo::MaxLen(len.saturating_sub(1)),
            to @ TrimTo::MinId(_) => to,
        };
        let Some(plan) = entries.trim_plan(to, trim.exactness, None) else { return };
        if trim.references == References::Acked {
            unreferenced(self.stream, plan.through).for_each(drop);
        } else if let Some(below) = plan.through.next() {
            entries.prepare_trim(below);
        }
    }

    pub(super) fn remove_through(&mut self, through: EntryId) {
        match through.next() {
            Some(below) => self.commit(StreamEffect::TrimFront { below }),
            None => {
                self.commit(StreamEffect::TrimFront { below: through });
                self.commit(StreamEffect::TrimEntries { ids: &[through] });
            }
        }
    }

    /// Drops the references to what lies before the first entry, whether it went now or earlier.
    fn forget_before_front(&mut self) {
        let front = self.stream.entries.first_id();
        let groups = self.stream.groups.iter();
        let mut ids: Vec<EntryId> = groups
            .flat_map(|(_, group)| {
                let rows = group.pending.iter_from(EntryId::MIN).map(|row| row.id);
                rows.take_while(move |id| front.is_none_or(|front| *id < front))
            })
            .collect();
        ids.sort_unstable();
        ids.dedup();
        if !ids.is_empty() {
            self.commit(StreamEffect::ForgetEverywhere { ids: &ids });
        }
    }

    fn remove_acked(&mut self, trim: &Trim, limit: Option<u64>) -> u64 {
        let Some(plan) = self.stream.entries.trim_plan(trim.to, trim.exactness, None) else {
            return 0;
        };
        let limit = limit.filter(|_| trim.exactness == Exactness::WholeNodes).unwrap_or(u64::MAX);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let ids: Vec<EntryId> = unreferenced(self.stream, plan.through).take(limit).collect();
        let removed = ids.len() as u64;
        if removed == plan.removed {
            self.remove_through(plan.through);
        } else if removed > 0 {
            self.stream.entries.prepare_removal(&ids);
            self.commit(StreamEffect::TrimEntries { ids: &ids });
        }
        removed
    }
}

/// Returns the ids of entries up to `through` that no group references.
fn unreferenced(stream: &Stream, through: EntryId) -> impl Iterator<Item = EntryId> {
    let groups = &stream.groups;
    let read_by_all = groups.iter().map(|(_, group)| group.last_delivered).min();
    let end = through.min(read_by_all.unwrap_or(EntryId::MAX));
    let ids = stream.entries.range(EntryId::MIN, end).map(|entry| entry.id);
    ids.filter(|id| !groups.references(*id))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::super::Node;
    use super::super::testing::{self, id, ids};
    use super::*;

    fn trim(to: TrimTo, exactness: Exactness, references: References) -> Trim {
        Trim { to, exactness, limit: TrimLimit::Default, references }
    }

    /// Entries 1 to 10 in nodes of 3; `slow` has read up to 4 and acknowledged all of that,
    /// `quick` has read all and has 2 and 6 pending, and the deleted 3.
    fn prepared(keys: &mut crate::Locked<'_>) {
        testing::fill(keys, 1..=10);
        let mut stream = keys.stream_mut(0, b"s").unwrap().unwrap();
        testing::add_group(&mut stream, b"slow", 4, &[]);
        testing::add_group(&mut stream, b"quick", 10, &[2, 3, 6]);
        assert_eq!(stream.delete(&[id(3)]), 1);
    }

    #[track_caller]
    fn check(trim: Trim, expect_left: &[u64], expect_pending: &[u64]) {
        let engine = testing::engine_with_nodes_of(3);
        let mut keys = testing::lock(&engine, 7);
        prepared(&mut keys);
        let mut stream = keys.stream_mut(0, b"s").unwrap().unwrap();
        let before = stream.stream().len();
        let removed = stream.trim(&trim);
        assert_eq!(removed, before - stream.stream().len(), "{trim:?}");
        assert_eq!(ids(stream.stream()), expect_left, "{trim:?}");
        let quick = stream.stream().groups().get(b"quick").unwrap();
        let pending: Vec<_> = quick.pending.iter_from(EntryId::MIN).map(|row| row.id.ms).collect();
        assert_eq!(pending, expect_pending, "{trim:?}");
        assert_eq!(stream.trim(&trim), 0, "a second time");
        assert_eq!(stream.stream().max_deleted_id(), id(3));
    }

    #[test]
    fn references_are_kept_deleted_or_respected() {
        use Exactness::{Exact, WholeNodes};
        use References::{Acked, Delete, Keep};
        let max_len = TrimTo::MaxLen;
        let min_id = |ms| TrimTo::MinId(id(ms));
        let all = [1, 2, 4, 5, 6, 7, 8, 9, 10];
        check(trim(max_len(4), Exact, Keep), &[7, 8, 9, 10], &[2, 3, 6]);
        check(trim(max_len(4), Exact, Delete), &[7, 8, 9, 10], &[]);
        check(trim(max_len(4), Exact, Acked), &[2, 5, 6, 7, 8, 9, 10], &[2, 3, 6]);
        check(trim(min_id(6), Exact, Delete), &[6, 7, 8, 9, 10], &[6]);
        check(trim(min_id(5), Exact, Acked), &[2, 5, 6, 7, 8, 9, 10], &[2, 3, 6]);
        check(trim(min_id(6), WholeNodes, Keep), &[4, 5, 6, 7, 8, 9, 10], &[2, 3, 6]);
        check(trim(min_id(6), WholeNodes, Delete), &[4, 5, 6, 7, 8, 9, 10], &[6]);
        check(trim(min_id(6), WholeNodes, Acked), &[2, 4, 5, 6, 7, 8, 9, 10], &[2, 3, 6]);
        check(trim(max_len(8), WholeNodes, Delete), &all, &[2, 3, 6]);
        check(trim(max_len(0), WholeNodes, Acked), &[2, 5, 6, 7, 8, 9, 10], &[2, 3, 6]);
        check(trim(max_len(0), Exact, Delete), &[], &[]);
    }

    #[test]
    fn a_trim_of_whole_nodes_has_a_limit() {
        let default = |entries_max| {
            TrimLimit::Default.entries(NodeLimits { entries_max, ..NodeLimits::default() })
        };
        assert_eq!(default(100), Some(10_000));
        assert_eq!(default(0), Some(10_000));
        assert_eq!(default(20_000), Some(1_000_000));
        for (limit, references, expect) in [
            (TrimLimit::Default, References::Keep, 9),
            (TrimLimit::Entries(8), References::Keep, 6),
            (TrimLimit::Entries(2), References::Keep, 0),
            (TrimLimit::Entries(2), References::Acked, 2),
            (TrimLimit::None, References::Acked, 9),
        ] {
            let engine = testing::engine_with_nodes_of(3);
            let mut keys = testing::lock(&engine, 7);
            testing::fill(&mut keys, 1..=10);
            let mut stream = keys.stream_mut(0, b"s").unwrap().unwrap();
            let to = TrimTo::MaxLen(1);
            let trim = Trim { to, exactness: Exactness::WholeNodes, limit, references };
            assert_eq!(stream.trim(&trim), expect, "{trim:?}");
        }
    }

    #[test]
    fn the_greatest_id_can_be_trimmed() {
        let engine = testing::engine();
        let mut keys = testing::lock(&engine, 7);
        testing::fill(&mut keys, 1..=2);
        let mut stream = keys.stream_mut(0, b"s").unwrap().unwrap();
        let (id, node) = (EntryId::MAX, Node::Last);
        stream.commit(StreamEffect::Append { id, fields: &[b"a", b"b"], node });
        let all = trim(TrimTo::MaxLen(0), Exactness::Exact, References::Keep);
        assert_eq!((stream.trim(&all), stream.stream().len()), (3, 0));
    }
}

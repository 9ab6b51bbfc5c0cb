//! How far a group is behind its stream, counted without walking over entries.
//!
//! Every entry has a logical position: how many entries were ever added up to and including it.
//! The stream knows that of its last entry, and that of its first one as long as no gap lies
//! behind it. Deletions leave gaps of which only the last one is known; a position beside which
//! there may be a gap is not known, and then neither is the lag.

use super::group::Group;
use super::{EntryId, Stream};

/// Returns how many entries the group has not been delivered yet; `None`: not known.
#[must_use]
pub fn lag(stream: &Stream, group: &Group) -> Option<u64> {
    let Some(first_id) = stream.entries.first_id() else { return Some(0) };
    if group.last_delivered < first_id && stream.max_deleted_id < first_id {
        return Some(stream.len());
    }
    let read = match group.entries_read {
        Some(read) if !has_tombstones_in(stream, group.last_delivered, EntryId::MAX) => read,
        _ => entries_read_at(stream, group.last_delivered)?,
    };
    Some(stream.entries_added.saturating_sub(read))
}

/// Returns how many entries were ever added up to and including `id`, if that can be told.
#[must_use]
pub fn entries_read_at(stream: &Stream, id: EntryId) -> Option<u64> {
    let added = stream.entries_added;
    if added == 0 {
        return Some(0);
    }
    let Some(first_id) = stream.entries.first_id() else {
        return (id <= stream.last_id).then_some(added);
    };
    if id == stream.last_id {
        return Some(added);
    }
    if id > stream.last_id || stream.max_deleted_id >= first_id || id > first_id {
        return None;
    }
    let before_first = added.saturating_sub(stream.len());
    Some(before_first + u64::from(id == first_id))
}

/// Says whether an entry may have been deleted among those from `start` to `end`, both inclusive.
///
/// Only the greatest deleted id is known. Entries that were trimmed do not count.
#[must_use]
pub fn has_tombstones_in(stream: &Stream, start: EntryId, end: EntryId) -> bool {
    let deleted = stream.max_deleted_id;
    !stream.is_empty() && deleted != EntryId::MIN && start <= deleted && deleted <= end
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use proptest::prelude::*;

    use super::super::testing::{self, id};
    use super::super::{Acknowledgement, GroupRead, GroupStart, StreamEffect, StreamMut};
    use super::*;

    /// Lets `judge` see a stream of the entries 1 to 10, of which some were deleted and those below
    /// `front` trimmed.
    fn with_stream<T>(
        deleted: &[u64],
        front: u64,
        judge: impl FnOnce(&StreamMut<'_, '_>) -> T,
    ) -> T {
        let engine = testing::engine();
        let mut keys = testing::lock(&engine, 7);
        testing::fill(&mut keys, 1..=10);
        let mut stream = keys.stream_mut(0, b"s").unwrap().unwrap();
        let deleted: Vec<_> = deleted.iter().copied().map(id).collect();
        stream.delete(&deleted);
        stream.commit(StreamEffect::TrimFront { below: id(front) });
        judge(&stream)
    }

    #[track_caller]
    fn check(deleted: &[u64], front: u64, group: (u64, Option<u64>), expect: Option<u64>) {
        let found = with_stream(deleted, front, |stream| {
            lag(stream.stream(), &Group::new(id(group.0), group.1))
        });
        assert_eq!(found, expect, "{deleted:?} {front} {group:?}");
    }

    #[test]
    fn the_lag_is_known_unless_a_gap_may_lie_in_it() {
        check(&[], 1, (0, None), Some(10));
        check(&[], 1, (0, Some(0)), Some(10));
        check(&[], 1, (1, None), Some(9));
        check(&[], 1, (4, Some(4)), Some(6));
        check(&[], 1, (4, None), None);
        check(&[], 1, (10, None), Some(0));
        check(&[], 5, (0, Some(0)), Some(6));
        check(&[], 5, (3, Some(3)), Some(6));
        check(&[], 5, (5, None), Some(5));
        check(&[3], 1, (0, None), None);
        check(&[3], 1, (2, Some(2)), None);
        check(&[3], 1, (4, Some(3)), Some(7));
        check(&[3], 1, (4, None), None);
        check(&[3], 1, (10, None), Some(0));
        check(&[3], 5, (0, None), Some(6));
        check(&[3], 5, (2, Some(2)), Some(6));
        check(&[8], 5, (2, Some(2)), None);
        check(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 1, (2, None), Some(0));
        check(&[], 11, (2, None), Some(0));
    }

    #[test]
    fn a_position_is_known_at_both_ends() {
        let at = |deleted: &[u64], front, at| {
            with_stream(deleted, front, |stream| entries_read_at(stream.stream(), id(at)))
        };
        assert_eq!(at(&[], 1, 0), Some(0));
        assert_eq!(at(&[], 4, 2), Some(3));
        assert_eq!(at(&[], 4, 4), Some(4));
        assert_eq!(at(&[], 4, 5), None);
        assert_eq!(at(&[], 4, 10), Some(10));
        assert_eq!(at(&[], 4, 11), None);
        assert_eq!(at(&[3], 1, 1), None);
        assert_eq!(at(&[3], 4, 4), Some(4));
        assert_eq!(at(&[], 11, 4), Some(10));
        assert_eq!(at(&[], 11, 11), None);
    }

    #[test]
    fn only_the_greatest_deletion_leaves_a_tombstone() {
        let between = |start, end| {
            with_stream(&[3, 6], 5, |stream| has_tombstones_in(stream.stream(), id(start), id(end)))
        };
        assert!(between(1, 6) && between(6, 6) && between(6, 9));
        assert!(!between(1, 5) && !between(7, 9));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Add,
        Delete(u64),
        TrimBelow(u64),
        Read(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => Just(Step::Add),
            2 => (1..20_u64).prop_map(Step::Delete),
            1 => (1..20_u64).prop_map(Step::TrimBelow),
            2 => (1..5_usize).prop_map(Step::Read),
        ]
    }

    fn read_some(stream: &mut StreamMut<'_, '_>, count_max: usize) {
        let acknowledgement = Acknowledgement::Waived;
        let (group, consumer) = (b"g", b"c");
        let read =
            GroupRead { group, consumer, count_max, claim_min_idle_ms: None, acknowledgement };
        stream.read_group(&read, |_| true).unwrap();
    }

    proptest! {
        /// Whatever happens to a stream, a lag that is told is the number of unread entries.
        #[test]
        fn a_known_lag_is_right(start in 0..10_u64, steps in prop::collection::vec(step(), 1..60)) {
            let engine = testing::engine();
            let mut keys = testing::lock(&engine, 7);
            testing::fill(&mut keys, 1..=5);
            let mut next = 6;
            let known = (start == 0).then_some(0);
            let mut stream = keys.stream_mut(0, b"s").unwrap().unwrap();
            stream.create_group(b"g", GroupStart::After(id(start.min(5))), known).unwrap();
            for step in steps {
                let mut stream = keys.stream_mut(0, b"s").unwrap().unwrap();
                match step {
                    Step::Add => {
                        testing::fill(&mut keys, next..=next);
                        next += 1;
                    }
                    Step::Delete(ms) => { stream.delete(&[id(ms)]); }
                    Step::TrimBelow(ms) => stream.commit(StreamEffect::TrimFront { below: id(ms) }),
                    Step::Read(count) => read_some(&mut stream, count),
                }
                let stream = keys.stream(0, b"s").unwrap().unwrap();
                let group = stream.groups().get(b"g").unwrap();
                let unread = stream.entries().range(group.last_delivered, EntryId::MAX);
                let unread = unread.filter(|entry| entry.id > group.last_delivered).count() as u64;
                if let Some(lag) = lag(stream, group) {
                    prop_assert_eq!(lag, unread);
                }
            }
        }
    }
}

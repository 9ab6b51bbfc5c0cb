//! Deleting entries by their ids.

use super::{EntryId, References, StreamEffect, StreamMut};

/// What became of an entry that was to be deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deletion {
    /// It is gone.
    Deleted,
    /// It was not there.
    NotFound,
    /// It stays, because a group references it.
    Referenced,
}

impl StreamMut<'_, '_> {
    /// Deletes entries, whatever groups think of them, and returns how many went.
    pub fn delete(&mut self, ids: &[EntryId]) -> u64 {
        let mut cursor = self.stream.entries.cursor();
        let mut found: Vec<EntryId> =
            ids.iter().copied().filter(|id| cursor.seek(*id).is_some()).collect();
        drop(cursor);
        found.sort_unstable();
        found.dedup();
        if !found.is_empty() {
            self.stream.entries.prepare_removal(&found);
            self.commit(StreamEffect::Delete { ids: &found });
            self.touch();
            self.event("xdel");
        }
        found.len() as u64
    }

    /// Deletes entries, heeding the references that groups hold to them, and says what became of
    /// each.
    ///
    /// References are dropped, or heeded, whether or not the entry itself is there: an id that some
    /// group has not reached yet counts as referenced.
    pub fn delete_referenced(&mut self, ids: &[EntryId], references: References) -> Vec<Deletion> {
        let mut deleted = Vec::new();
        let mut unwanted = Vec::new();
        let mut outcomes = Vec::with_capacity(ids.len());
        let mut cursor = self.stream.entries.cursor();
        for &id in ids {
            let groups = &self.stream.groups;
            outcomes.push(if references == References::Acked && groups.references(id) {
                Deletion::Referenced
            } else if cursor.seek(id).is_some() {
                deleted.push(id);
                Deletion::Deleted
            } else {
                Deletion::NotFound
            });
            if references == References::Delete {
                unwanted.push(id);
            }
        }
        drop(cursor);
        mark_repeated(ids, &mut outcomes);
        deleted.sort_unstable();
        deleted.dedup();
        self.forget_referenced(unwanted);
        self.delete(&deleted);
        outcomes
    }

    /// Takes ids out of the pending lists that they are in.
    fn forget_referenced(&mut self, mut ids: Vec<EntryId>) {
        let is_pending =
            |id: &EntryId| self.stream.groups.iter().any(|(_, group)| group.pending.contains(*id));
        ids.retain(is_pending);
        ids.sort_unstable();
        ids.dedup();
        if !ids.is_empty() {
            self.commit(StreamEffect::ForgetEverywhere { ids: &ids });
        }
    }
}

/// An entry that is named twice is gone when its turn comes again.
fn mark_repeated(ids: &[EntryId], outcomes: &mut [Deletion]) {
    let mut order: Vec<usize> = (0..ids.len()).collect();
    order.sort_by_key(|place| ids.get(*place));
    for pair in order.windows(2) {
        let &[earlier, later] = pair else { continue };
        if ids.get(earlier) == ids.get(later)
            && let Some(outcome) = outcomes.get_mut(later)
            && *outcome == Deletion::Deleted
        {
            *outcome = Deletion::NotFound;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::super::testing::{self, events, id, ids};
    use super::Deletion::{Deleted, NotFound, Referenced};
    use super::*;

    #[test]
    fn deleting_counts_each_entry_once_and_raises_the_greatest_deleted_id() {
        let engine = testing::engine();
        let mut keys = testing::lock(&engine, 7);
        testing::fill(&mut keys, 1..=5);
        events(&mut keys);
        let mut stream = keys.stream_mut(0, b"s").unwrap().unwrap();
        assert_eq!(stream.delete(&[id(9), id(6)]), 0);
        assert_eq!(stream.delete(&[id(4), id(2), id(4), id(9)]), 2);
        assert_eq!(stream.delete(&[id(1)]), 1);
        assert_eq!(ids(stream.stream()), [3, 5]);
        assert_eq!(stream.stream().max_deleted_id(), id(4));
        assert_eq!(events(&mut keys), ["xdel", "xdel"]);
    }

    #[track_caller]
    fn check(references: References, expect: &[Deletion], left: &[u64], pending: &[u64]) {
        let engine = testing::engine();
        let mut keys = testing::lock(&engine, 7);
        testing::fill(&mut keys, 1..=6);
        let mut stream = keys.stream_mut(0, b"s").unwrap().unwrap();
        testing::add_group(&mut stream, b"g", 5, &[2, 3]);
        stream.delete(&[id(3)]);
        let asked = [1, 2, 3, 1, 6, 9].map(id);
        assert_eq!(stream.delete_referenced(&asked, references), expect, "{references:?}");
        assert_eq!(ids(stream.stream()), left, "{references:?}");
        let rows = stream.stream().groups().get(b"g").unwrap().pending.iter_from(EntryId::MIN);
        assert_eq!(rows.map(|row| row.id.ms).collect::<Vec<_>>(), pending, "{references:?}");
    }

    #[test]
    fn references_are_kept_deleted_or_respected() {
        let gone = [Deleted, Deleted, NotFound, NotFound, Deleted, NotFound];
        check(References::Keep, &gone, &[4, 5], &[2, 3]);
        check(References::Delete, &gone, &[4, 5], &[]);
        let acked = [Deleted, Referenced, Referenced, NotFound, Referenced, Referenced];
        check(References::Acked, &acked, &[2, 4, 5, 6], &[2, 3]);
    }

    #[test]
    fn without_groups_nothing_is_referenced() {
        let engine = testing::engine();
        let mut keys = testing::lock(&engine, 7);
        testing::fill(&mut keys, 1..=3);
        let mut stream = keys.stream_mut(0, b"s").unwrap().unwrap();
        testing::add_group(&mut stream, b"g", 0, &[]);
        stream.commit(StreamEffect::DestroyGroup { group: b"g" });
        let outcomes = stream.delete_referenced(&[id(2), id(9)], References::Acked);
        assert_eq!(outcomes, [Deleted, NotFound]);
    }
}

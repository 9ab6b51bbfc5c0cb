//! Acknowledging entries, and deleting those that are done with.

use smallvec::SmallVec;

use super::{EntryId, References, StreamEffect, StreamMut};

/// What became of an entry that was to be acknowledged and deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AckDeletion {
    /// It is acknowledged, and it is not in the stream any more.
    Deleted,
    /// It is acknowledged, but stays because a group references it.
    Kept,
    /// It was not pending in the group; nothing has changed.
    NotPending,
}

impl StreamMut<'_, '_> {
    /// Acknowledges entries for a group, which need not be in the stream any more. Returns how many
    /// were pending: none if there is no such group.
    pub fn acknowledge(&mut self, group: &[u8], ids: &[EntryId]) -> u64 {
        let mut acknowledged = 0;
        // Within an ascending run no id comes twice, so that the run can be decided as a whole.
        for run in ids.chunk_by(|a, b| a < b) {
            acknowledged += self.acknowledge_run(group, run).len() as u64;
        }
        acknowledged
    }

    /// Acknowledges entries for a group and deletes those of them that may go. Says what became of
    /// each: nothing if there is no such group.
    pub fn acknowledge_and_delete(
        &mut self,
        group: &[u8],
        ids: &[EntryId],
        references: References,
    ) -> Vec<AckDeletion> {
        self.stream.entries.prepare(ids);
        let mut outcomes = Vec::with_capacity(ids.len());
        let mut done = SmallVec::<[EntryId; 10]>::new();
        for run in ids.chunk_by(|a, b| a < b) {
            let acknowledged = self.acknowledge_run(group, run);
            let mut acknowledged = acknowledged.into_iter().peekable();
            for &id in run {
                outcomes.push(if acknowledged.next_if_eq(&id).is_none() {
                    AckDeletion::NotPending
                } else if references == References::Acked && self.stream.groups.references(id) {
                    AckDeletion::Kept
                } else {
                    done.push(id);
                    AckDeletion::Deleted
                });
            }
        }
        if references == References::Delete && !done.is_empty() {
            self.commit(StreamEffect::ForgetEverywhere { ids: &done });
        }
        self.delete(&done);
        outcomes
    }

    /// Acknowledges those of the entries that are pending and returns them. No id comes twice.
    fn acknowledge_run(&mut self, group: &[u8], ids: &[EntryId]) -> SmallVec<[EntryId; 10]> {
        let Some(found) = self.stream.groups.get(group) else { return SmallVec::new() };
        let mut cursor = found.pending.cursor();
        let pending = ids.iter().copied().filter(|&id| cursor.seek(id).is_some());
        let pending: SmallVec<[EntryId; 10]> = pending.collect();
        if !pending.is_empty() {
            self.commit(StreamEffect::Forget { group, ids: &pending });
        }
        pending
    }
}

//! Acknowledging entries.

use smallvec::SmallVec;

use super::{EntryId, StreamEffect, StreamMut};

impl StreamMut<'_, '_> {
    /// Acknowledges entries for a group, which need not be in the stream any more. Returns how many
    /// were pending: none if there is no such group.
    pub fn acknowledge(&mut self, group: &[u8], ids: &[EntryId]) -> u64 {
        let mut acknowledged = 0;
        // Within an ascending run no id comes twice, so that the run can be decided as a whole.
        for run in ids.chunk_by(|a, b| a < b) {
            let Some(found) = self.stream.groups.get(group) else { return 0 };
            let pending = run.iter().copied().filter(|&id| found.pending.contains(id));
            let pending: SmallVec<[EntryId; 10]> = pending.collect();
            if !pending.is_empty() {
                self.commit(StreamEffect::Forget { group, ids: &pending });
                acknowledged += pending.len() as u64;
            }
        }
        if acknowledged > 0 {
            self.touch();
        }
        acknowledged
    }
}

//! Blocks on their way out of memory: written first, then let go, the oldest first.
//!
//! The last block is still growing, so it is not written; it and the one before it stay in memory,
//! because whoever follows a stream reads there.

use super::block::Block;
use super::entries::Entries;
use super::id::EntryId;
use crate::blocks::{Place, Progress};

/// How many blocks at the end of a stream stay in memory.
const KEPT_AT_END: usize = 2;
/// How many blocks are looked at in one go.
const LOOKS_MAX: usize = 8192;

impl Entries {
    /// Returns the blocks that are full and have not been written, from the front: the id that each
    /// was begun with, and its content.
    pub(crate) fn unwritten(&self) -> impl Iterator<Item = (EntryId, &[u8])> {
        let sealed = self.blocks.len().saturating_sub(1);
        let blocks = self.blocks.range(self.written.min(sealed)..sealed);
        let unwritten = blocks.filter(|block| block.place().is_none());
        unwritten.filter_map(|block| Some((block.first_id(), block.bytes()?)))
    }

    /// Notes where a block has been written to, unless it has changed meanwhile; says whether it is
    /// still the one that was written.
    pub(crate) fn note_written(&mut self, first_id: EntryId, content: &[u8], place: Place) -> bool {
        let index = self.block_of(first_id);
        let is_last = index + 1 >= self.blocks.len();
        let Some(block) = self.blocks.get_mut(index).filter(|_| !is_last) else { return false };
        if block.first_id() != first_id || block.bytes() != Some(content) {
            return false;
        }
        block.set_place(place);
        while self.blocks.get(self.written).is_some_and(|block| block.place().is_some()) {
            self.written += 1;
        }
        true
    }

    /// Returns the blocks from the one on that would hold an entry.
    pub(crate) fn blocks_from(&self, id: EntryId) -> impl Iterator<Item = &Block> {
        self.blocks.range(self.block_of(id)..)
    }

    /// Notes that a block lies at another place now, unless it has changed meanwhile; says whether
    /// it is still the one that was at the place before.
    pub(crate) fn note_moved(&mut self, first_id: EntryId, from: &Place, to: Place) -> bool {
        let index = self.block_of(first_id);
        let block = self.blocks.get_mut(index).filter(|block| block.first_id() == first_id);
        let Some(block) = block.filter(|block| block.place() == Some(from)) else { return false };
        block.set_place(to);
        true
    }

    /// Lets written blocks leave memory, from where it ended the last time on, until so many bytes
    /// are free, the end is reached, or enough were looked at; returns how many bytes that freed.
    /// Blocks that were used since they were last considered are spared once.
    pub(crate) fn let_go(&mut self, bytes_max: usize) -> (usize, Progress) {
        let end = self.blocks.len().saturating_sub(KEPT_AT_END);
        let from = self.hand.min(end);
        let until = end.min(from + LOOKS_MAX);
        let mut freed = 0;
        for (index, block) in self.blocks.range_mut(from..until).enumerate() {
            if freed >= bytes_max {
                self.hand = from + index;
                return (freed, Progress::More);
            }
            if let Some(bytes) = block.leave() {
                self.account.cool(bytes);
                freed += bytes;
            }
        }
        self.hand = if until < end { until } else { 0 };
        (freed, if until < end { Progress::More } else { Progress::Through })
    }
}

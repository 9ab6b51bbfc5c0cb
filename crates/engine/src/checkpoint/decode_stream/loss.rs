//! Streams of which some items or blocks are lost.

use super::{BlockSpot, GroupParts, StreamParts};
use crate::blocks::ReadError;
use crate::checkpoint::Counts;
use crate::stream::pending::PendingList;
use crate::stream::{Block, Entries, EntryId, Stream};

/// What is missing of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StreamLoss {
    /// Where blocks are missing: behind the one that begins with the first id, before that with the
    /// second one.
    pub(crate) gaps: Vec<(Option<EntryId>, Option<EntryId>)>,
    /// Blocks that were not found where they should lie.
    pub(crate) unread: Vec<UnreadBlock>,
    /// Groups of which pending entries are missing, and how many.
    pub(crate) rows: Vec<(Box<[u8]>, u64)>,
    /// Whether there may have been more groups, pending entries and idempotent ids.
    pub(crate) has_lost_tail: bool,
}

/// A block that was not found where it should lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnreadBlock {
    pub(crate) first_id: EntryId,
    pub(crate) live: u32,
    pub(crate) spot: BlockSpot,
    pub(crate) error: Option<ReadError>,
    /// Whether its content is lost; that of a file whose header is damaged may be found.
    pub(crate) is_lost: bool,
}

/// The account of what is lost, while a stream is being read.
#[derive(Debug, Default)]
pub(super) struct Salvage {
    loss: StreamLoss,
    /// Whether items are missing.
    has_gaps: bool,
}

impl StreamParts {
    /// Lets whatever is missing be lost from here on.
    pub(in crate::checkpoint) fn salvage(mut self) -> Self {
        self.salvage = Some(Box::default());
        self
    }

    /// Notes that items are missing here.
    pub(in crate::checkpoint) fn gap(&mut self) {
        let is_short = self.found() < self.blocks_announced;
        let before = self.blocks.back().map(Block::first_id);
        let Some(Salvage { loss, has_gaps }) = self.salvage.as_deref_mut() else { return };
        *has_gaps = true;
        if is_short {
            if loss.gaps.last().is_none_or(|(_, behind)| behind.is_some()) {
                loss.gaps.push((before, None));
            }
        } else {
            loss.has_lost_tail = true;
        }
        self.attempts_left = 0;
        self.close_group_with_loss();
    }

    /// Says whether items are missing.
    pub(in crate::checkpoint) fn is_damaged(&self) -> bool {
        self.salvage.as_ref().is_some_and(|salvage| salvage.has_gaps)
    }

    /// Notes that a block follows, perhaps on a gap.
    pub(super) fn end_gap(&mut self, first_id: EntryId) {
        let gaps = self.salvage.as_mut().map(|salvage| &mut salvage.loss.gaps);
        if let Some((_, behind @ None)) = gaps.and_then(|gaps| gaps.last_mut()) {
            *behind = Some(first_id);
        }
    }

    /// Notes that a block is not where it should be.
    pub(super) fn lose(&mut self, block: UnreadBlock) {
        if let Some(salvage) = &mut self.salvage {
            salvage.loss.unread.push(block);
        }
    }

    /// Returns of how many blocks there is a trace.
    fn found(&self) -> u64 {
        let unread = self.salvage.iter().flat_map(|salvage| &salvage.loss.unread);
        (self.blocks.len() + unread.filter(|block| block.is_lost).count()) as u64
    }

    /// Returns the stream, what it holds, and what is missing.
    pub(in crate::checkpoint) fn finish_with_loss(mut self) -> (Stream, Counts, StreamLoss) {
        let is_whole = self.group.as_ref().is_none_or(GroupParts::is_whole)
            && self.attempts_left == 0
            && self.found() == self.blocks_announced;
        if !is_whole {
            self.gap();
        }
        self.close_group_with_loss();
        let StreamParts { mut stream, blocks, last_live_id, rows, salvage, .. } = self;
        let is_last_sound = blocks.back().is_some_and(|last| {
            last.bytes().is_some() && last.last_live_id() == Some(last_live_id)
        });
        stream.entries = if is_last_sound {
            Entries::of_blocks(blocks, last_live_id)
        } else {
            Entries::of_sound_blocks(blocks)
        };
        let entries = stream.len();
        let loss = salvage.map(|salvage| salvage.loss).unwrap_or_default();
        (stream, Counts { keys: 1, entries, rows }, loss)
    }

    fn close_group_with_loss(&mut self) {
        let Some(parts) = self.group.take() else { return };
        let missing = parts.rows_announced.saturating_sub(parts.rows.len() as u64);
        self.rows += parts.rows.len() as u64;
        let GroupParts { name, mut group, next_turn, rows, .. } = parts;
        group.pending = PendingList::of_rows(&rows, next_turn);
        if missing > 0
            && let Some(salvage) = &mut self.salvage
        {
            salvage.loss.rows.push((name.clone(), missing));
        }
        self.stream.groups.insert(&name, group);
    }
}

impl GroupParts {
    fn is_whole(&self) -> bool {
        self.rows.len() as u64 == self.rows_announced
            && self.group.consumers.by_number().len() as u64 == self.numbers_announced
    }
}

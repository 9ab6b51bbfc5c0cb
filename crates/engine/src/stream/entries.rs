//! `Entries`: the entries of one stream, as a queue of packed blocks.
//!
//! Blocks are ordered by their first ids and hold disjoint runs of ids, so that an id is found by a
//! binary search for its block and a walk inside. Only the last block grows. Blocks end where the
//! nodes of Redis end, because clients see that: in trims with `~`, and as a node count.

use std::collections::VecDeque;

use super::block::Block;
use super::id::EntryId;
use super::tail::Tail;

pub use super::entry::Entry;
pub use super::range::{Cursor, Range, RangeRev};
pub use super::trim::{Exactness, TrimPlan, TrimTo};

/// The size that ends a node where no smaller one is asked for; Redis allows no more either.
const NODE_BYTES_MAX: u32 = 1 << 30;
/// The entries that end a block where no fewer are asked for, to bound the walk inside.
const NODE_ENTRIES_MAX: u32 = 16_384;
/// The bytes that a new block of a longer stream reserves at most before they are needed.
const BLOCK_RESERVE_MAX: usize = 4096;

/// When a node of a stream is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NodeLimits {
    /// The entries of a node, deleted ones included; 0 for unlimited, which is 16,384.
    pub entries_max: u32,
    /// The bytes that Redis would need for the node; 0 for unlimited, which is 1 GiB.
    pub bytes_max: u32,
}

impl Default for NodeLimits {
    fn default() -> Self {
        Self { entries_max: 100, bytes_max: 4096 }
    }
}

/// Which node an entry is added to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Node {
    /// The last one there is; if there is none, one is begun.
    Last,
    /// One that it begins.
    New,
}

impl NodeLimits {
    /// Returns whether an entry with so many bytes of content has to begin a new node.
    fn refuse(self, block: &Block, content_bytes: usize) -> bool {
        let at_most = |limit: u32, most: u32| if limit == 0 { most } else { limit.min(most) };
        let bytes_max = at_most(self.bytes_max, NODE_BYTES_MAX) as usize;
        block.slots() >= at_most(self.entries_max, NODE_ENTRIES_MAX)
            || (block.listpack_bytes as usize).saturating_add(content_bytes) >= bytes_max
    }
}

/// The entries of one stream, in the order of their ids.
#[derive(Clone, Debug)]
pub struct Entries {
    /// Every block has at least one live entry.
    pub(super) blocks: VecDeque<Block>,
    /// The end of the last block.
    tail: Tail,
    last_id: EntryId,
    len: u64,
    /// The sum of the capacities of all blocks.
    block_bytes: usize,
}

impl Default for Entries {
    fn default() -> Self {
        Self::new()
    }
}

impl Entries {
    /// Makes an empty stream.
    #[must_use]
    pub fn new() -> Self {
        Self {
            blocks: VecDeque::new(),
            tail: Tail::new(EntryId::MIN),
            last_id: EntryId::MIN,
            len: 0,
            block_bytes: 0,
        }
    }

    /// Makes a stream of its blocks, ascending and none of them without a live entry; `last_id` is
    /// the greatest id of an entry.
    pub(crate) fn of_blocks(blocks: VecDeque<Block>, last_id: EntryId) -> Self {
        let tail = blocks.back().map_or_else(|| Tail::new(EntryId::MIN), Tail::of);
        let len = blocks.iter().map(|block| u64::from(block.live())).sum();
        let block_bytes = blocks.iter().map(|block| block.bytes.capacity()).sum();
        Self { blocks, tail, last_id, len, block_bytes }
    }

    /// Returns how many entries there are, deleted ones not counted.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Returns whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns how many nodes Redis would keep the entries in.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.blocks.len()
    }

    /// Returns the bytes that the entries occupy, this struct included, in constant time.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let index = self.blocks.capacity() * size_of::<Block>();
        size_of::<Self>() + index + self.block_bytes + self.tail.heap_bytes()
    }

    /// Returns the blocks from the front to the back.
    pub fn blocks(&self) -> impl DoubleEndedIterator<Item = &Block> {
        self.blocks.iter()
    }

    /// Returns the smallest id of an entry.
    #[must_use]
    pub fn first_id(&self) -> Option<EntryId> {
        self.blocks.front()?.entries().next().map(|entry| entry.id)
    }

    /// Returns the greatest id of an entry.
    #[must_use]
    pub fn last_id(&self) -> Option<EntryId> {
        (self.len > 0).then_some(self.last_id)
    }

    /// Returns which node an entry goes to under these limits.
    #[must_use]
    pub fn node_for(&self, fields: &[&[u8]], limits: NodeLimits) -> Node {
        let content_bytes = fields.iter().map(|text| text.len()).sum();
        match self.blocks.back() {
            Some(block) if limits.refuse(block, content_bytes) => Node::New,
            _ => Node::Last,
        }
    }

    /// Adds an entry at the end.
    ///
    /// `fields` is flat: a name, its value, the next name and so on, of even length. `id` has to be
    /// greater than the id of every entry that was ever added: that is the caller's duty.
    pub fn append(&mut self, id: EntryId, fields: &[&[u8]], node: Node) {
        debug_assert!(self.last_id().is_none_or(|last| last < id), "ids ascend");
        debug_assert!(fields.len().is_multiple_of(2), "every name has a value");
        if node == Node::New || self.blocks.is_empty() {
            self.begin_block(id);
        }
        let Some(block) = self.blocks.back_mut() else { return };
        let capacity = block.bytes.capacity();
        self.tail.push(block, id, fields);
        self.block_bytes += block.bytes.capacity() - capacity;
        self.last_id = id;
        self.len += 1;
    }

    /// Returns whether there is an entry `id`.
    #[must_use]
    pub fn contains(&self, id: EntryId) -> bool {
        self.get(id).is_some()
    }

    /// Returns the entry `id`.
    #[must_use]
    pub fn get(&self, id: EntryId) -> Option<Entry<'_>> {
        self.blocks.get(self.block_of(id))?.find(id).map(|slot| slot.entry)
    }

    /// Iterates over the entries from `start` to `end`, both inclusive, in ascending order.
    #[must_use]
    pub fn range(&self, start: EntryId, end: EntryId) -> Range<'_> {
        Range::new(self, start, end)
    }

    /// Iterates over the entries from `start` to `end`, both inclusive, in descending order.
    #[must_use]
    pub fn range_rev(&self, start: EntryId, end: EntryId) -> RangeRev<'_> {
        RangeRev::new(self, start, end)
    }

    /// Returns a cursor that looks many ids up, the faster the more they ascend.
    #[must_use]
    pub fn cursor(&self) -> Cursor<'_> {
        Cursor::new(self)
    }

    /// Removes the entry `id`; returns whether there was one.
    pub fn remove(&mut self, id: EntryId) -> bool {
        let index = self.block_of(id);
        let Some(block) = self.blocks.get_mut(index) else { return false };
        if block.remove(id) == 0 {
            return false;
        }
        self.len -= 1;
        self.tidy(index);
        if id == self.last_id {
            let last_id = self.blocks.back().and_then(Block::last_live_id);
            self.last_id = last_id.unwrap_or_default();
        }
        true
    }

    /// Removes every entry below the id `below`; returns how many went.
    pub fn trim_front(&mut self, below: EntryId) -> u64 {
        below.prev().map_or(0, |last| self.trim_through(last))
    }

    /// Removes every entry up to and including the id `last`; returns how many went.
    pub fn trim_through(&mut self, last: EntryId) -> u64 {
        let len = self.len;
        let whole = if self.last_id <= last { self.blocks.len() } else { self.block_of(last) };
        for block in self.blocks.drain(..whole) {
            self.block_bytes -= block.bytes.capacity();
            self.len -= u64::from(block.live());
        }
        if let Some(block) = self.blocks.front_mut() {
            self.len -= u64::from(block.remove_through(last));
            self.tidy(0);
        }
        if self.blocks.capacity() > 4 * self.blocks.len() + 8 {
            self.blocks.shrink_to(2 * self.blocks.len());
        }
        len - self.len
    }

    /// Returns the index of the block in which the entry `id` is if there is one; 0 if `id` is
    /// below all blocks.
    pub(super) fn block_of(&self, id: EntryId) -> usize {
        let last = self.blocks.len().saturating_sub(1);
        if self.blocks.back().is_some_and(|block| block.first_id() <= id) {
            return last;
        }
        self.blocks.partition_point(|block| block.first_id() <= id).saturating_sub(1)
    }

    /// Begins a new last block for the entry `id`; the one before is not going to grow any more.
    fn begin_block(&mut self, id: EntryId) {
        let mut reserve = 0;
        if let Some(full) = self.blocks.back_mut() {
            self.block_bytes -= full.bytes.capacity();
            full.bytes.shrink_to_fit();
            self.block_bytes += full.bytes.capacity();
            reserve = full.bytes.len().min(BLOCK_RESERVE_MAX);
        }
        if self.blocks.len() == self.blocks.capacity() {
            self.blocks.reserve_exact(1 + self.blocks.len() / 4);
        }
        let block = Block::new(id, reserve);
        self.block_bytes += block.bytes.capacity();
        self.blocks.push_back(block);
        self.tail = Tail::new(id);
    }

    /// Drops the block at `index` if nothing lives there, or packs it anew if little does.
    fn tidy(&mut self, index: usize) {
        let Some(block) = self.blocks.get_mut(index) else { return };
        let capacity = block.bytes.capacity();
        if block.live() == 0 {
            self.blocks.remove(index);
            self.block_bytes -= capacity;
        } else if block.is_mostly_dead() {
            block.repack();
            self.block_bytes = self.block_bytes - capacity + block.bytes.capacity();
        } else {
            return;
        }
        if index + 1 >= self.blocks.len()
            && let Some(block) = self.blocks.back()
        {
            self.tail = Tail::of(block);
        }
    }
}

#[cfg(test)]
mod tests;

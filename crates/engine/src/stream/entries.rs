//! `Entries`: the entries of one stream, as a queue of packed blocks.
//!
//! Blocks are ordered by their first ids and hold disjoint runs of ids, so that an id is found by a
//! binary search for its block and a walk inside. Only the last block grows. Blocks end where the
//! nodes of Redis end, because clients see that: in trims with `~`, and as a node count.
//!
//! Blocks may be on the disk alone. Those who read bring back what they need; those who decide on a
//! change bring back what it is going to touch, by [`Entries::prepare_removal`], so that no change
//! has to wait for the disk.

use std::collections::VecDeque;
use std::sync::Arc;

use super::block::{Block, Slots};
use super::id::EntryId;
use super::tail::Tail;
use crate::blocks::{Account, Memory, reading};

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
            || (block.listpack_bytes() as usize).saturating_add(content_bytes) >= bytes_max
    }
}

/// The entries of one stream, in the order of their ids.
#[derive(Clone, Debug)]
pub struct Entries {
    /// Every block has at least one live entry.
    pub(super) blocks: VecDeque<Block>,
    /// The end of the last block.
    tail: Tail,
    /// All blocks before this one have been written.
    pub(super) written: usize,
    /// The block that is the next to be considered for leaving memory.
    pub(super) hand: usize,
    last_id: EntryId,
    len: u64,
    pub(super) account: Account,
    /// The sum of what all blocks say of themselves.
    packed_bytes: u64,
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
            written: 0,
            hand: 0,
            len: 0,
            account: Account::default(),
            packed_bytes: 0,
        }
    }

    /// Makes a stream of its blocks, ascending and none of them without a live entry; `last_id` is
    /// the greatest id of an entry. The last block has to be in memory.
    pub(crate) fn of_blocks(blocks: VecDeque<Block>, last_id: EntryId) -> Self {
        debug_assert!(blocks.back().is_none_or(|last| last.bytes().is_some()), "it grows");
        let tail = blocks.back().map_or_else(|| Tail::new(EntryId::MIN), Tail::of);
        let len = blocks.iter().map(|block| u64::from(block.live())).sum();
        let packed_bytes = blocks.iter().map(Block::packed_bytes).sum();
        let entries = Self { blocks, tail, last_id, len, packed_bytes, ..Self::new() };
        entries.blocks.iter().for_each(|block| entries.account.add_block(block.capacity()));
        entries
    }

    /// Makes a stream of blocks of which the last ones may be missing. What is the last one now is
    /// brought back; while that is not possible, it goes as well.
    pub(crate) fn of_sound_blocks(mut blocks: VecDeque<Block>) -> Self {
        while let Some(last) = blocks.back() {
            if last.is_at_hand() || last.bring_back().is_some() {
                break;
            }
            blocks.pop_back();
        }
        let last_id = blocks.back().and_then(Block::last_live_id).unwrap_or_default();
        Self::of_blocks(blocks, last_id)
    }

    /// Takes the blocks out.
    pub(crate) fn into_blocks(self) -> VecDeque<Block> {
        self.blocks
    }

    /// Counts what is in memory for these totals as well from now on.
    pub(crate) fn count_in(&mut self, memory: &Arc<Memory>) {
        self.account.count_in(memory);
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
        size_of::<Self>() + index + self.account.block_bytes() + self.tail.heap_bytes()
    }

    /// Returns about how many bytes the entries take, by the measure that ends a node.
    #[must_use]
    pub fn packed_bytes(&self) -> u64 {
        self.packed_bytes
    }

    /// Returns those of the bytes that are counted as they change.
    pub(crate) fn counted_bytes(&self) -> usize {
        self.blocks.capacity() * size_of::<Block>() + self.account.block_bytes()
    }

    /// Returns the blocks from the front to the back.
    pub fn blocks(&self) -> impl DoubleEndedIterator<Item = &Block> {
        self.blocks.iter()
    }

    /// Returns the block at `index` with its content in memory; nothing if there is none, or if
    /// the content cannot be had now, which makes the running command void.
    #[inline]
    pub fn open(&self, index: usize) -> Option<&Block> {
        let block = self.blocks.get(index)?;
        (block.is_at_hand() || self.bring_back(block)).then_some(block)
    }

    #[cold]
    fn bring_back(&self, block: &Block) -> bool {
        block.bring_back().is_some_and(|bytes| {
            self.account.warm(bytes);
            true
        })
    }

    /// Wants some blocks of which the first one could not be had, in the order of the walk.
    #[cold]
    pub(super) fn read_ahead(&self, indexes: impl Iterator<Item = usize>) {
        let blocks = indexes.map_while(|index| self.blocks.get(index));
        for block in blocks.take(reading::read_ahead()) {
            if let (None, Some(place)) = (block.bytes(), block.place()) {
                reading::want(place);
            }
        }
    }

    /// Returns how many blocks are on the disk alone.
    #[must_use]
    pub fn cold_blocks(&self) -> usize {
        self.account.cold_blocks()
    }

    /// Returns the smallest id of an entry.
    #[must_use]
    pub fn first_id(&self) -> Option<EntryId> {
        let front = self.blocks.front()?;
        if front.live() == front.slots() {
            return Some(front.first_id());
        }
        self.open(0)?.entries().next().map(|entry| entry.id)
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
        // The last block may have been written when it was not the last one.
        self.written = self.written.min(self.blocks.len().saturating_sub(1));
        if node == Node::New || self.blocks.is_empty() {
            self.begin_block(id);
        }
        let Some(block) = self.blocks.back_mut() else { return };
        let (before, packed_bytes) = (block.capacity(), block.packed_bytes());
        self.tail.push(block, id, fields);
        self.account.resize(before.unwrap_or_default(), block.capacity().unwrap_or_default());
        self.packed_bytes = self.packed_bytes - packed_bytes + block.packed_bytes();
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
        self.open(self.block_of(id))?.find(id).map(|slot| slot.entry)
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

    /// Returns the last entry alone, if that is all that a block has from an id on.
    #[inline]
    pub(super) fn last_slot(&self, block: usize, start: EntryId) -> Option<Slots<'_>> {
        let is_last = block + 1 == self.blocks.len();
        self.blocks.back().filter(|_| is_last).and_then(|block| self.tail.last_slot(block, start))
    }

    /// Returns a cursor that looks many ids up, the faster the more they ascend.
    #[must_use]
    pub fn cursor(&self) -> Cursor<'_> {
        Cursor::new(self)
    }

    /// Brings back the blocks that removing these entries is going to touch. They ascend, and each
    /// of them is there.
    pub fn prepare_removal(&self, ids: &[EntryId]) {
        if self.cold_blocks() == 0 {
            return;
        }
        self.prepare(ids);
        if ids.last() == Some(&self.last_id) {
            self.prepare_new_last(ids);
        }
    }

    /// Brings back the block that removing every entry below this id is going to touch.
    pub(crate) fn prepare_trim(&self, below: EntryId) {
        let Some(last) = below.prev().filter(|_| self.cold_blocks() > 0) else { return };
        let index = self.blocks_through(last);
        if self.blocks.get(index).is_some_and(|block| block.first_id() <= last) {
            self.open(index);
        }
    }

    /// Brings back the blocks that would hold these entries.
    pub fn prepare(&self, ids: &[EntryId]) {
        if self.cold_blocks() > 0 {
            for &id in ids {
                self.open(self.block_of(id));
            }
        }
    }

    /// Brings back the block that is the last one when these entries are gone.
    fn prepare_new_last(&self, ids: &[EntryId]) {
        let mut rest = ids;
        for (index, block) in self.blocks.iter().enumerate().rev() {
            let staying = rest.partition_point(|id| *id < block.first_id());
            let going = rest.len() - staying;
            if going < block.live() as usize {
                self.open(index);
                return;
            }
            rest = rest.get(..staying).unwrap_or_default();
        }
    }

    /// Removes the entry `id`; returns whether there was one.
    pub fn remove(&mut self, id: EntryId) -> bool {
        let index = self.block_of(id);
        if self.open(index).is_none() {
            return false;
        }
        let Some(block) = self.blocks.get_mut(index) else { return false };
        let packed_bytes = block.packed_bytes();
        if block.remove(id) == 0 {
            return false;
        }
        self.packed_bytes = self.packed_bytes - packed_bytes + block.packed_bytes();
        self.len -= 1;
        self.written = self.written.min(index);
        self.tidy(index);
        if id == self.last_id {
            let last = self.blocks.len().checked_sub(1).and_then(|index| self.open(index));
            self.last_id = last.and_then(Block::last_live_id).unwrap_or_default();
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
        let whole = self.blocks_through(last);
        self.written = self.written.saturating_sub(whole);
        self.hand = self.hand.saturating_sub(whole);
        for block in self.blocks.drain(..whole) {
            self.account.drop_block(block.capacity());
            self.packed_bytes -= block.packed_bytes();
            self.len -= u64::from(block.live());
        }
        if self.blocks.front().is_some_and(|block| block.first_id() <= last)
            && self.open(0).is_some()
            && let Some(block) = self.blocks.front_mut()
        {
            self.packed_bytes -= block.packed_bytes();
            self.len -= u64::from(block.remove_through(last));
            self.packed_bytes += block.packed_bytes();
            self.written = 0;
            self.tidy(0);
        }
        if self.blocks.capacity() > 4 * self.blocks.len() + 8 {
            self.blocks.shrink_to(2 * self.blocks.len());
        }
        len - self.len
    }

    /// Returns how many blocks at the front hold nothing above the id `last`, as far as that can be
    /// told without looking into them.
    fn blocks_through(&self, last: EntryId) -> usize {
        if self.last_id <= last {
            return self.blocks.len();
        }
        let index = self.block_of(last);
        let next = self.blocks.get(index + 1).and_then(|next| next.first_id().prev());
        if next.is_some_and(|end| end <= last) { index + 1 } else { index }
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
        if let Some(full) = self.blocks.back_mut().and_then(|full| full.bytes_mut()) {
            let before = full.capacity();
            full.shrink_to_fit();
            self.account.resize(before, full.capacity());
            reserve = full.len().min(BLOCK_RESERVE_MAX);
        }
        if self.blocks.len() == self.blocks.capacity() {
            self.blocks.reserve_exact(1 + self.blocks.len() / 4);
        }
        let block = Block::new(id, reserve);
        self.account.add_block(block.capacity());
        self.blocks.push_back(block);
        self.tail = Tail::new(id);
    }

    /// Drops the block at `index` if nothing lives there, or packs it anew if little does.
    fn tidy(&mut self, index: usize) {
        let Some(block) = self.blocks.get_mut(index) else { return };
        let capacity = block.capacity();
        if block.live() == 0 {
            self.blocks.remove(index);
            self.account.drop_block(capacity);
        } else if block.is_mostly_dead() {
            block.repack();
            self.account.resize(capacity.unwrap_or_default(), block.capacity().unwrap_or_default());
        } else {
            return;
        }
        if index + 1 >= self.blocks.len()
            && let Some(block) = self.blocks.len().checked_sub(1).and_then(|last| self.open(last))
        {
            self.tail = Tail::of(block);
        }
    }
}

#[cfg(test)]
mod tests;

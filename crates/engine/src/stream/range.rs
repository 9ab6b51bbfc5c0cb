//! Walks over the entries of a stream: ascending, descending, and by a list of ids.

use std::ops;

use super::block::{Block, Slot, Slots};
use super::entries::Entries;
use super::entry::Entry;
use super::id::EntryId;

/// The entries of a range of ids in ascending order.
#[derive(Clone, Debug)]
pub struct Range<'a> {
    slots: Slots<'a>,
    entries: &'a Entries,
    /// The blocks that are still to come.
    blocks: ops::Range<usize>,
    start: EntryId,
    end: EntryId,
}

impl<'a> Range<'a> {
    pub(super) fn new(entries: &'a Entries, start: EntryId, end: EntryId) -> Self {
        let blocks = if start <= end && !entries.is_empty() {
            entries.block_of(start)..entries.block_of(end) + 1
        } else {
            0..0
        };
        Self { slots: Slots::new(&[], EntryId::MIN), entries, blocks, start, end }
    }

    /// Goes on to the next block; one that cannot be had ends the walk.
    fn next_block(&mut self) -> Option<()> {
        let index = self.blocks.next()?;
        let Some(block) = self.entries.open(index) else {
            self.entries.read_ahead(std::mem::take(&mut self.blocks));
            return None;
        };
        self.slots = self.entries.last_slot(index, self.start).unwrap_or_else(|| block.iter());
        Some(())
    }
}

impl<'a> Iterator for Range<'a> {
    type Item = Entry<'a>;

    #[inline]
    #[expect(
        clippy::while_let_on_iterator,
        reason = "`by_ref` makes a bare walk half as slow again"
    )]
    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            while let Some(slot) = self.slots.next() {
                if slot.entry.id > self.end {
                    return None;
                }
                if !slot.deleted && slot.entry.id >= self.start {
                    return Some(slot.entry);
                }
            }
            self.next_block()?;
        }
    }
}

/// The entries of a range of ids in descending order.
///
/// A block can only be read forward, so the entries of one block at a time are kept.
#[derive(Clone, Debug)]
pub struct RangeRev<'a> {
    block: Vec<Entry<'a>>,
    entries: &'a Entries,
    blocks: ops::Range<usize>,
    start: EntryId,
    end: EntryId,
}

impl<'a> RangeRev<'a> {
    pub(super) fn new(entries: &'a Entries, start: EntryId, end: EntryId) -> Self {
        let Range { blocks, .. } = Range::new(entries, start, end);
        Self { block: Vec::new(), entries, blocks, start, end }
    }
}

impl<'a> Iterator for RangeRev<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            if let Some(entry) = self.block.pop() {
                return Some(entry);
            }
            let (start, end) = (self.start, self.end);
            let index = self.blocks.next_back()?;
            let Some(block) = self.entries.open(index) else {
                self.entries.read_ahead(std::mem::take(&mut self.blocks).rev());
                return None;
            };
            let inside = block.entries().skip_while(|entry| entry.id < start);
            self.block.extend(inside.take_while(|entry| entry.id <= end));
        }
    }
}

/// Looks ids up one after the other; ascending ones share the walk through their block.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    entries: &'a Entries,
    /// The first entry that was not below the id sought last.
    found: Option<Slot<'a>>,
    /// The entries of the current block behind `found`.
    slots: Slots<'a>,
    sought: EntryId,
    /// The first id that the current block cannot hold; `None` for the last block.
    block_end: Option<EntryId>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(entries: &'a Entries) -> Self {
        // No block is entered before the first id is sought: every id lies behind this end.
        let slots = Slots::new(&[], EntryId::MIN);
        let block_end = Some(EntryId::MIN);
        Self { entries, found: None, slots, sought: EntryId::MIN, block_end }
    }

    /// Returns the entry `id`.
    pub fn seek(&mut self, id: EntryId) -> Option<Entry<'a>> {
        if id < self.sought || self.block_end.is_some_and(|end| end <= id) {
            self.enter_block(self.entries.block_of(id));
        }
        self.sought = id;
        if self.found.is_some_and(|slot| slot.entry.id < id) {
            self.found = self.slots.find(|slot| slot.entry.id >= id);
        }
        self.found.filter(|slot| slot.is_live(id)).map(|slot| slot.entry)
    }

    fn enter_block(&mut self, index: usize) {
        self.slots = self.entries.open(index).map_or(Slots::new(&[], EntryId::MIN), Block::iter);
        self.found = self.slots.next();
        self.block_end = self.entries.blocks.get(index + 1).map(Block::first_id);
    }
}

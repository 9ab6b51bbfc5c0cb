//! `Block`: consecutive entries of a stream packed into one byte vector.
//!
//! A block is a run of entries, each described relative to the one before it:
//!
//! ```text
//! block  := entry*
//! entry  := header [ms-delta] [seq] [shape] value-length* value-bytes*
//!
//! header   7 6 5 4 3   2            1              0
//!          ms delta    same shape   seq explicit   deleted
//!
//! shape  := 0 field-count (name-length name-bytes)*    the block's next shape is defined here
//!         | n                                          shape n-1 of the block
//! ```
//!
//! All numbers behind the header are varints. The delta is the milliseconds since the entry before,
//! or since the block's first id; 31 and more are written as 31 with the delta following. Without
//! an explicit `seq`, the sequence number is one more than that of the entry before if the
//! millisecond is the same, and 0 otherwise; the first entry follows on an imaginary one just below
//! the block's first id. A shape is a list of field names. Almost every stream has one or
//! few, so that they cost next to nothing; an entry whose shape is that of the entry before spends
//! no byte on it.
//!
//! For example the first two entries of a block that begins with id 1000-0:
//!
//! ```text
//! 00  00 01 01 'a'  01 '7'     1000-0  a = 7     delta 0, shape 0 defined: one name of length 1
//! 2c                02 '4' '2' 1005-0  a = 42    delta 5, same shape
//! ```
//!
//! Deleting flips a bit and moves nothing. When most of a block's bytes belong to deleted entries,
//! the block is packed anew without them.

use std::cell::{Cell, OnceCell};

use smallvec::SmallVec;

use super::entry::{Entry, Shape};
use super::id::EntryId;
use super::tail::Tail;
use super::varint;
use crate::blocks::{Place, reading};

/// Header bit of an entry that was deleted.
pub(super) const DELETED: u8 = 1;
/// Header bit of an entry that spells its sequence number out.
pub(super) const SEQ_EXPLICIT: u8 = 1 << 1;
/// Header bit of an entry that has the shape of the entry before.
pub(super) const SAME_SHAPE: u8 = 1 << 2;
/// Where the millisecond delta begins in the header.
pub(super) const DELTA_SHIFT: u32 = 3;
/// The delta that says that the real one follows as a varint.
pub(super) const DELTA_FOLLOWS: u8 = 31;

/// How many entries have to be gone before a block is packed anew; fewer are not worth the work.
const DEAD_SLOTS_MIN: u32 = 8;
/// How many bytes are worth the work whatever the number of entries.
const DEAD_BYTES_MIN: u32 = 4096;

/// A run of consecutive entries, some of them possibly deleted.
///
/// Its bytes are in memory, or on the disk, or both; those on the disk are never other ones than
/// those in memory. [`Block::bring_back`] comes before any use of the bytes of a block that may
/// be on the disk alone: without it such a block seems to be empty, and does not change.
#[derive(Clone, Debug)]
pub struct Block {
    content: OnceCell<Vec<u8>>,
    place: Option<Place>,
    first_id: EntryId,
    live: u32,
    slots: u32,
    dead_bytes: u32,
    listpack_bytes: u32,
    /// Whether it was used since it was last considered for leaving memory.
    is_used: Cell<bool>,
}

const _: () = assert!(size_of::<Block>() <= 80);

/// Where the content of a block is.
#[derive(Clone, Debug)]
pub enum BlockContent {
    /// In memory alone.
    Resident(Vec<u8>),
    /// On the disk alone.
    Cold(Place),
}

/// What is known of a block apart from its entries.
#[derive(Clone, Copy, Debug)]
pub struct BlockNumbers {
    /// The id that it was begun with.
    pub first_id: EntryId,
    /// How many entries are not deleted.
    pub live: u32,
    /// How many entries it was ever given.
    pub slots: u32,
    /// The bytes of deleted entries.
    pub dead_bytes: u32,
    /// The bytes that Redis would need for it.
    pub listpack_bytes: u32,
}

impl Block {
    /// Makes an empty block whose first entry is going to have the id `first_id`.
    pub(super) fn new(first_id: EntryId, capacity: usize) -> Self {
        let numbers =
            BlockNumbers { first_id, live: 0, slots: 0, dead_bytes: 0, listpack_bytes: 0 };
        Self::of(numbers, BlockContent::Resident(Vec::with_capacity(capacity)))
    }

    /// Makes a block of what is known of it.
    #[must_use]
    pub fn of(numbers: BlockNumbers, content: BlockContent) -> Self {
        let BlockNumbers { first_id, live, slots, dead_bytes, listpack_bytes } = numbers;
        let (content, place) = match content {
            BlockContent::Resident(bytes) => (OnceCell::from(bytes), None),
            BlockContent::Cold(place) => (OnceCell::new(), Some(place)),
        };
        let is_used = Cell::new(false);
        Self { content, place, first_id, live, slots, dead_bytes, listpack_bytes, is_used }
    }

    /// Returns what is known of the block apart from its entries.
    #[must_use]
    pub fn numbers(&self) -> BlockNumbers {
        let Self { first_id, live, slots, dead_bytes, listpack_bytes, .. } = *self;
        BlockNumbers { first_id, live, slots, dead_bytes, listpack_bytes }
    }

    /// Returns the id that the block was begun with; no entry of the block is below it.
    #[must_use]
    pub fn first_id(&self) -> EntryId {
        self.first_id
    }

    /// Returns how many entries are not deleted.
    #[must_use]
    pub fn live(&self) -> u32 {
        self.live
    }

    /// Returns how many entries the block was ever given, the deleted ones included.
    #[must_use]
    pub fn slots(&self) -> u32 {
        self.slots
    }

    /// Returns how many bytes Redis would need for the block.
    #[must_use]
    pub fn listpack_bytes(&self) -> u32 {
        self.listpack_bytes
    }

    /// Returns about how many of these bytes its entries take: those of deleted ones are not known
    /// one by one.
    #[must_use]
    pub fn packed_bytes(&self) -> u64 {
        let bytes = u64::from(self.listpack_bytes);
        if self.live == self.slots {
            return bytes;
        }
        bytes * u64::from(self.live) / u64::from(self.slots.max(1))
    }

    /// Returns the packed entries if they are in memory.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        self.content.get().map(Vec::as_slice)
    }

    /// Says whether this could be the content.
    pub(crate) fn fits(&self, content: &[u8]) -> bool {
        let (mut slots, mut live) = (0, 0);
        for slot in Slots::new(content, self.first_id) {
            (slots, live) = (slots + 1, live + u32::from(!slot.deleted));
        }
        slots <= self.slots && live == self.live
    }

    /// Returns where the content lies on the disk, if it has been written.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// Returns how many bytes of memory the content takes, if it is there.
    pub(super) fn capacity(&self) -> Option<usize> {
        self.content.get().map(Vec::capacity)
    }

    /// Says whether the content is in memory, and notes that it is used.
    #[inline]
    pub(super) fn is_at_hand(&self) -> bool {
        self.is_used.set(true);
        self.content.get().is_some()
    }

    /// Brings the content back into memory, and returns how many bytes it takes there; nothing if
    /// it cannot be had now, which makes the running command void.
    #[cold]
    pub(super) fn bring_back(&self) -> Option<usize> {
        let content = reading::fetch(self.place.as_ref()?)?;
        let capacity = content.capacity();
        self.content.set(content).ok().map(|()| capacity)
    }

    /// Notes where the content lies on the disk.
    pub(super) fn set_place(&mut self, place: Place) {
        self.place = Some(place);
    }

    /// Lets the content leave memory if it has been written, and returns how many bytes that frees.
    /// One that was used since the last time gets another chance.
    pub(super) fn leave(&mut self) -> Option<usize> {
        if self.place.is_none() || self.is_used.take() {
            return None;
        }
        self.content.take().map(|content| content.capacity())
    }

    /// Returns the content to be changed, which is no longer what was written.
    #[inline]
    pub(super) fn bytes_mut(&mut self) -> Option<&mut Vec<u8>> {
        let content = self.content.get_mut()?;
        if self.place.is_some() {
            self.place = None;
        }
        Some(content)
    }

    /// Iterates over all entries that are packed here, deleted ones included.
    #[inline]
    #[must_use]
    pub fn iter(&self) -> Slots<'_> {
        Slots::new(self.bytes().unwrap_or_default(), self.first_id)
    }

    /// Iterates over the entries that are not deleted.
    #[inline]
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.iter().filter(|slot| !slot.deleted).map(|slot| slot.entry)
    }

    /// Returns the live entry `id`.
    pub(super) fn find(&self, id: EntryId) -> Option<Slot<'_>> {
        self.iter().find(|slot| slot.entry.id >= id).filter(|slot| slot.is_live(id))
    }

    /// Returns the greatest live id.
    pub(crate) fn last_live_id(&self) -> Option<EntryId> {
        self.entries().last().map(|entry| entry.id)
    }

    /// Counts an entry that was just packed at the end, for which Redis would need so many bytes.
    #[inline]
    pub(super) fn count_entry(&mut self, listpack_bytes: u32) {
        self.live += 1;
        self.slots += 1;
        self.listpack_bytes = self.listpack_bytes.saturating_add(listpack_bytes);
    }

    /// Deletes the entry `id`; returns how many entries went, 1 or 0.
    pub(super) fn remove(&mut self, id: EntryId) -> u32 {
        let found = self.find(id).map(|slot| (slot.start, slot.end));
        self.bury(found)
    }

    /// Deletes every entry up to and including `last`; returns how many went.
    pub(super) fn remove_through(&mut self, last: EntryId) -> u32 {
        let doomed = self.iter().take_while(|slot| slot.entry.id <= last);
        let spans: SmallVec<[(usize, usize); 16]> =
            doomed.filter(|slot| !slot.deleted).map(|slot| (slot.start, slot.end)).collect();
        self.bury(spans)
    }

    /// Sets the deleted bit of the live entries that lie at the given spans.
    fn bury(&mut self, spans: impl IntoIterator<Item = (usize, usize)>) -> u32 {
        let mut buried = 0;
        let mut dead_bytes = self.dead_bytes;
        for (start, end) in spans {
            if let Some(header) = self.bytes_mut().and_then(|bytes| bytes.get_mut(start)) {
                *header |= DELETED;
                let len = u32::try_from(end - start).unwrap_or(u32::MAX);
                dead_bytes = dead_bytes.saturating_add(len);
                buried += 1;
            }
        }
        self.dead_bytes = dead_bytes;
        self.live = self.live.saturating_sub(buried);
        buried
    }

    /// Returns whether packing the block anew would free enough to be worth it.
    pub(super) fn is_mostly_dead(&self) -> bool {
        let dead_slots = self.slots - self.live;
        let bytes = self.bytes().map_or(usize::MAX, <[u8]>::len);
        self.dead_bytes as usize > bytes / 2
            && (dead_slots >= DEAD_SLOTS_MIN || self.dead_bytes >= DEAD_BYTES_MIN)
    }

    /// Packs the block anew without the deleted entries.
    ///
    /// They stay counted in `slots` and in the size that Redis would need, so that the block is
    /// full when it would have been.
    pub(super) fn repack(&mut self) {
        let Some(bytes) = self.bytes() else { return };
        let live_bytes = bytes.len().saturating_sub(self.dead_bytes as usize);
        let mut packed = Self::new(self.first_id, live_bytes);
        let mut tail = Tail::new(self.first_id);
        for entry in self.entries() {
            let fields: SmallVec<[&[u8]; 32]> =
                entry.fields().flat_map(|(name, value)| [name, value]).collect();
            tail.push(&mut packed, entry.id, &fields);
        }
        let mut packed = packed.content.take().unwrap_or_default();
        packed.shrink_to_fit();
        if let Some(bytes) = self.bytes_mut() {
            *bytes = packed;
        }
        self.dead_bytes = 0;
    }
}

/// One entry of a block, deleted or not.
#[derive(Clone, Copy, Debug)]
pub struct Slot<'a> {
    /// The entry as it was added.
    pub entry: Entry<'a>,
    /// Whether the entry was deleted.
    pub deleted: bool,
    /// The offset of the entry's first byte, the header.
    pub(super) start: usize,
    /// The offset behind the entry's last byte.
    pub(super) end: usize,
}

impl Slot<'_> {
    /// Returns whether this is the entry `id` and not deleted.
    #[inline]
    pub(super) fn is_live(&self, id: EntryId) -> bool {
        self.entry.id == id && !self.deleted
    }
}

/// The entries of a block from front to back, deleted ones included.
///
/// Bytes that are no proper entry end the iteration.
#[derive(Clone, Debug)]
pub struct Slots<'a> {
    rest: &'a [u8],
    len: usize,
    last_id: EntryId,
    shape: Option<Shape<'a>>,
    shapes: SmallVec<[Shape<'a>; 2]>,
}

impl<'a> Slots<'a> {
    #[inline]
    pub(super) fn new(bytes: &'a [u8], first_id: EntryId) -> Self {
        Self {
            rest: bytes,
            len: bytes.len(),
            last_id: id_before_block(first_id),
            shape: None,
            shapes: SmallVec::new(),
        }
    }

    /// Goes on in the middle: at an entry that begins at `start`, behind one with the id `last_id` and
    /// the shape of this number, in a block whose shapes are defined at these offsets.
    pub(super) fn resumed(
        bytes: &'a [u8],
        start: usize,
        last_id: EntryId,
        shape_offsets: &[usize],
        shape: usize,
    ) -> Option<Self> {
        let mut shapes = SmallVec::new();
        for &offset in shape_offsets {
            shapes.push(Shape::read(&mut bytes.get(offset..)?, offset)?);
        }
        let shape = shapes.get(shape).copied();
        Some(Self { rest: bytes.get(start..)?, len: bytes.len(), last_id, shape, shapes })
    }

    /// Returns the id of the entry that was decoded last.
    pub(super) fn last_id(&self) -> EntryId {
        self.last_id
    }

    /// Returns where the shapes that were met so far are defined, in the order of their numbers.
    pub(super) fn shape_offsets(&self) -> impl Iterator<Item = usize> {
        self.shapes.iter().map(|shape| shape.offset)
    }

    /// Returns where the shape of the entry that was decoded last is defined.
    pub(super) fn shape_offset(&self) -> Option<usize> {
        self.shape.map(|shape| shape.offset)
    }

    #[inline]
    fn decode(&mut self) -> Option<Slot<'a>> {
        let start = self.len - self.rest.len();
        let (&header, mut rest) = self.rest.split_first()?;
        let ms_delta = match header >> DELTA_SHIFT {
            DELTA_FOLLOWS => varint::read(&mut rest)?,
            delta => u64::from(delta),
        };
        let ms = self.last_id.ms.checked_add(ms_delta)?;
        let seq = if header & SEQ_EXPLICIT != 0 {
            varint::read(&mut rest)?
        } else {
            implied_seq(self.last_id, ms_delta)
        };
        if header & SAME_SHAPE == 0 {
            self.shape = Some(self.read_shape(&mut rest)?);
        }
        let id = EntryId::new(ms, seq);
        let entry = Entry::read(&mut rest, id, self.shape?)?;
        self.last_id = id;
        self.rest = rest;
        Some(Slot { entry, deleted: header & DELETED != 0, start, end: self.len - rest.len() })
    }

    fn read_shape(&mut self, rest: &mut &'a [u8]) -> Option<Shape<'a>> {
        match varint::read_len(rest)?.checked_sub(1) {
            Some(number) => self.shapes.get(number).copied(),
            None => {
                let shape = Shape::read(rest, self.len - rest.len())?;
                self.shapes.push(shape);
                Some(shape)
            }
        }
    }
}

impl<'a> Iterator for Slots<'a> {
    type Item = Slot<'a>;

    #[inline]
    fn next(&mut self) -> Option<Slot<'a>> {
        let slot = self.decode();
        if slot.is_none() {
            self.rest = &[];
        }
        slot
    }
}

impl<'a> IntoIterator for &'a Block {
    type Item = Slot<'a>;
    type IntoIter = Slots<'a>;

    fn into_iter(self) -> Slots<'a> {
        self.iter()
    }
}

/// Returns the imaginary id on which the first entry of a block follows.
#[inline]
pub(super) fn id_before_block(first_id: EntryId) -> EntryId {
    EntryId::new(first_id.ms, first_id.seq.wrapping_sub(1))
}

/// Returns the sequence number of an entry that does not spell it out.
#[inline]
pub(super) fn implied_seq(last_id: EntryId, ms_delta: u64) -> u64 {
    if ms_delta == 0 { last_id.seq.wrapping_add(1) } else { 0 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;
    use proptest::prelude::*;

    fn block_of(entries: &[(u64, u64, &[&[u8]])]) -> Block {
        let first = EntryId::new(entries[0].0, entries[0].1);
        let (mut block, mut tail) = (Block::new(first, 0), Tail::new(first));
        for (ms, seq, fields) in entries {
            tail.push(&mut block, EntryId::new(*ms, *seq), fields);
        }
        block
    }

    fn len_of(block: &Block) -> usize {
        block.bytes().unwrap().len()
    }

    #[test]
    fn packs_as_documented() {
        let check = |entries: &[(u64, u64, &[&[u8]])], expect: &[u8]| {
            let block = block_of(entries);
            assert_eq!(block.bytes(), Some(expect));
            let ids: Vec<_> = block.entries().map(|entry| (entry.id.ms, entry.id.seq)).collect();
            assert_eq!(ids, entries.iter().map(|entry| (entry.0, entry.1)).collect::<Vec<_>>());
        };
        let (a, b): ([&[u8]; 2], [&[u8]; 2]) = ([b"a", b"7"], [b"b", b""]);
        check(&[(1000, 0, &a), (1005, 0, &[b"a", b"42"])], b"\0\0\x01\x01a\x017\x2c\x0242");
        // Delta 30 is the last to fit; an entry of the same millisecond counts on.
        check(
            &[(5, 9, &a), (5, 10, &a), (35, 0, &a), (66, 0, &a), (66, 7, &a)],
            b"\0\0\x01\x01a\x017\x04\x017\xf4\x017\xfc\x1f\x017\x06\x07\x017",
        );
        // Shapes are numbered as they are defined.
        check(
            &[(5, 0, &a), (5, 1, &b), (5, 2, &a)],
            b"\0\0\x01\x01a\x017\0\0\x01\x01b\0\0\x01\x017",
        );
        check(&[(5, 0, &[])], b"\0\0\0");
    }

    #[test]
    fn the_documents_entry_takes_20_bytes() {
        let fields: [&[u8]; 6] = [b"type", b"purchase", b"userId", b"123", b"amount", b"99.99"];
        let one = block_of(&[(1000, 0, &fields)]);
        let two = block_of(&[(1000, 0, &fields), (1007, 0, &fields)]);
        assert_eq!(len_of(&two) - len_of(&one), 20);
    }

    #[test]
    fn packs_anew_without_the_deleted() {
        let value = [b'v'; 10];
        let fields: [&[u8]; 2] = [b"name", &value];
        let all: Vec<(u64, u64, &[&[u8]])> = (0..20).map(|ms| (ms, 0, &fields[..])).collect();
        let mut block = block_of(&all);
        for ms in 0..10 {
            assert!(!block.is_mostly_dead(), "{ms}");
            assert_eq!(block.remove(EntryId::new(ms, 0)), 1);
            assert_eq!(block.remove(EntryId::new(ms, 0)), 0);
        }
        assert!(block.is_mostly_dead());
        let (listpack_bytes, len) = (block.listpack_bytes, len_of(&block));
        block.repack();
        assert!(len_of(&block) * 2 < len + 20, "{}", len_of(&block));
        assert_eq!((block.live, block.slots, block.dead_bytes), (10, 20, 0));
        assert_eq!(block.listpack_bytes, listpack_bytes);
        let ids: Vec<u64> = block.entries().map(|entry| entry.id.ms).collect();
        assert_eq!(ids, (10..20).collect::<Vec<_>>());
    }

    /// Reads all that there is to read and changes what can be changed.
    fn exhaust(bytes: Vec<u8>, first_id: EntryId) {
        let len = bytes.len();
        let numbers =
            BlockNumbers { first_id, live: 0, slots: 0, dead_bytes: 0, listpack_bytes: 0 };
        let mut block = Block::of(numbers, BlockContent::Resident(bytes));
        let mut slots = 0;
        for slot in &block {
            slots += 1;
            assert!(slot.start < slot.end && slot.end <= len);
            assert_eq!(slot.entry.fields().count(), slot.entry.field_count());
            assert!(slot.entry.byte_len() <= 2 * len);
        }
        assert!(slots <= len);
        Tail::of(&block).push(&mut block, EntryId::MAX, &[b"name", b"value"]);
        block.remove(EntryId::new(3, 0));
        block.remove_through(EntryId::new(6, 0));
        block.repack();
        assert!(block.iter().count() <= slots + 1);
    }

    proptest! {
        #[test]
        fn any_bytes_decode_to_something(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            ms: u64,
            seq: u64,
        ) {
            exhaust(bytes, EntryId::new(ms, seq));
        }

        #[test]
        fn spoilt_bytes_decode_to_something(
            spoilt in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let long = [b'x'; 200];
            let fields: [&[u8]; 6] = [b"type", b"purchase", b"", b"", b"long", &long];
            let all: Vec<(u64, u64, &[&[u8]])> = (0..12)
                .map(|n| (n * n * 5, n % 3, &fields[..2 * (1 + n as usize % 3)]))
                .collect();
            let mut bytes = block_of(&all).bytes().unwrap().to_vec();
            for (index, byte) in &spoilt {
                let index = index.index(bytes.len());
                bytes[index] ^= byte;
            }
            exhaust(bytes.clone(), EntryId::MIN);
            bytes.truncate(cut.index(bytes.len()));
            exhaust(bytes, EntryId::MIN);
        }
    }
}

//! `Tail`: what has to be known of a block to pack another entry at its end.
//!
//! Only the last block of a stream has one. It could be won back from the block's bytes at any time,
//! and is, when a block becomes the last one again.

use smallvec::SmallVec;

use super::block::{
    Block, DELTA_FOLLOWS, DELTA_SHIFT, SAME_SHAPE, SEQ_EXPLICIT, Slots, id_before_block,
    implied_seq,
};
use super::id::EntryId;
use super::{listpack, varint};

/// How many of the block's latest shapes are compared with a new entry. A shape that is found no
/// longer is defined once more, which costs bytes but never time.
const SHAPES_COMPARED: usize = 16;

/// The most shapes of a block of which the last entry is read without those before it, since all of them
/// have to be read again for it.
const SHAPES_READ_MAX: usize = 4;

/// The number of the shape before there is one.
const NO_SHAPE: u32 = u32::MAX;

/// The end of a block: the id, the shape and the known shapes that the next entry refers to.
#[derive(Clone, Debug)]
pub(super) struct Tail {
    last_id: EntryId,
    /// The number of the last entry's shape; no shape's number before there is an entry.
    shape: u32,
    /// Where each shape is defined: the offset of its field count.
    shapes: SmallVec<[usize; 2]>,
    /// Where the last entry begins.
    last_start: u32,
    /// The id of the entry before it, or the one just below the block's first.
    id_before_last: EntryId,
}

impl Tail {
    /// Returns the tail of an empty block.
    pub(super) fn new(first_id: EntryId) -> Self {
        let last_id = id_before_block(first_id);
        let (shapes, last_start, id_before_last) = (SmallVec::new(), 0, last_id);
        Self { last_id, shape: NO_SHAPE, shapes, last_start, id_before_last }
    }

    /// Returns the tail of `block`.
    pub(super) fn of(block: &Block) -> Self {
        let mut slots = block.iter();
        let (mut last_start, mut id_before_last) = (0, slots.last_id());
        let mut id = id_before_last;
        for slot in slots.by_ref() {
            (last_start, id_before_last) = (number(slot.start), id);
            id = slot.entry.id;
        }
        let shapes: SmallVec<[usize; 2]> = slots.shape_offsets().collect();
        let shape = slots.shape_offset();
        let shape =
            shapes.iter().position(|offset| Some(*offset) == shape).map_or(NO_SHAPE, number);
        Self { last_id: slots.last_id(), shape, shapes, last_start, id_before_last }
    }

    /// Returns the last entry of `block` alone, if nothing before it can be at `start` or behind:
    /// readers that wait for what comes need not walk through the block.
    #[inline]
    pub(super) fn last_slot<'a>(&self, block: &'a Block, start: EntryId) -> Option<Slots<'a>> {
        if start <= self.id_before_last || self.shapes.len() > SHAPES_READ_MAX {
            return None;
        }
        Slots::resumed(
            block.bytes()?,
            self.last_start as usize,
            self.id_before_last,
            &self.shapes,
            self.shape as usize,
        )
    }

    /// Returns the bytes on the heap that belong to the tail itself.
    pub(super) fn heap_bytes(&self) -> usize {
        if self.shapes.spilled() { self.shapes.capacity() * size_of::<usize>() } else { 0 }
    }

    /// Packs an entry at the end of `block`; `id` has to be greater than all ids there.
    pub(super) fn push(&mut self, block: &mut Block, id: EntryId, fields: &[&[u8]]) {
        let (pairs, _) = fields.as_chunks::<2>();
        let first_id = block.first_id();
        let Some(out) = block.bytes_mut() else { return };
        let start = number(out.len());
        let shape = self.find_shape(out, pairs);
        let listpack_bytes = self.listpack_bytes(first_id, id, pairs, shape);
        self.reserve(out, id, pairs, shape);
        self.put_head(out, id, shape);
        if shape.is_none() {
            self.define_shape(out, pairs);
        }
        for [_, value] in pairs {
            varint::put(out, value.len() as u64);
        }
        for [_, value] in pairs {
            out.extend_from_slice(value);
        }
        self.last_start = start;
        self.id_before_last = self.last_id;
        self.last_id = id;
        self.shape = number(shape.unwrap_or(self.shapes.len() - 1));
        block.count_entry(listpack_bytes);
    }

    /// Writes all that stands before the value lengths, except for the definition of a new shape.
    fn put_head(&self, out: &mut Vec<u8>, id: EntryId, shape: Option<usize>) {
        let ms_delta = id.ms.wrapping_sub(self.last_id.ms);
        let short_delta = u8::try_from(ms_delta).unwrap_or(DELTA_FOLLOWS).min(DELTA_FOLLOWS);
        let seq_flag = if self.implies_seq(id) { 0 } else { SEQ_EXPLICIT };
        let shape_flag = if shape == Some(self.shape as usize) { SAME_SHAPE } else { 0 };
        out.push(short_delta << DELTA_SHIFT | seq_flag | shape_flag);
        if short_delta == DELTA_FOLLOWS {
            varint::put(out, ms_delta);
        }
        if seq_flag != 0 {
            varint::put(out, id.seq);
        }
        if shape_flag == 0 {
            varint::put(out, shape.map_or(0, |number| number as u64 + 1));
        }
    }

    fn implies_seq(&self, id: EntryId) -> bool {
        implied_seq(self.last_id, id.ms.wrapping_sub(self.last_id.ms)) == id.seq
    }

    fn define_shape(&mut self, out: &mut Vec<u8>, pairs: &[[&[u8]; 2]]) {
        self.shapes.push(out.len());
        varint::put(out, pairs.len() as u64);
        for [name, _] in pairs {
            varint::put(out, name.len() as u64);
            out.extend_from_slice(name);
        }
    }

    /// Returns the number of a shape with the names of `pairs`.
    fn find_shape(&self, bytes: &[u8], pairs: &[[&[u8]; 2]]) -> Option<usize> {
        let latest = self.shapes.len().saturating_sub(SHAPES_COMPARED)..self.shapes.len();
        [self.shape as usize, 0].into_iter().chain(latest).find(|number| {
            let definition = self.shapes.get(*number).and_then(|offset| bytes.get(*offset..));
            definition.is_some_and(|definition| defines(definition, pairs))
        })
    }

    /// Makes room for an entry: exactly what a first entry needs, later in modest steps.
    fn reserve(&self, out: &mut Vec<u8>, id: EntryId, pairs: &[[&[u8]; 2]], shape: Option<usize>) {
        let text = |text: &[u8]| varint::width(text.len() as u64) + text.len();
        let values: usize = pairs.iter().map(|[_, value]| text(value)).sum();
        let shape = match shape {
            Some(number) if number == self.shape as usize => 0,
            Some(number) => varint::width(number as u64 + 1),
            None => {
                let names: usize = pairs.iter().map(|[name, _]| text(name)).sum();
                1 + varint::width(pairs.len() as u64) + names
            }
        };
        let seq = if self.implies_seq(id) { 0 } else { varint::width(id.seq) };
        let ms_delta = id.ms.wrapping_sub(self.last_id.ms);
        let ms = if ms_delta < u64::from(DELTA_FOLLOWS) { 0 } else { varint::width(ms_delta) };
        let needed = 1 + ms + seq + shape + values;
        if out.capacity() - out.len() < needed {
            out.reserve_exact(needed.max(out.len() / 2));
        }
    }

    /// Returns what an entry adds to the block's size in Redis; the block's first shape is the one
    /// that Redis calls the master's.
    fn listpack_bytes(
        &self,
        first_id: EntryId,
        id: EntryId,
        pairs: &[[&[u8]; 2]],
        shape: Option<usize>,
    ) -> u32 {
        let names = pairs.iter().map(|[name, _]| *name);
        let values = pairs.iter().map(|[_, value]| *value);
        let shape_bytes = match shape {
            Some(0) => 0,
            None if self.shapes.is_empty() => listpack::node_bytes(names),
            _ => listpack::names_bytes(names),
        };
        let bytes = shape_bytes + listpack::entry_bytes(first_id, id, values);
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

/// Returns whether a shape definition spells out the names of `pairs`.
#[inline]
fn defines(mut definition: &[u8], pairs: &[[&[u8]; 2]]) -> bool {
    varint::read_len(&mut definition) == Some(pairs.len())
        && pairs.iter().all(|[name, _]| varint::take_text(&mut definition) == Some(*name))
}

/// Returns a number as it is kept here. Blocks are far smaller than 4 GiB, as a node is in Redis.
fn number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(NO_SHAPE)
}

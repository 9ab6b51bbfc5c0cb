//! The rows of a pending list: a slab of 32-byte rows known by number.
//!
//! ```text
//! id.ms (8)  id.seq (8)  clock (8)  deliveries (4)  owner (4)
//! ```
//!
//! `clock` is the delivery time of an owned row, and the turn in the queue of an unowned one. Rows
//! lie in chunks of at most [`CHUNK_ROWS`], so that a growing list never copies itself. A removed
//! row becomes a hole, linked to the other holes both ways through its own bytes (the next hole in
//! the low half of `clock`, the previous one in the high half), and is filled again by the next
//! addition. A chunk of nothing but holes gives its memory back, and so do holes at the very end:
//! rows that leave in the order in which they came leave nothing behind. When they leave at random
//! and holes become too many, [`Rows::misplaced`] names a row that should move into one.

use std::mem;

use crate::stream::id::EntryId;

/// The most rows of one chunk.
const CHUNK_ROWS: usize = 256;

/// The owner of a row that nobody owns.
pub(crate) const UNOWNED: u32 = u32::MAX;

/// The "owner" of a hole.
const HOLE: u32 = u32::MAX - 1;

/// The end of the chain of holes.
const NONE: u32 = u32::MAX;

/// One pending entry.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Row {
    pub(crate) id: EntryId,
    pub(crate) clock: u64,
    pub(crate) deliveries: u32,
    pub(crate) owner: u32,
}

/// The order by age: unowned rows by their turn, then owned ones by their delivery time, then ids.
pub(super) type Age = (bool, u64, EntryId);

impl Row {
    const HOLE: Self = Self { id: EntryId::MIN, clock: 0, deliveries: 0, owner: HOLE };

    pub(super) fn age(&self) -> Age {
        (self.owner != UNOWNED, self.clock, self.id)
    }
}

#[derive(Clone, Debug, Default)]
struct Chunk {
    rows: Vec<Row>,
    holes: usize,
}

/// The slab.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    /// The last chunk is never empty and never ends with a hole. An empty one before it has given
    /// its memory back.
    chunks: Vec<Chunk>,
    /// Where the empty chunks are, among places that have fallen off the end since.
    empty_chunks: Vec<usize>,
    first_hole: u32,
    holes: usize,
    live: usize,
}

impl Rows {
    pub(super) const fn new() -> Self {
        Self { chunks: Vec::new(), empty_chunks: Vec::new(), first_hole: NONE, holes: 0, live: 0 }
    }

    /// The row with this number, which must be that of a live row.
    pub(super) fn get(&self, slot: u32) -> &Row {
        let slot = slot as usize;
        &self.chunks[slot / CHUNK_ROWS].rows[slot % CHUNK_ROWS]
    }

    /// The row with this number, which must be that of a live row.
    pub(super) fn get_mut(&mut self, slot: u32) -> &mut Row {
        let slot = slot as usize;
        &mut self.chunks[slot / CHUNK_ROWS].rows[slot % CHUNK_ROWS]
    }

    /// Stores a row: in a hole, or behind all others.
    pub(super) fn add(&mut self, row: Row) -> u32 {
        self.live += 1;
        if self.first_hole == NONE && self.chunks.last().is_none_or(is_full) {
            self.refill_empty_chunk();
        }
        let hole = self.first_hole;
        if hole == NONE {
            return self.push(row);
        }
        self.unlink(hole);
        *self.get_mut(hole) = row;
        hole
    }

    /// Makes a hole of a live row.
    pub(super) fn remove(&mut self, slot: u32) {
        self.live -= 1;
        self.link(slot);
        let at = slot as usize / CHUNK_ROWS;
        if at + 1 < self.chunks.len() && self.chunks[at].holes == CHUNK_ROWS {
            self.empty_chunk(at);
        }
        self.cut_holes_at_the_end();
    }

    /// The last row, if so many holes lie before it that it should move into one: more than an
    /// eighth of the live rows, and enough of them to fill a chunk.
    pub(super) fn misplaced(&self) -> Option<u32> {
        let last = self.chunks.last()?;
        let slot = number(self.chunks.len() - 1, last.rows.len() - 1);
        (self.holes > CHUNK_ROWS + self.live / 8).then_some(slot)
    }

    /// The ids of rows, as [`SlotIndex`](crate::stream::slot_index::SlotIndex) asks for them.
    pub(super) fn ids(&self) -> impl Fn(u32) -> EntryId + Copy {
        |slot| self.get(slot).id
    }

    /// The ages of rows.
    pub(super) fn ages(&self) -> impl Fn(u32) -> Age + Copy {
        |slot| self.get(slot).age()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let rows: usize = self.chunks.iter().map(|chunk| chunk.rows.capacity()).sum();
        rows * size_of::<Row>()
            + self.chunks.capacity() * size_of::<Chunk>()
            + self.empty_chunks.capacity() * size_of::<usize>()
    }

    /// Panics unless counts, chunks and the chain of holes agree.
    #[cfg(test)]
    pub(super) fn check_shape(&self) {
        let all = || self.chunks.iter().flat_map(|chunk| &chunk.rows);
        assert_eq!(all().filter(|row| row.owner == HOLE).count(), self.holes);
        assert_eq!(all().filter(|row| row.owner != HOLE).count(), self.live);
        let (mut count, mut before, mut slot) = (0, NONE, self.first_hole);
        while slot != NONE {
            assert_eq!((self.get(slot).owner, neighbours(self.get(slot).clock).0), (HOLE, before));
            (count, before, slot) = (count + 1, slot, neighbours(self.get(slot).clock).1);
        }
        assert_eq!(count, self.holes);
        assert!(self.holes <= CHUNK_ROWS + self.live / 8);
        for (at, chunk) in self.chunks.iter().enumerate() {
            let holes = chunk.rows.iter().filter(|row| row.owner == HOLE).count();
            assert_eq!(holes, chunk.holes);
            assert!(at + 1 == self.chunks.len() || [0, CHUNK_ROWS].contains(&chunk.rows.len()));
            assert_eq!(chunk.rows.is_empty(), chunk.rows.capacity() == 0);
            assert!(!chunk.rows.is_empty() || self.empty_chunks.contains(&at));
        }
        let last = self.chunks.last().map(|chunk| chunk.rows.last().map(|row| row.owner));
        assert!(last.is_none_or(|owner| owner.is_some_and(|owner| owner != HOLE)));
    }

    fn push(&mut self, row: Row) -> u32 {
        if self.chunks.last().is_none_or(is_full) {
            // The first chunk grows as it is needed, because most lists are short.
            let room = if self.chunks.is_empty() { 4 } else { CHUNK_ROWS };
            self.chunks.push(Chunk { rows: Vec::with_capacity(room), holes: 0 });
        }
        let at = self.chunks.len() - 1;
        let rows = &mut self.chunks[at].rows;
        rows.push(row);
        number(at, rows.len() - 1)
    }

    /// Gives an empty chunk, if there is one, its memory again: all holes, the first at the head.
    fn refill_empty_chunk(&mut self) {
        while let Some(at) = self.empty_chunks.pop() {
            if self.chunks.get(at).is_some_and(|chunk| chunk.rows.is_empty()) {
                self.chunks[at].rows = vec![Row::HOLE; CHUNK_ROWS];
                for slot in (0..CHUNK_ROWS).rev() {
                    self.link(number(at, slot));
                }
                return;
            }
        }
    }

    /// Gives back the memory of a chunk of nothing but holes.
    fn empty_chunk(&mut self, at: usize) {
        for slot in 0..CHUNK_ROWS {
            self.unlink(number(at, slot));
        }
        self.chunks[at].rows = Vec::new();
        self.empty_chunks.push(at);
    }

    fn cut_holes_at_the_end(&mut self) {
        while let Some(chunk) = self.chunks.last_mut() {
            match chunk.rows.last() {
                None => {
                    self.chunks.pop();
                    if self.chunks.len() < self.chunks.capacity() / 4 {
                        self.chunks.shrink_to(self.chunks.len() * 2);
                    }
                }
                Some(row) if row.owner == HOLE => {
                    let slot = chunk.rows.len() - 1;
                    self.unlink(number(self.chunks.len() - 1, slot));
                    self.chunks.last_mut().map(|chunk| chunk.rows.pop());
                }
                Some(_) => return,
            }
        }
        self.empty_chunks = Vec::new();
    }

    /// Makes a row a hole, the first in the chain.
    fn link(&mut self, slot: u32) {
        let next = mem::replace(&mut self.first_hole, slot);
        if next != NONE {
            let row = self.get_mut(next);
            row.clock = links(slot, neighbours(row.clock).1);
        }
        *self.get_mut(slot) = Row { clock: links(NONE, next), ..Row::HOLE };
        self.chunks[slot as usize / CHUNK_ROWS].holes += 1;
        self.holes += 1;
    }

    /// Takes a hole out of the chain.
    fn unlink(&mut self, hole: u32) {
        let (before, after) = neighbours(self.get(hole).clock);
        if before == NONE {
            self.first_hole = after;
        } else {
            let row = self.get_mut(before);
            row.clock = links(neighbours(row.clock).0, after);
        }
        if after != NONE {
            let row = self.get_mut(after);
            row.clock = links(before, neighbours(row.clock).1);
        }
        self.chunks[hole as usize / CHUNK_ROWS].holes -= 1;
        self.holes -= 1;
    }
}

const fn is_full(chunk: &Chunk) -> bool {
    chunk.rows.len() == CHUNK_ROWS
}

/// The clock of a hole between these two in the chain.
fn links(before: u32, after: u32) -> u64 {
    u64::from(before) << 32 | u64::from(after)
}

/// The holes before and after the one with this clock.
#[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
const fn neighbours(clock: u64) -> (u32, u32) {
    ((clock >> 32) as u32, clock as u32)
}

/// The number of a row; memory ends long before four billion rows.
#[expect(clippy::cast_possible_truncation, reason = "see above")]
const fn number(chunk: usize, row: usize) -> u32 {
    (chunk * CHUNK_ROWS + row) as u32
}

//! An ordered sequence of `u32` row numbers: the index over rows kept elsewhere.
//!
//! The index knows nothing of the rows. Whoever searches hands in a comparator that looks at the
//! row behind a number and says how it stands to the sought key. The numbers lie in chunks:
//!
//! ```text
//! chunks:  [ 7 3 9 .. 256 numbers ] [ 4 1 .. 200 numbers ] [ 8 ]
//!            ascending by the key of the row that each number names ->
//! ```
//!
//! A search halves the chunks by their last number and then the chunk itself. Appending fills the
//! last chunk to the brim before it starts another one, so sequences that only grow at the end (the
//! usual case: ids and delivery times ascend) cost little more than four bytes per number. A chunk
//! that gets a number in its middle while full is split in halves, and neighbours that have become
//! small are merged. No chunk keeps more than [`SPARE_MAX`] unused places.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::mem;

/// The most numbers that one chunk holds.
const CHUNK_MAX: usize = 256;

/// The most that two neighbours may hold together to become one. Less than a full chunk, so that
/// neither the next insertion splits it again nor the next removal merges what was just split.
const MERGE_MAX: usize = 192;

/// The most unused places that a chunk keeps.
const SPARE_MAX: usize = 64;

/// An ordered sequence of row numbers.
#[derive(Clone, Debug, Default)]
pub struct SlotIndex {
    /// No chunk is ever empty.
    chunks: VecDeque<Vec<u32>>,
    len: usize,
}

/// A position in a [`SlotIndex`]: of a number, or of a gap before which nothing matches.
///
/// It is good until the index changes.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Place {
    chunk: usize,
    at: usize,
}

impl SlotIndex {
    /// Creates an empty index, which allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { chunks: VecDeque::new(), len: 0 }
    }

    /// How many numbers there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no number.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first number.
    #[must_use]
    pub fn first(&self) -> Option<u32> {
        self.chunks.front()?.first().copied()
    }

    /// The last number.
    #[must_use]
    pub fn last(&self) -> Option<u32> {
        self.chunks.back()?.last().copied()
    }

    /// The number at `place`, if one is there.
    #[must_use]
    pub fn get(&self, place: Place) -> Option<u32> {
        self.chunks.get(place.chunk)?.get(place.at).copied()
    }

    /// The place of the first number.
    #[must_use]
    pub const fn start(&self) -> Place {
        Place { chunk: 0, at: 0 }
    }

    /// The place behind the last number.
    #[must_use]
    pub fn end(&self) -> Place {
        Place { chunk: self.chunks.len(), at: 0 }
    }

    /// Searches by `order`, which says how the row of a number stands to the sought key.
    ///
    /// # Errors
    ///
    /// The place where such a row would have to be inserted, if there is none.
    pub fn search(&self, order: impl Fn(u32) -> Ordering) -> Result<Place, Place> {
        let (Some(first), Some(last)) = (self.first(), self.last()) else {
            return Err(self.end());
        };
        // Most changes happen at the ends: new rows go behind the last, the oldest leave first.
        if order(last).is_lt() {
            return Err(self.end());
        }
        match order(first) {
            Ordering::Greater => return Err(self.start()),
            Ordering::Equal => return Ok(self.start()),
            Ordering::Less => {}
        }
        let is_before = |chunk: &Vec<u32>| chunk.last().is_some_and(|&slot| order(slot).is_lt());
        let chunk = self.chunks.partition_point(is_before);
        let Some(slots) = self.chunks.get(chunk) else {
            return Err(self.end());
        };
        match slots.binary_search_by(|&slot| order(slot)) {
            Ok(at) => Ok(Place { chunk, at }),
            Err(at) => Err(Place { chunk, at }),
        }
    }

    /// The place of the first number whose row is not before the sought key.
    pub fn lower_bound(&self, order: impl Fn(u32) -> Ordering) -> Place {
        self.search(order).unwrap_or_else(|place| place)
    }

    /// Inserts `slot` before what is at `place`.
    pub fn insert(&mut self, place: Place, slot: u32) {
        let Place { chunk, at } = self.roomy(place);
        if let Some(slots) = self.chunks.get_mut(chunk) {
            if slots.len() == slots.capacity() {
                let more = slots.len().clamp(4, SPARE_MAX);
                slots.reserve_exact(more.min(CHUNK_MAX - slots.len()));
            }
            slots.insert(at.min(slots.len()), slot);
            self.len += 1;
        }
    }

    /// Puts `slot` in the place of another number whose row has the same key.
    pub fn replace(&mut self, place: Place, slot: u32) {
        if let Some(old) = self.chunks.get_mut(place.chunk).and_then(|c| c.get_mut(place.at)) {
            *old = slot;
        }
    }

    /// Removes the number at `place`, if one is there.
    pub fn remove(&mut self, place: Place) -> Option<u32> {
        let slots = self.chunks.get_mut(place.chunk)?;
        if place.at >= slots.len() {
            return None;
        }
        let slot = slots.remove(place.at);
        self.len -= 1;
        self.tighten(place.chunk);
        Some(slot)
    }

    /// Forgets all numbers.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// All numbers from `place` to the end; reversed, from the end back to `place`.
    pub fn iter_from(&self, place: Place) -> impl DoubleEndedIterator<Item = u32> {
        let chunk = place.chunk.min(self.chunks.len());
        let head = self.chunks.get(chunk).and_then(|slots| slots.get(place.at..));
        let rest = self.chunks.range((chunk + 1).min(self.chunks.len())..);
        head.unwrap_or_default().iter().chain(rest.flatten()).copied()
    }

    /// All numbers before `place`; reversed, from just before `place` back to the start.
    pub fn iter_until(&self, place: Place) -> impl DoubleEndedIterator<Item = u32> {
        let chunk = place.chunk.min(self.chunks.len());
        let tail = self.chunks.get(chunk).and_then(|slots| slots.get(..place.at));
        self.chunks.range(..chunk).flatten().chain(tail.unwrap_or_default()).copied()
    }

    /// The bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let slots: usize = self.chunks.iter().map(Vec::capacity).sum();
        slots * size_of::<u32>() + self.chunks.capacity() * size_of::<Vec<u32>>()
    }

    /// Makes room for one more number at `place` and says where that room is.
    fn roomy(&mut self, place: Place) -> Place {
        let Place { chunk, at } = place;
        let room = |slots: &Vec<u32>| slots.len() < CHUNK_MAX;
        if at == 0 {
            let before = chunk.checked_sub(1).and_then(|before| self.chunks.get(before));
            if let Some(slots) = before.filter(|slots| room(slots)) {
                return Place { chunk: chunk - 1, at: slots.len() };
            }
            if !self.chunks.get(chunk).is_some_and(room) {
                self.insert_chunk(chunk, Vec::new());
            }
            return place;
        }
        match self.chunks.get_mut(chunk) {
            Some(slots) if !room(slots) => {
                let half = CHUNK_MAX / 2;
                let upper = slots.split_off(half);
                slots.shrink_to(half + SPARE_MAX / 2);
                self.insert_chunk(chunk + 1, upper);
                if at <= half { place } else { Place { chunk: chunk + 1, at: at - half } }
            }
            _ => place,
        }
    }

    /// Inserts a chunk; the first one alone, because many indexes never have a second.
    fn insert_chunk(&mut self, chunk: usize, slots: Vec<u32>) {
        if self.chunks.is_empty() {
            self.chunks.reserve_exact(1);
        }
        self.chunks.insert(chunk.min(self.chunks.len()), slots);
    }

    /// Drops, merges or shrinks the chunk that has just lost a number.
    fn tighten(&mut self, chunk: usize) {
        let len_of = |chunk: usize| self.chunks.get(chunk).map_or(CHUNK_MAX, Vec::len);
        let len = len_of(chunk);
        if len == 0 {
            self.remove_chunk(chunk);
        } else if len + len_of(chunk + 1) <= MERGE_MAX {
            self.merge_with_next(chunk);
        } else if chunk > 0 && len_of(chunk - 1) + len <= MERGE_MAX {
            self.merge_with_next(chunk - 1);
        } else if let Some(slots) = self.chunks.get_mut(chunk)
            && slots.capacity() - len > SPARE_MAX
        {
            slots.shrink_to(len + SPARE_MAX / 2);
        }
    }

    fn merge_with_next(&mut self, chunk: usize) {
        let next = self.chunks.get_mut(chunk + 1).map(mem::take).unwrap_or_default();
        if let Some(slots) = self.chunks.get_mut(chunk) {
            slots.reserve_exact(next.len());
            slots.extend_from_slice(&next);
            slots.shrink_to(slots.len() + SPARE_MAX / 2);
        }
        self.remove_chunk(chunk + 1);
    }

    fn remove_chunk(&mut self, chunk: usize) {
        self.chunks.remove(chunk);
        if self.chunks.len() < self.chunks.capacity() / 4 {
            self.chunks.shrink_to(self.chunks.len() * 2);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    /// Numbers that are their own keys.
    fn index_of(keys: impl IntoIterator<Item = u32>) -> SlotIndex {
        let mut index = SlotIndex::new();
        for key in keys {
            let place = index.search(|slot| slot.cmp(&key)).unwrap_err();
            index.insert(place, key);
        }
        index
    }

    fn check_shape(index: &SlotIndex) {
        assert_eq!(index.chunks.iter().map(Vec::len).sum::<usize>(), index.len());
        for slots in &index.chunks {
            assert!(!slots.is_empty() && slots.len() <= CHUNK_MAX);
            assert!(slots.capacity() - slots.len() <= SPARE_MAX, "{}", slots.capacity());
        }
    }

    #[test]
    fn ascending_insertions_fill_the_chunks() {
        let index = index_of(0..100_000);
        assert_eq!(index.chunks.len(), 100_000_usize.div_ceil(CHUNK_MAX));
        assert!(index.heap_bytes() < 430_000, "{}", index.heap_bytes());
        check_shape(&index);
    }

    #[test]
    fn descending_insertions_keep_the_order() {
        let index = index_of((0..5_000).rev());
        assert!(index.iter_from(index.start()).eq(0..5_000));
        check_shape(&index);
    }

    #[test]
    fn removal_from_the_front_gives_the_memory_back() {
        let mut index = index_of(0..50_000);
        for key in 0..50_000 {
            assert_eq!(index.remove(index.start()), Some(key));
        }
        assert!(index.is_empty());
        assert!(index.heap_bytes() <= 4 * size_of::<Vec<u32>>(), "{}", index.heap_bytes());
    }

    #[test]
    fn an_empty_index_answers() {
        let mut index = SlotIndex::new();
        assert_eq!((index.first(), index.last(), index.get(index.start())), (None, None, None));
        assert_eq!(index.remove(index.start()), None);
        assert_eq!(index.iter_from(index.start()).count(), 0);
        assert_eq!(index.iter_until(index.end()).count(), 0);
        assert_eq!(index.search(|_| Ordering::Less), Err(index.end()));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u32),
        Remove(u32),
        RemoveFirst,
        Append(u32),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0..4_000_u32).prop_map(Step::Insert),
            3 => (0..4_000_u32).prop_map(Step::Remove),
            1 => Just(Step::RemoveFirst),
            2 => (1..5_u32).prop_map(Step::Append),
        ]
    }

    fn compare(index: &SlotIndex, model: &[u32], probe: u32) {
        check_shape(index);
        assert_eq!((index.first(), index.last()), (model.first().copied(), model.last().copied()));
        let at = model.partition_point(|&key| key < probe);
        let place = index.lower_bound(|slot| slot.cmp(&probe));
        assert_eq!(index.search(|slot| slot.cmp(&probe)).is_ok(), model.get(at) == Some(&probe));
        assert!(index.iter_from(place).eq(model[at..].iter().copied()));
        assert!(index.iter_from(place).rev().eq(model[at..].iter().rev().copied()));
        assert!(index.iter_until(place).eq(model[..at].iter().copied()));
        assert!(index.iter_until(place).rev().eq(model[..at].iter().rev().copied()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn behaves_like_a_sorted_vector(
            start in 0..3_000_u32,
            steps in prop::collection::vec(step(), 1..600),
            probes in prop::collection::vec(0..4_200_u32, 600),
        ) {
            let mut model: Vec<u32> = (0..start).collect();
            let mut index = index_of(0..start);
            for (step, probe) in steps.into_iter().zip(probes) {
                let key = match step {
                    Step::Insert(key) | Step::Remove(key) => key,
                    Step::RemoveFirst => model.first().copied().unwrap_or(0),
                    Step::Append(gap) => model.last().copied().unwrap_or(0) + gap,
                };
                let found = index.search(|slot| slot.cmp(&key));
                match (step, found) {
                    (Step::Insert(_) | Step::Append(_), Err(place)) => {
                        index.insert(place, key);
                        model.insert(model.partition_point(|&k| k < key), key);
                    }
                    (Step::Remove(_) | Step::RemoveFirst, Ok(place)) => {
                        prop_assert_eq!(index.remove(place), Some(key));
                        model.retain(|&k| k != key);
                    }
                    (_, Ok(place)) => prop_assert_eq!(index.get(place), Some(key)),
                    (_, Err(_)) => prop_assert!(!model.contains(&key)),
                }
                compare(&index, &model, probe);
            }
        }
    }
}

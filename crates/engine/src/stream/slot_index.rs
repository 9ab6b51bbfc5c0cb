//! An ordered sequence of `u32` row numbers: the index over rows kept elsewhere.
//!
//! The index knows nothing of the rows. Whoever searches hands in the sought key and a function
//! that reads the key of the row behind a number. The numbers lie in chunks, each with a floor: a
//! key that none of its rows is below, and that all rows of the chunks before it are below.
//!
//! ```text
//! floor 10                   floor 700                  floor 950
//! [ 7 3 9 .. 256 numbers ]   [ 4 1 .. 200 numbers ]     [ 8 ]
//!   ascending by the key of the row that each number names ->
//! ```
//!
//! A search halves the floors, which lie side by side, and looks at rows only within one chunk.
//! Changes mostly come in runs, so the index keeps a finger on the last one, and what follows on it
//! is found at once. Appending fills the last chunk to the brim before it starts another one, so
//! sequences that only grow at the end (the usual case: ids and delivery times ascend) cost little
//! more than four bytes per number. A chunk that gets a number in its middle while full is split in
//! halves, or, in a run of insertions, where the run goes on, so that the run leaves full chunks
//! behind. Neighbours that have become small are merged. No chunk keeps more than [`SPARE_MAX`]
//! unused places.

use std::collections::VecDeque;
use std::mem;

/// The most numbers that one chunk holds.
const CHUNK_MAX: usize = 256;

/// The most that two neighbours may hold together to become one. Less than a full chunk, so that
/// neither the next insertion splits it again nor the next removal merges what was just split.
const MERGE_MAX: usize = 192;

/// The most unused places that a chunk keeps.
const SPARE_MAX: usize = 64;

/// An ordered sequence of row numbers, whose rows have keys `K`, no two the same.
#[derive(Clone, Debug)]
pub struct SlotIndex<K> {
    /// No chunk is ever empty. The floors ascend.
    chunks: VecDeque<Chunk<K>>,
    len: usize,
    /// Where the last change was, unless it was at the end: a guess where the next one is.
    finger: Place,
}

#[derive(Clone, Debug)]
struct Chunk<K> {
    /// Removals leave it as it is. A key below the first floor belongs into the first chunk.
    floor: K,
    slots: Vec<u32>,
}

/// A position in a [`SlotIndex`]: of a number, or of a gap, which may be the end of a chunk.
///
/// It is good until the index changes.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Place {
    chunk: usize,
    at: usize,
}

impl Place {
    /// The place of the first number.
    pub const START: Self = Self { chunk: 0, at: 0 };
}

impl<K> Default for SlotIndex<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K> SlotIndex<K> {
    /// Creates an empty index, which allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { chunks: VecDeque::new(), len: 0, finger: Place::START }
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
        self.chunks.front()?.slots.first().copied()
    }

    /// The last number.
    #[must_use]
    pub fn last(&self) -> Option<u32> {
        self.chunks.back()?.slots.last().copied()
    }

    /// The number at `place`, if one is there.
    #[must_use]
    pub fn get(&self, place: Place) -> Option<u32> {
        self.chunks.get(place.chunk)?.slots.get(place.at).copied()
    }

    /// The place behind the last number.
    #[must_use]
    pub fn end(&self) -> Place {
        Place { chunk: self.chunks.len(), at: 0 }
    }

    /// Puts `slot` in the place of another number whose row has the same key.
    pub fn replace(&mut self, place: Place, slot: u32) {
        let slots = self.chunks.get_mut(place.chunk).map(|chunk| &mut chunk.slots);
        if let Some(old) = slots.and_then(|slots| slots.get_mut(place.at)) {
            *old = slot;
        }
    }

    /// Removes the number at `place`, if one is there.
    pub fn remove(&mut self, place: Place) -> Option<u32> {
        let slots = &mut self.chunks.get_mut(place.chunk)?.slots;
        if place.at >= slots.len() {
            return None;
        }
        let slot = slots.remove(place.at);
        self.len -= 1;
        self.finger = place;
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
        let head = self.chunks.get(chunk).and_then(|chunk| chunk.slots.get(place.at..));
        let rest = self.chunks.range((chunk + 1).min(self.chunks.len())..);
        head.unwrap_or_default().iter().chain(rest.flat_map(|chunk| &chunk.slots)).copied()
    }

    /// The bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let slots: usize = self.chunks.iter().map(|chunk| chunk.slots.capacity()).sum();
        slots * size_of::<u32>() + self.chunks.capacity() * size_of::<Chunk<K>>()
    }

    /// Inserts a chunk; the first one alone, because many indexes never have a second.
    fn insert_chunk(&mut self, chunk: usize, floor: K, slots: Vec<u32>) {
        if self.chunks.is_empty() {
            self.chunks.reserve_exact(1);
        }
        self.chunks.insert(chunk.min(self.chunks.len()), Chunk { floor, slots });
    }

    fn len_of(&self, chunk: usize) -> Option<usize> {
        self.chunks.get(chunk).map(|chunk| chunk.slots.len())
    }

    /// Drops, merges or shrinks the chunk that has just lost a number.
    fn tighten(&mut self, chunk: usize) {
        let len_of = |chunk: usize| self.len_of(chunk).unwrap_or(CHUNK_MAX);
        let len = len_of(chunk);
        if len == 0 {
            self.remove_chunk(chunk);
        } else if len + len_of(chunk + 1) <= MERGE_MAX {
            self.merge_with_next(chunk);
        } else if chunk > 0 && len_of(chunk - 1) + len <= MERGE_MAX {
            self.merge_with_next(chunk - 1);
        } else if let Some(Chunk { slots, .. }) = self.chunks.get_mut(chunk)
            && slots.capacity() - len > SPARE_MAX
        {
            slots.shrink_to(len + SPARE_MAX / 2);
        }
    }

    fn merge_with_next(&mut self, chunk: usize) {
        let next = self.chunks.get_mut(chunk + 1).map(|next| mem::take(&mut next.slots));
        let next = next.unwrap_or_default();
        if let Some(Chunk { slots, .. }) = self.chunks.get_mut(chunk) {
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

impl<K: Copy + Ord> SlotIndex<K> {
    /// Searches for the row with this key.
    ///
    /// # Errors
    ///
    /// The place where it would have to be inserted, if there is none.
    #[inline]
    pub fn search(&self, key: K, key_of: impl Fn(u32) -> K) -> Result<Place, Place> {
        match self.last() {
            Some(last) if key_of(last) >= key => self.search_inside(key, key_of),
            _ => Err(self.end()),
        }
    }

    /// Searches as [`search`](Self::search) does, the faster the nearer the row is to `near`, which
    /// can be any place, also of an index that has changed since.
    #[inline]
    pub fn search_near(
        &self,
        near: Place,
        key: K,
        key_of: impl Fn(u32) -> K,
    ) -> Result<Place, Place> {
        match self.last() {
            Some(last) if key_of(last) >= key => {}
            _ => return Err(self.end()),
        }
        match self.chunks.get(near.chunk) {
            Some(chunk) if self.belongs_into(near.chunk, key) => {
                let range = bounds_near(&chunk.slots, near.at, |slot| key_of(slot) < key);
                self.search_chunk(near.chunk, range, key, key_of)
            }
            _ => self.search_inside(key, key_of),
        }
    }

    /// Searches near the last change for the place of the next one.
    ///
    /// # Errors
    ///
    /// The place where the row would have to be inserted, if there is none.
    #[inline]
    pub fn seek(&mut self, key: K, key_of: impl Fn(u32) -> K) -> Result<Place, Place> {
        let found = self.search_near(self.finger, key, key_of);
        if let Ok(place) = found {
            self.finger = place;
        }
        found
    }

    /// The place of the first number whose row is not below the key, or a gap right before it.
    pub fn lower_bound(&self, key: K, key_of: impl Fn(u32) -> K) -> Place {
        self.search(key, key_of).unwrap_or_else(|place| place)
    }

    /// Inserts `slot` before what is at `place`, which a search for the key of its row has found.
    pub fn insert(&mut self, place: Place, slot: u32, key_of: impl Fn(u32) -> K) {
        let is_end = place == self.end();
        let Place { chunk, at } = self.roomy(place, key_of(slot), key_of);
        if let Some(Chunk { slots, .. }) = self.chunks.get_mut(chunk) {
            if slots.len() == slots.capacity() {
                let more = slots.len().clamp(4, SPARE_MAX);
                slots.reserve_exact(more.min(CHUNK_MAX - slots.len()));
            }
            slots.insert(at.min(slots.len()), slot);
            self.len += 1;
        }
        if !is_end {
            self.finger = Place { chunk, at: at + 1 };
        }
    }

    /// Searches for a key that is not above all others.
    #[inline]
    fn search_inside(&self, key: K, key_of: impl Fn(u32) -> K) -> Result<Place, Place> {
        let chunk = self.chunks.partition_point(|chunk| chunk.floor <= key).saturating_sub(1);
        let len = self.len_of(chunk).unwrap_or_default();
        self.search_chunk(chunk, (0, len), key, key_of)
    }

    /// Searches in a part of a chunk: from its first number up to before its second.
    #[inline]
    fn search_chunk(
        &self,
        chunk: usize,
        (from, until): (usize, usize),
        key: K,
        key_of: impl Fn(u32) -> K,
    ) -> Result<Place, Place> {
        let slots = self.chunks.get(chunk).and_then(|chunk| chunk.slots.get(from..until));
        match slots.unwrap_or_default().binary_search_by(|&slot| key_of(slot).cmp(&key)) {
            Ok(at) => Ok(Place { chunk, at: from + at }),
            Err(at) => Err(Place { chunk, at: from + at }),
        }
    }

    /// Whether a row with this key can be in no other chunk.
    fn belongs_into(&self, chunk: usize, key: K) -> bool {
        let reaches = |chunk: usize| self.chunks.get(chunk).is_some_and(|it| it.floor <= key);
        (chunk == 0 || reaches(chunk)) && !reaches(chunk + 1)
    }

    /// Makes room for one more number at `place` and says where that room is.
    fn roomy(&mut self, place: Place, key: K, key_of: impl Fn(u32) -> K) -> Place {
        let Some(last) = self.chunks.len().checked_sub(1) else {
            self.insert_chunk(0, key, Vec::new());
            return Place::START;
        };
        let chunk = place.chunk.min(last);
        let at = if place.chunk > last { CHUNK_MAX } else { place.at };
        let continues_run = place == self.finger;
        let next_has_room = self.len_of(chunk + 1).is_some_and(|len| len < CHUNK_MAX);
        let Some(Chunk { floor, slots }) = self.chunks.get_mut(chunk) else { return place };
        let at = at.min(slots.len());
        let lowest = key.min(*floor);
        if slots.len() < CHUNK_MAX {
            *floor = lowest;
            return Place { chunk, at };
        }
        let first_of = |slots: &[u32]| slots.first().map_or(key, |&slot| key_of(slot));
        match at {
            0 => {
                *floor = first_of(slots);
                self.insert_chunk(chunk, lowest, Vec::new());
                Place { chunk, at }
            }
            CHUNK_MAX => {
                match self.chunks.get_mut(chunk + 1).filter(|_| next_has_room) {
                    Some(next) => next.floor = key,
                    None => self.insert_chunk(chunk + 1, key, Vec::new()),
                }
                Place { chunk: chunk + 1, at: 0 }
            }
            _ => {
                let half = CHUNK_MAX / 2;
                let keep = if continues_run { at.max(half) } else { half };
                let upper = slots.split_off(keep);
                slots.shrink_to(keep + SPARE_MAX / 2);
                self.insert_chunk(chunk + 1, first_of(&upper), upper);
                if at <= keep {
                    Place { chunk, at }
                } else {
                    Place { chunk: chunk + 1, at: at - keep }
                }
            }
        }
    }
}

/// Narrows down where in a chunk the first number is that is not below the sought key: from the
/// first place returned up to and including the second. Asks little if it is near `near`.
#[inline]
fn bounds_near(slots: &[u32], near: usize, is_below: impl Fn(u32) -> bool) -> (usize, usize) {
    let is_below_at = |at: usize| slots.get(at).is_some_and(|&slot| is_below(slot));
    let near = near.min(slots.len());
    if !is_below_at(near) {
        let from = if near.checked_sub(1).is_none_or(is_below_at) { near } else { 0 };
        return (from, (near + 1).min(slots.len()));
    }
    let (mut from, mut step) = (near + 1, 1);
    while is_below_at(from + step - 1) {
        from += step;
        step *= 2;
    }
    (from, (from + step).min(slots.len()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    /// Numbers are their own keys.
    fn own_key(slot: u32) -> u32 {
        slot
    }

    fn index_of(keys: impl IntoIterator<Item = u32>) -> SlotIndex<u32> {
        let mut index = SlotIndex::new();
        for key in keys {
            let place = index.seek(key, own_key).unwrap_err();
            index.insert(place, key, own_key);
        }
        index
    }

    fn check_shape(index: &SlotIndex<u32>) {
        assert_eq!(index.chunks.iter().map(|chunk| chunk.slots.len()).sum::<usize>(), index.len());
        for Chunk { slots, .. } in &index.chunks {
            assert!(!slots.is_empty() && slots.len() <= CHUNK_MAX);
            assert!(slots.capacity() - slots.len() <= SPARE_MAX, "{}", slots.capacity());
        }
        for (before, after) in index.chunks.iter().zip(index.chunks.iter().skip(1)) {
            assert!(before.slots.iter().all(|&key| key < after.floor));
            assert!(after.slots.iter().all(|&key| key >= after.floor));
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
        assert!(index.iter_from(Place::START).eq(0..5_000));
        check_shape(&index);
    }

    #[test]
    fn ascending_insertions_before_others_fill_the_chunks() {
        let index = index_of([200_000, 200_001].into_iter().chain(0..100_000));
        assert!(index.chunks.len() <= 100_000 / CHUNK_MAX + 2, "{}", index.chunks.len());
        check_shape(&index);
    }

    #[test]
    fn removal_from_the_front_gives_the_memory_back() {
        let mut index = index_of(0..50_000);
        for key in 0..50_000 {
            assert_eq!(index.remove(Place::START), Some(key));
        }
        assert!(index.is_empty());
        assert!(index.heap_bytes() <= 4 * size_of::<Chunk<u32>>(), "{}", index.heap_bytes());
    }

    #[test]
    fn an_empty_index_answers() {
        let mut index = SlotIndex::<u32>::new();
        check_shape(&index);
        assert_eq!((index.first(), index.last(), index.get(Place::START)), (None, None, None));
        assert_eq!(index.remove(Place::START), None);
        assert_eq!(index.iter_from(Place::START).count(), 0);
        assert_eq!(index.search(7, own_key), Err(index.end()));
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

    fn compare(index: &SlotIndex<u32>, model: &[u32], probe: u32) {
        check_shape(index);
        let near = Place { chunk: probe as usize % 9, at: probe as usize % 300 };
        assert_eq!(index.search_near(near, probe, own_key), index.search(probe, own_key));
        assert_eq!((index.first(), index.last()), (model.first().copied(), model.last().copied()));
        let at = model.partition_point(|&key| key < probe);
        let place = index.lower_bound(probe, own_key);
        assert_eq!(index.search(probe, own_key).is_ok(), model.get(at) == Some(&probe));
        assert!(index.iter_from(place).eq(model[at..].iter().copied()));
        assert!(index.iter_from(place).rev().eq(model[at..].iter().rev().copied()));
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
                let found = index.seek(key, own_key);
                match (step, found) {
                    (Step::Insert(_) | Step::Append(_), Err(place)) => {
                        index.insert(place, key, own_key);
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

//! The table of one database's keys within one shard.
//!
//! Extendible hashing: a directory over the leading bits of the hash points to small hash tables
//! that split when they are full.
//! A table therefore never pauses to move all of its keys, and a scan's position is a place in the
//! order of hashes, which no split can disturb: a key that is there throughout a scan is returned.
//!
//! ```text
//! hash: | shard bits | directory bits (depth) | ...            |
//! directory[i] -> bucket, of which several neighbours may share one (its own depth is smaller)
//! ```

use std::ops::ControlFlow;

use hashbrown::HashTable;

use crate::key::{KeyHash, SHARD_BITS};
use crate::value::Entry;

/// A bucket splits when it holds this many keys.
const BUCKET_KEYS_MAX: usize = 192;
/// Beyond this depth a bucket only grows; reached only by keys whose hashes are alike.
const DEPTH_MAX: u32 = 36;

/// A set of entries, found by key.
#[derive(Debug, Default)]
pub(crate) struct KeyTable {
    depth: u32,
    directory: Vec<u32>,
    buckets: Vec<Bucket>,
    len: usize,
}

#[derive(Debug, Default)]
struct Bucket {
    depth: u32,
    entries: HashTable<Entry>,
}

/// Where a scan goes on: a place in the order of hashes, shard bits left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScanPosition(pub(crate) u64);

impl KeyTable {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, hash: KeyHash, key: &[u8]) -> Option<&Entry> {
        self.bucket(hash)?.entries.find(spread(hash), |entry| *entry.key == *key)
    }

    pub(crate) fn get_mut(&mut self, hash: KeyHash, key: &[u8]) -> Option<&mut Entry> {
        let bucket = self.bucket_mut(hash)?;
        bucket.entries.find_mut(spread(hash), |entry| *entry.key == *key)
    }

    /// Inserts an entry whose key is not there yet and returns its place.
    pub(crate) fn insert(&mut self, entry: Entry) -> &mut Entry {
        if self.buckets.is_empty() {
            self.buckets.push(Bucket::default());
            self.directory.push(0);
        }
        let hash = entry.hash;
        while self.is_full(hash) {
            self.split(hash);
        }
        self.len += 1;
        let slot = self.slot(hash);
        let bucket = &mut self.buckets[slot];
        bucket.entries.insert_unique(spread(hash), entry, |entry| spread(entry.hash)).into_mut()
    }

    pub(crate) fn remove(&mut self, hash: KeyHash, key: &[u8]) -> Option<Entry> {
        let bucket = self.bucket_mut(hash)?;
        let found = bucket.entries.find_entry(spread(hash), |entry| *entry.key == *key).ok()?;
        let (entry, _) = found.remove();
        self.len -= 1;
        Some(entry)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.buckets.iter().flat_map(|bucket| bucket.entries.iter())
    }

    /// Visits one bucket's entries and returns where the scan goes on, `None` at the end.
    pub(crate) fn scan(
        &self,
        from: ScanPosition,
        mut visit: impl FnMut(&Entry),
    ) -> Option<ScanPosition> {
        let index = leading_bits(from.0, self.depth);
        let bucket = &self.buckets[*self.directory.get(index)? as usize];
        bucket.entries.iter().for_each(&mut visit);
        after_bucket(from, bucket.depth)
    }

    /// Visits one bucket's entries for changing them and returns where the scan goes on, `None` at
    /// the end. A visit that breaks ends it in the middle of the bucket, which is returned again.
    pub(crate) fn scan_mut(
        &mut self,
        from: ScanPosition,
        visit: impl FnMut(&mut Entry) -> ControlFlow<()>,
    ) -> Option<ScanPosition> {
        let index = leading_bits(from.0, self.depth);
        let bucket = &mut self.buckets[*self.directory.get(index)? as usize];
        if bucket.entries.iter_mut().try_for_each(visit).is_break() {
            return Some(from);
        }
        after_bucket(from, bucket.depth)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.buckets.iter_mut().flat_map(|bucket| bucket.entries.iter_mut())
    }

    fn slot(&self, hash: KeyHash) -> usize {
        self.directory[leading_bits(hash.0 << SHARD_BITS, self.depth)] as usize
    }

    fn bucket(&self, hash: KeyHash) -> Option<&Bucket> {
        if self.buckets.is_empty() { None } else { Some(&self.buckets[self.slot(hash)]) }
    }

    fn bucket_mut(&mut self, hash: KeyHash) -> Option<&mut Bucket> {
        if self.buckets.is_empty() {
            return None;
        }
        let slot = self.slot(hash);
        Some(&mut self.buckets[slot])
    }

    fn is_full(&self, hash: KeyHash) -> bool {
        let bucket = &self.buckets[self.slot(hash)];
        bucket.entries.len() >= BUCKET_KEYS_MAX && bucket.depth < DEPTH_MAX
    }

    /// Splits the bucket that this hash falls into in two.
    fn split(&mut self, hash: KeyHash) {
        let slot = self.slot(hash);
        if self.buckets[slot].depth == self.depth {
            self.directory = self.directory.iter().flat_map(|&slot| [slot, slot]).collect();
            self.depth += 1;
        }
        let depth = self.buckets[slot].depth + 1;
        let old = std::mem::take(&mut self.buckets[slot].entries);
        let mut halves = [HashTable::new(), HashTable::new()];
        for entry in old {
            let bit = leading_bits(entry.hash.0 << SHARD_BITS, depth) & 1;
            halves[bit].insert_unique(spread(entry.hash), entry, |entry| spread(entry.hash));
        }
        let [low, high] = halves;
        self.buckets[slot] = Bucket { depth, entries: low };
        let high_slot = self.buckets.len() as u32;
        self.buckets.push(Bucket { depth, entries: high });
        let span = 1usize << (self.depth - depth);
        let low_prefix = leading_bits(hash.0 << SHARD_BITS, depth) & !1;
        let high_start = (low_prefix | 1) * span;
        self.directory[high_start..high_start + span].fill(high_slot);
    }
}

/// Returns where the next bucket begins, behind one of this depth.
fn after_bucket(from: ScanPosition, depth: u32) -> Option<ScanPosition> {
    let next_prefix = leading_bits(from.0, depth) as u64 + 1;
    let next = next_prefix.checked_shl(u64::BITS - depth)?;
    (next_prefix >> depth == 0).then_some(ScanPosition(next))
}

/// The leading bits of a number, as a number.
fn leading_bits(number: u64, bits: u32) -> usize {
    number.checked_shr(u64::BITS - bits).unwrap_or(0) as usize
}

/// The hash as the small tables see it: the leading bits are alike within a bucket, and it is the
/// leading bits that they tell entries apart by.
fn spread(hash: KeyHash) -> u64 {
    hash.0.rotate_left(32)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::collections::HashSet;

    use super::*;
    use crate::value::Value;

    fn entry(number: u64) -> Entry {
        // A multiplicative hash with the shard bits left at zero, as all keys share the shard.
        let hash = KeyHash(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> SHARD_BITS);
        Entry::new(hash, &number.to_le_bytes(), Value::String(Vec::new()))
    }

    fn scan_all(table: &KeyTable, mut between: impl FnMut()) -> Vec<Vec<u8>> {
        let mut seen = Vec::new();
        let mut position = Some(ScanPosition(0));
        while let Some(from) = position {
            position = table.scan(from, |entry| seen.push(entry.key.to_vec()));
            between();
        }
        seen
    }

    #[test]
    fn keys_are_found_until_they_are_removed() {
        let mut table = KeyTable::default();
        for number in 0..20_000 {
            table.insert(entry(number));
        }
        assert_eq!(table.len(), 20_000);
        for number in (0..20_000).step_by(2) {
            assert!(table.remove(entry(number).hash, &number.to_le_bytes()).is_some());
        }
        for number in 0..20_000 {
            let found = table.get(entry(number).hash, &number.to_le_bytes());
            assert_eq!(found.is_some(), number % 2 == 1, "{number}");
        }
        assert_eq!(table.iter().count(), 10_000);
    }

    #[test]
    fn a_scan_sees_each_key_once() {
        let mut table = KeyTable::default();
        assert_eq!(scan_all(&table, || ()).len(), 0);
        for number in 0..5_000 {
            table.insert(entry(number));
        }
        let seen = scan_all(&table, || ());
        assert_eq!(seen.len(), 5_000);
        assert_eq!(seen.into_iter().collect::<HashSet<_>>().len(), 5_000);
    }

    #[test]
    fn a_scan_misses_no_key_while_the_table_grows() {
        let mut table = KeyTable::default();
        for number in 0..1_000 {
            table.insert(entry(number));
        }
        let mut seen = HashSet::new();
        let mut position = Some(ScanPosition(0));
        let mut next = 1_000;
        while let Some(from) = position {
            position = table.scan(from, |entry| {
                seen.insert(entry.key.to_vec());
            });
            for _ in 0..500 {
                table.insert(entry(next));
                next += 1;
            }
        }
        for number in 0..1_000u64 {
            assert!(seen.contains(number.to_le_bytes().as_slice()), "{number}");
        }
    }
}

//! Idempotent production: which attempts of which producer already became entries.
//!
//! A producer names each attempt to add an entry with an id of its own. For each producer of a
//! stream the last such ids are remembered with the entry that each became, for some time and up to
//! some number, whichever ends first. It is a window in which a repeated attempt is recognized, not
//! a promise for ever.
//!
//! Time is measured from the millisecond part of the entry's id. Ids of entries ascend, so each
//! producer's attempts expire in the order in which they were recorded.

use std::collections::{BTreeMap, VecDeque};
use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::id::EntryId;

/// How many attempts are recorded at least from one sweep to the next.
const SWEEP_EVERY_MIN: usize = 256;

/// The record of idempotent production of one stream.
#[derive(Clone, Debug)]
pub struct Idempotence {
    duration_s: u32,
    entries_max: u32,
    producers: BTreeMap<Box<[u8]>, Producer>,
    /// How many attempts were ever recorded.
    pub iids_added: u64,
    /// How many repeated attempts were ever recognized.
    pub iids_duplicates: u64,
    /// At how many recorded attempts the expired ones are swept out again.
    next_sweep: u64,
}

impl Idempotence {
    /// Creates an empty record that remembers an attempt for `duration_s` seconds, and at least one
    /// and at most `entries_max` of them per producer.
    #[must_use]
    pub fn new(duration_s: u32, entries_max: u32) -> Self {
        Self {
            duration_s,
            entries_max: entries_max.max(1),
            producers: BTreeMap::new(),
            iids_added: 0,
            iids_duplicates: 0,
            next_sweep: SWEEP_EVERY_MIN as u64,
        }
    }

    /// For how long an attempt is remembered, in seconds.
    #[must_use]
    pub const fn duration_s(&self) -> u32 {
        self.duration_s
    }

    /// How many attempts are remembered per producer.
    #[must_use]
    pub const fn entries_max(&self) -> u32 {
        self.entries_max
    }

    /// The entry that the attempt `iid` of the producer `pid` became, if that is still remembered.
    #[must_use]
    pub fn find(&self, pid: &[u8], iid: &[u8], now_ms: u64) -> Option<EntryId> {
        let id = self.producers.get(pid)?.find(iid)?;
        (!self.is_expired(id, now_ms)).then_some(id)
    }

    /// Remembers that the attempt `iid` of `pid` became the entry `id`, which is greater than the
    /// ids recorded before. The oldest attempts beyond the permitted number are forgotten; so is an
    /// earlier record of the same attempt, with all that are older still.
    ///
    /// Now and then what has expired by the time of this entry is swept out, so that producers that
    /// never come back are not kept for ever.
    pub fn record(&mut self, pid: &[u8], iid: &[u8], id: EntryId) {
        let entries_max = self.entries_max as usize;
        let record = Record { iid: iid.into(), id };
        if let Some(producer) = self.producers.get_mut(pid) {
            producer.push(record, entries_max);
        } else {
            let mut producer = Producer::default();
            producer.push(record, entries_max);
            self.producers.insert(pid.into(), producer);
        }
        self.iids_added += 1;
        if self.iids_added >= self.next_sweep {
            self.sweep(id.ms);
            let producers = self.producers.len().max(SWEEP_EVERY_MIN);
            self.next_sweep = self.iids_added + producers as u64;
        }
    }

    /// Counts an attempt that [`find`](Self::find) recognized.
    pub const fn count_duplicate(&mut self) {
        self.iids_duplicates += 1;
    }

    /// Forgets what has expired, and producers of which nothing is left. Returns how many attempts
    /// were forgotten.
    pub fn sweep(&mut self, now_ms: u64) -> usize {
        let before = self.tracked_iids();
        let mut producers = std::mem::take(&mut self.producers);
        producers.retain(|_, producer| {
            producer.forget_while(|id| self.is_expired(id, now_ms));
            !producer.records.is_empty()
        });
        self.producers = producers;
        before - self.tracked_iids()
    }

    /// Sets both limits. If one differs from what it was, all recorded attempts are forgotten; the
    /// counters stay.
    pub fn configure(&mut self, duration_s: u32, entries_max: u32) {
        let entries_max = entries_max.max(1);
        if (duration_s, entries_max) != (self.duration_s, self.entries_max) {
            self.producers.clear();
        }
        self.duration_s = duration_s;
        self.entries_max = entries_max;
    }

    /// How many producers have an attempt on record.
    #[must_use]
    pub fn tracked_producers(&self) -> usize {
        self.producers.len()
    }

    /// How many attempts are on record, expired ones included until the next sweep.
    #[must_use]
    pub fn tracked_iids(&self) -> usize {
        self.producers.values().map(|producer| producer.records.len()).sum()
    }

    /// All records as producer, attempt and entry: producers in the order of their bytes, attempts
    /// from the oldest. Recording them again in this order restores the state.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8], EntryId)> {
        self.producers.iter().flat_map(|(pid, producer)| {
            producer.records.iter().map(|record| (pid.as_ref(), record.iid.as_ref(), record.id))
        })
    }

    /// At how many recorded attempts the expired ones are swept out again.
    pub(crate) const fn next_sweep(&self) -> u64 {
        self.next_sweep
    }

    /// Sets at how many recorded attempts the expired ones are swept out again.
    pub(crate) const fn set_next_sweep(&mut self, attempts: u64) {
        self.next_sweep = attempts;
    }

    /// Brings back an attempt, the latest one of its producer; no counter changes. `None`: it is
    /// there already.
    pub(crate) fn restore(&mut self, pid: &[u8], iid: &[u8], id: EntryId) -> Option<()> {
        if !self.producers.contains_key(pid) {
            self.producers.insert(pid.into(), Producer::default());
        }
        let producer = self.producers.get_mut(pid)?;
        if producer.find(iid).is_some() {
            return None;
        }
        producer.push(Record { iid: iid.into(), id }, usize::MAX);
        Some(())
    }

    /// The bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let place = size_of::<Box<[u8]>>() + size_of::<Producer>();
        let producers = self.producers.iter();
        producers.map(|(pid, producer)| place + pid.len() + producer.heap_bytes()).sum()
    }

    fn is_expired(&self, id: EntryId, now_ms: u64) -> bool {
        id.ms.saturating_add(u64::from(self.duration_s) * 1000) < now_ms
    }
}

/// One remembered attempt.
#[derive(Clone, Debug)]
struct Record {
    iid: Box<[u8]>,
    id: EntryId,
}

/// The attempts of one producer, from the oldest, each of them once.
#[derive(Clone, Debug, Default)]
struct Producer {
    records: VecDeque<Record>,
    /// The number of the oldest record; the others count on from it and wrap around.
    first: u32,
    numbers: HashTable<u32>,
    hashing: RandomState,
}

impl Producer {
    fn find(&self, iid: &[u8]) -> Option<EntryId> {
        let is_it = |number: &u32| self.record(*number).is_some_and(|record| *record.iid == *iid);
        let number = self.numbers.find(self.hashing.hash_one(iid), is_it)?;
        Some(self.record(*number)?.id)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the limit on records is a u32")]
    fn push(&mut self, record: Record, entries_max: usize) {
        while self.find(&record.iid).is_some() || self.records.len() >= entries_max {
            self.pop();
        }
        let number = self.first.wrapping_add(self.records.len() as u32);
        let hash = self.hashing.hash_one(&*record.iid);
        self.records.push_back(record);
        let (records, first, hashing) = (&self.records, self.first, &self.hashing);
        self.numbers.insert_unique(hash, number, |number| {
            let record = records.get(number.wrapping_sub(first) as usize);
            record.map_or(0, |record| hashing.hash_one(&*record.iid))
        });
    }

    fn pop(&mut self) {
        let Some(record) = self.records.pop_front() else { return };
        let hash = self.hashing.hash_one(&*record.iid);
        let first = self.first;
        if let Ok(number) = self.numbers.find_entry(hash, |&number| number == first) {
            number.remove();
        }
        self.first = first.wrapping_add(1);
    }

    fn forget_while(&mut self, is_over: impl Fn(EntryId) -> bool) {
        while self.records.front().is_some_and(|record| is_over(record.id)) {
            self.pop();
        }
    }

    fn record(&self, number: u32) -> Option<&Record> {
        self.records.get(number.wrapping_sub(self.first) as usize)
    }

    fn heap_bytes(&self) -> usize {
        let iids: usize = self.records.iter().map(|record| record.iid.len()).sum();
        iids + self.records.capacity() * size_of::<Record>() + self.numbers.allocation_size()
    }
}

/// The 128-bit digest of an entry's fields, which serves as its attempt id when the producer gives
/// none. `fields` alternates between fields and values.
///
/// The order of the pairs does not matter; which value belongs to which field does, and so does how
/// often a pair occurs. The digest is persisted, so its definition never changes:
///
/// ```text
/// lane(k, seed):   for each pair: h = seed
///                    for each of field, value: h = mix(k, h ^ length)
///                      for each 8 bytes, little endian, zeros after the end: h = mix(k, h ^ word)
///                  sum = all h, added modulo 2^64
///                  mix(k, sum ^ number of pairs)
/// mix(k, h):       h ^= h >> 33   h *= k.0   h ^= h >> 29   h *= k.1   h ^= h >> 32
/// digest:          lane 1 (8, little endian)  lane 2 (8, little endian)
/// ```
///
/// It is no defence against somebody who wants two payloads to collide.
#[must_use]
pub fn payload_digest(fields: &[&[u8]]) -> [u8; 16] {
    let mut sums = [0_u64; 2];
    for pair in fields.chunks(2) {
        let mut lanes = LANES.map(|lane| lane.seed);
        for part in pair {
            absorb(&mut lanes, part);
        }
        for (sum, lane) in sums.iter_mut().zip(lanes) {
            *sum = sum.wrapping_add(lane);
        }
    }
    let pairs = fields.len().div_ceil(2) as u64;
    let mut digest = [0; 16];
    for ((out, sum), lane) in digest.chunks_exact_mut(8).zip(sums).zip(LANES) {
        out.copy_from_slice(&lane.mix(sum ^ pairs).to_le_bytes());
    }
    digest
}

/// The constants of one half of the digest.
#[derive(Copy, Clone)]
struct Lane {
    seed: u64,
    factors: (u64, u64),
}

const LANES: [Lane; 2] = [
    Lane { seed: 0x9e37_79b9_7f4a_7c15, factors: (0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53) },
    Lane { seed: 0x6a09_e667_f3bc_c908, factors: (0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb) },
];

impl Lane {
    /// Spreads every bit over the whole word; no two words become the same.
    const fn mix(self, mut h: u64) -> u64 {
        h ^= h >> 33;
        h = h.wrapping_mul(self.factors.0);
        h ^= h >> 29;
        h = h.wrapping_mul(self.factors.1);
        h ^ (h >> 32)
    }
}

fn absorb(lanes: &mut [u64; 2], part: &[u8]) {
    let mut absorb_word = |word: u64| {
        for (h, lane) in lanes.iter_mut().zip(LANES) {
            *h = lane.mix(*h ^ word);
        }
    };
    absorb_word(part.len() as u64);
    let (words, rest) = part.as_chunks::<8>();
    for word in words {
        absorb_word(u64::from_le_bytes(*word));
    }
    if !rest.is_empty() {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        absorb_word(u64::from_le_bytes(word));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use std::collections::HashSet;

    use super::*;

    const fn id(ms: u64) -> EntryId {
        EntryId::new(ms, 0)
    }

    #[test]
    fn an_attempt_is_found_until_it_expires() {
        let mut idempotence = Idempotence::new(100, 10);
        idempotence.record(b"p", b"i", id(5_000));
        for (pid, iid, now_ms, expect) in [
            (&b"p"[..], &b"i"[..], 0, Some(id(5_000))),
            (b"p", b"i", 105_000, Some(id(5_000))),
            (b"p", b"i", 105_001, None),
            (b"p", b"j", 5_000, None),
            (b"q", b"i", 5_000, None),
            (b"", b"", 5_000, None),
        ] {
            assert_eq!(idempotence.find(pid, iid, now_ms), expect, "{pid:?} {iid:?} {now_ms}");
        }
        idempotence.record(b"", b"", EntryId::MAX);
        assert_eq!(idempotence.find(b"", b"", u64::MAX), Some(EntryId::MAX));
    }

    #[test]
    fn the_oldest_attempts_beyond_the_limit_are_forgotten_per_producer() {
        let mut idempotence = Idempotence::new(100, 3);
        for ms in 0..1_000_u64 {
            idempotence.record(b"p", &ms.to_le_bytes(), id(ms));
        }
        idempotence.record(b"q", b"x", id(1_000));
        for ms in 0..1_000_u64 {
            let expect = (ms >= 997).then_some(id(ms));
            assert_eq!(idempotence.find(b"p", &ms.to_le_bytes(), 1_000), expect, "{ms}");
        }
        assert_eq!((idempotence.tracked_producers(), idempotence.tracked_iids()), (2, 4));
        assert_eq!(idempotence.iids_added, 1_001);
    }

    #[test]
    fn a_new_record_of_an_attempt_replaces_the_old_one() {
        let mut idempotence = Idempotence::new(1, 10);
        for (iid, ms) in [(b"a", 1), (b"b", 2), (b"c", 3), (b"b", 5_000)] {
            idempotence.record(b"p", iid, id(ms));
        }
        assert_eq!(idempotence.find(b"p", b"b", 5_000), Some(id(5_000)));
        let left: Vec<_> = idempotence.iter().map(|(_, iid, id)| (iid.to_vec(), id.ms)).collect();
        assert_eq!(left, [(b"c".to_vec(), 3), (b"b".to_vec(), 5_000)]);
    }

    #[test]
    fn sweeping_drops_the_expired_and_empty_producers() {
        let mut idempotence = Idempotence::new(10, 100);
        for ms in 0..50 {
            idempotence.record(b"old", &[ms], id(u64::from(ms)));
            idempotence.record(b"mixed", &[ms], id(u64::from(ms) * 1_000));
        }
        assert_eq!(idempotence.sweep(10_000), 0);
        assert_eq!(idempotence.sweep(30_000), 50 + 20);
        assert_eq!((idempotence.tracked_producers(), idempotence.tracked_iids()), (1, 30));
        assert_eq!(idempotence.find(b"mixed", &[20], 30_000), Some(id(20_000)));
        assert_eq!(idempotence.sweep(u64::MAX), 30);
        assert_eq!((idempotence.tracked_producers(), idempotence.iids_added), (0, 100));
    }

    #[test]
    fn producers_that_never_come_back_are_forgotten() {
        let mut idempotence = Idempotence::new(1, 10);
        for ms in 0..10_000_u64 {
            idempotence.record(&ms.to_le_bytes(), b"i", id(ms * 10));
            assert!(idempotence.tracked_producers() <= 101 + 256);
        }
    }

    #[test]
    fn only_a_changed_configuration_forgets() {
        for (duration_s, entries_max, expect) in [(100, 10, 1), (101, 10, 0), (100, 11, 0)] {
            let mut idempotence = Idempotence::new(100, 10);
            idempotence.record(b"p", b"i", id(1));
            idempotence.count_duplicate();
            idempotence.configure(duration_s, entries_max);
            assert_eq!(idempotence.tracked_iids(), expect, "{duration_s} {entries_max}");
            assert_eq!((idempotence.iids_added, idempotence.iids_duplicates), (1, 1));
            let limits = (idempotence.duration_s(), idempotence.entries_max());
            assert_eq!(limits, (duration_s, entries_max));
        }
    }

    #[test]
    fn the_digest_depends_on_pairs_and_not_on_their_order() {
        let digest = |fields: &[&str]| {
            payload_digest(&fields.iter().map(|field| field.as_bytes()).collect::<Vec<_>>())
        };
        assert_eq!(digest(&["a", "1", "b", "2"]), digest(&["b", "2", "a", "1"]));
        let different = [
            digest(&[]),
            digest(&["", ""]),
            digest(&["", "", "", ""]),
            digest(&["a", "1"]),
            digest(&["1", "a"]),
            digest(&["a", "1", "a", "1"]),
            digest(&["a", "1", "b", "2"]),
            digest(&["a", "2", "b", "1"]),
            digest(&["a", "b", "1", "2"]),
            digest(&["a1", ""]),
            digest(&["", "a1"]),
            digest(&["a", "1\0"]),
            digest(&["a", "123456781"]),
            digest(&["a", "12345678"]),
            digest(&["a12345678", ""]),
        ];
        let lanes = |at: usize| different.iter().map(move |d| d[at..at + 8].to_vec());
        assert_eq!(lanes(0).collect::<HashSet<_>>().len(), different.len());
        assert_eq!(lanes(8).collect::<HashSet<_>>().len(), different.len());
    }

    #[test]
    fn flipping_any_two_bits_changes_both_halves_of_the_digest() {
        let payload = [0x5a_u8; 24];
        let mut seen = [HashSet::new(), HashSet::new()];
        for first in 0..192 {
            for second in first..192 {
                let mut payload = payload;
                payload[first / 8] ^= 1 << (first % 8);
                if second > first {
                    payload[second / 8] ^= 1 << (second % 8);
                }
                let digest = payload_digest(&[b"field", &payload]);
                assert!(seen[0].insert(digest[..8].to_vec()), "{first} {second}");
                assert!(seen[1].insert(digest[8..].to_vec()), "{first} {second}");
            }
        }
    }

    #[test]
    fn the_digest_is_what_it_always_was() {
        for (fields, expect) in [
            (&[][..], "00000000000000000000000000000000"),
            (&[&b"field"[..], b"value"][..], "dc7f3edf812d2235962e63f74d635be9"),
            (
                &[b"k", b"a value of more than eight bytes", b"", b""],
                "c67f6926b3db1aa2d656ff57045e56dc",
            ),
        ] {
            let hex: String =
                payload_digest(fields).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, expect, "{fields:?}");
        }
    }
}

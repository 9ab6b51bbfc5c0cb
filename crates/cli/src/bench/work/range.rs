//! Reads of history: `XRANGE` at random places, and walks over the whole stream; an operation is
//! an entry.

use anyhow::Result;

use super::stream::{ENTRIES, KEY, fill, id_of};
use crate::bench::measure::{Bed, Figures};
use crate::bench::pump::{Kept, Pump, Script};
use crate::bench::request::write_words;

const CONNECTIONS: usize = 10;
const IN_FLIGHT: usize = 16;
/// Entries that one call of a walk asks for.
const STEP: usize = 1000;

/// Reads `count` entries from random places, ten connections with sixteen calls in flight each.
pub(super) fn random(bed: &mut Bed<'_>, count: usize) -> Result<Figures> {
    fill(&mut bed.client()?, ENTRIES)?;
    bed.run(CONNECTIONS, Pump::new(Random::new(ENTRIES, count, IN_FLIGHT, 1)))
}

/// Walks over the whole stream again and again on one connection, one call at a time.
pub(super) fn scan(bed: &mut Bed<'_>) -> Result<Figures> {
    fill(&mut bed.client()?, ENTRIES)?;
    bed.run(1, Pump::new(Walk { next: 0 }))
}

/// Calls of `XRANGE` at random places, the same in each measurement with one seed.
pub(super) struct Random {
    /// Entries of the stream, and those that a call reads.
    entries: usize,
    count: usize,
    in_flight: usize,
    /// State of a xorshift generator.
    state: u64,
}

impl Random {
    /// Reads `count` of `entries` at each place, with `in_flight` calls in flight.
    pub(super) fn new(entries: usize, count: usize, in_flight: usize, seed: u64) -> Self {
        Self { entries, count, in_flight, state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) }
    }

    fn place(&mut self) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state % (self.entries - self.count) as u64) as usize
    }
}

impl Script for Random {
    const KEPT: Kept = Kept::Nothing;

    fn write(&mut self, _: usize, batch: &mut Vec<u8>) -> usize {
        batch.clear();
        for _ in 0..self.in_flight {
            let first = id_of(self.place());
            write_words(batch, &format!("XRANGE {KEY} {first} + COUNT {}", self.count));
        }
        self.in_flight
    }

    fn done(&mut self, _: usize, _: &[u8]) -> Result<u64> {
        Ok((self.count * self.in_flight) as u64)
    }
}

struct Walk {
    /// The number of the next entry: ids are known, so that the loader need not read them.
    next: usize,
}

impl Script for Walk {
    const KEPT: Kept = Kept::Nothing;

    fn write(&mut self, _: usize, batch: &mut Vec<u8>) -> usize {
        batch.clear();
        let start = match self.next {
            0 => "-".to_owned(),
            next => format!("({}", id_of(next - 1)),
        };
        write_words(batch, &format!("XRANGE {KEY} {start} + COUNT {STEP}"));
        1
    }

    fn done(&mut self, _: usize, _: &[u8]) -> Result<u64> {
        self.next = (self.next + STEP) % ENTRIES;
        Ok(STEP as u64)
    }
}

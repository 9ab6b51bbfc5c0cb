//! Taking over pending entries, of which there are a hundred thousand: `XAUTOCLAIM` sweeps and
//! `XCLAIM` of named ids. The consumer that claims changes with each sweep, so that entries
//! really change hands.

use anyhow::Result;

use super::stream::{ENTRIES, GROUP, KEY, create_group, fill, fill_pending, id_of};
use crate::bench::measure::{Bed, Figures};
use crate::bench::pump::{Kept, Pump, Script};
use crate::bench::replies::ReplyReader;
use crate::bench::request::write_words;

/// Ids in one `XCLAIM`.
const CLAIMED: usize = 10;
/// Calls of `XCLAIM` in flight, so that waking an idle server is not what is measured.
const CALLS_IN_FLIGHT: usize = 16;

/// Sweeps with `XAUTOCLAIM ... COUNT 100`, bodies and all; an operation is an entry claimed.
pub(super) fn sweep(bed: &mut Bed<'_>) -> Result<Figures> {
    fill_group(bed)?;
    bed.run(1, Pump::new(Sweep { cursor: "0-0".to_owned(), sweeps: 0 }))
}

/// Claims ten ids with each `XCLAIM`; an operation is a call.
pub(super) fn calls(bed: &mut Bed<'_>) -> Result<Figures> {
    fill_group(bed)?;
    bed.run(1, Pump::new(Calls { next: 0, sweeps: 0 }))
}

fn fill_group(bed: &Bed<'_>) -> Result<()> {
    let mut client = bed.client()?;
    fill(&mut client, ENTRIES)?;
    create_group(&mut client)?;
    fill_pending(&mut client)
}

/// The consumer that claims in a sweep; `c1` has read all.
fn claimer(sweeps: u64) -> &'static str {
    if sweeps.is_multiple_of(2) { "c2" } else { "c1" }
}

struct Sweep {
    cursor: String,
    sweeps: u64,
}

impl Script for Sweep {
    const KEPT: Kept = Kept::Replies;

    fn write(&mut self, _: usize, batch: &mut Vec<u8>) -> usize {
        batch.clear();
        let (consumer, cursor) = (claimer(self.sweeps), &self.cursor);
        let line = format!("XAUTOCLAIM {KEY} {GROUP} {consumer} 0 {cursor} COUNT 100");
        write_words(batch, &line);
        1
    }

    fn done(&mut self, _: usize, replies: &[u8]) -> Result<u64> {
        let mut reader = ReplyReader::new(replies);
        reader.array()?;
        self.cursor = String::from_utf8_lossy(reader.bulk()?).into_owned();
        self.sweeps += u64::from(self.cursor == "0-0");
        Ok(reader.array()?.unwrap_or(0) as u64)
    }
}

struct Calls {
    next: usize,
    sweeps: u64,
}

impl Script for Calls {
    const KEPT: Kept = Kept::Nothing;

    fn write(&mut self, _: usize, batch: &mut Vec<u8>) -> usize {
        batch.clear();
        for _ in 0..CALLS_IN_FLIGHT {
            let mut line = format!("XCLAIM {KEY} {GROUP} {} 0", claimer(self.sweeps));
            for number in self.next..self.next + CLAIMED {
                line.push(' ');
                line.push_str(&id_of(number));
            }
            write_words(batch, &line);
            self.next = (self.next + CLAIMED) % ENTRIES;
            self.sweeps += u64::from(self.next == 0);
        }
        CALLS_IN_FLIGHT
    }

    fn done(&mut self, _: usize, _: &[u8]) -> Result<u64> {
        Ok(CALLS_IN_FLIGHT as u64)
    }
}

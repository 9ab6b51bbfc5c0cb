//! Twenty million entries at a server that may keep only a part of them in memory: what it takes,
//! and how fast old ones are read.

use anyhow::Result;

use super::range::Random;
use super::stream::fill_varied;
use crate::bench::measure::{Bed, Fact, Figures, Speed};
use crate::bench::process::{peak_bytes, resident_bytes};
use crate::bench::pump::Pump;

const ENTRIES: usize = 20_000_000;
/// Entries that a call reads.
const COUNT: usize = 10;

/// Fills, then reads at random places, first as the kernel has it, then from the disk.
pub(super) fn run(bed: &mut Bed<'_>) -> Result<Figures> {
    let count = bed.scaled(ENTRIES);
    fill_varied(&mut bed.client()?, count)?;
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let resident = bed.server.pid.map(resident_bytes).transpose()?.map(megabytes);
    bed.server.folder()?.forget_pages()?;
    let cold = read(bed, count, 1)?;
    let warm = read(bed, count, 2)?;
    let peak = bed.server.pid.map(peak_bytes).transpose()?.map(megabytes);
    let disk = megabytes(bed.server.folder()?.disk_bytes()?);
    Ok(Figures::Facts(vec![
        Fact { name: "RSS MB", value: resident, digits: 0 },
        Fact { name: "peak RSS MB", value: peak, digits: 0 },
        Fact::new("disk MB", disk, 0),
        Fact::new("XRANGE/s", warm.ops_per_s / COUNT as f64, 0),
        Fact::new("p50 us", warm.p50_us, 0),
        Fact::new("p99 us", warm.p99_us, 0),
        Fact::new("p99.9 us", warm.p999_us, 0),
        Fact::new("cold p50 us", cold.p50_us, 0),
        Fact::new("cold p99 us", cold.p99_us, 0),
    ]))
}

fn read(bed: &Bed<'_>, count: usize, seed: u64) -> Result<Speed> {
    bed.speed(1, Pump::new(Random::new(count, COUNT, 1, seed)))
}

//! What a checkpoint does to those who write meanwhile.

use anyhow::Result;

use super::stream::{FIELDS, KEY, fill_varied, id_of, small_key};
use crate::bench::client::Client;
use crate::bench::measure::{Bed, Fact, Figures};
use crate::bench::paced::Paced;
use crate::bench::request::write_words;

/// Entries of the big stream, and small streams beside it.
const ENTRIES: usize = 2_000_000;
const STREAMS: usize = 50_000;
const CONNECTIONS: usize = 50;
const PER_SECOND: u32 = 20_000;

/// Writes without a checkpoint, then while one runs.
pub(super) fn run(bed: &mut Bed<'_>) -> Result<Figures> {
    let mut client = bed.client()?;
    fill_varied(&mut client, bed.scaled(ENTRIES))?;
    fill_small(&mut client, bed.scaled(STREAMS))?;
    let mut request = Vec::new();
    write_words(&mut request, &format!("XADD {KEY} * {FIELDS}"));
    let paced = Paced { request, connections: CONNECTIONS, per_second: PER_SECOND };
    let (without, during) = paced.run(bed)?;
    Ok(Figures::Facts(vec![
        Fact::new("p99.9 us during", during.latencies.p999_us, 0),
        Fact::new("without", without.latencies.p999_us, 0),
        Fact::new("times", during.latencies.p999_us / without.latencies.p999_us, 2),
        Fact::new("p99 us during", during.latencies.p99_us, 0),
        Fact::new("without ", without.latencies.p99_us, 0),
        Fact::new("p50 us during", during.latencies.p50_us, 0),
        Fact::new("without  ", without.latencies.p50_us, 0),
        Fact::new("XADD/s during", during.per_second, 0),
        Fact::new("checkpoints", during.checkpoints as f64, 0),
    ]))
}

fn fill_small(client: &mut Client, count: usize) -> Result<()> {
    client.pipeline(count, |number, out| {
        write_words(out, &format!("XADD {} {} {FIELDS}", small_key(number), id_of(number)));
    })
}

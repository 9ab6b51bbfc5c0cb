//! Durable appends: `XADD` or its like at servers that keep what they acknowledge, and what the
//! disk alone allows.

use std::fs::File;
use std::io::Write as _;
use std::time::Instant;

use anyhow::{Result, anyhow};

use super::flood;
use super::stream::{FIELDS, KEY};
use crate::bench::measure::{Bed, Figures, Speed, Tally};
use crate::bench::nats::{Publishers, create_stream};
use crate::bench::process::pin_to_core;
use crate::bench::request::write_words;
use crate::bench::target::Speaks;

/// The document's entry as a message of JetStream, which has no fields.
const MESSAGE: &str = "{\"type\":\"purchase\",\"userId\":\"123\",\"amount\":\"99.99\"}";

/// Appends to one stream over `connections` with `in_flight` entries in flight on each.
pub(super) fn append(bed: &mut Bed<'_>, connections: usize, in_flight: usize) -> Result<Figures> {
    match bed.server.speaks {
        Speaks::Redis => flood::xadd(bed, connections, in_flight),
        Speaks::Nats => {
            create_stream(bed.server.address)?;
            bed.run(connections, Publishers::new(MESSAGE, in_flight))
        }
        Speaks::Disk => {
            on_the_servers_core(bed.server.core, || floor(bed, connections * in_flight))
        }
    }
}

/// The disk is as far away from a server's core as it is for the servers: on a machine of two cores
/// its interrupts may slow down one of them by half.
fn on_the_servers_core(
    core: usize,
    measure: impl FnOnce() -> Result<Speed> + Send,
) -> Result<Figures> {
    let run = || pin_to_core(core).and_then(|()| measure());
    let speed = std::thread::scope(|scope| scope.spawn(run).join());
    speed.map_err(|_| anyhow!("the thread of the measurement has panicked"))?.map(Figures::Speed)
}

/// Appends the bytes of `together` requests to a file with one write and one `fdatasync`, again
/// and again.
fn floor(bed: &Bed<'_>, together: usize) -> Result<Speed> {
    let mut request = Vec::new();
    write_words(&mut request, &format!("XADD {KEY} 1700000000000-0 {FIELDS}"));
    let bytes = request.repeat(together);
    let mut file = File::create(bed.server.folder()?.path().join("floor"))?;
    let mut tally = Tally::new();
    let start = Instant::now();
    while start.elapsed() < bed.measured {
        let before = Instant::now();
        file.write_all(&bytes)?;
        file.sync_data()?;
        tally.record_since(before);
        tally.ops += together as u64;
        bed.check_stop()?;
    }
    let latencies = tally.percentiles();
    Ok(Speed {
        ops_per_s: tally.ops as f64 / start.elapsed().as_secs_f64(),
        p50_us: latencies.p50_us,
        p99_us: latencies.p99_us,
        p999_us: latencies.p999_us,
        ..Speed::default()
    })
}

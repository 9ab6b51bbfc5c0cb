//! What stored things cost in memory, by the kernel's account and by the server's own.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::stream::{ENTRIES, FIELDS, create_group, fill, fill_pending, id_of, small_key};
use crate::bench::client::Client;
use crate::bench::measure::{Bed, Figures, Memory};
use crate::bench::process::resident_bytes;
use crate::bench::request::write_words;

const MANY_ENTRIES: usize = 1_000_000;
/// Rest before reading, in which a server can give back what it only needed for loading.
const REST: Duration = Duration::from_millis(200);

/// A million entries in one stream.
pub(super) fn entries(bed: &mut Bed<'_>) -> Result<Figures> {
    growth(bed, MANY_ENTRIES, |client| fill(client, MANY_ENTRIES))
}

/// A hundred thousand streams of one entry.
pub(super) fn streams(bed: &mut Bed<'_>) -> Result<Figures> {
    growth(bed, ENTRIES, |client| {
        client.pipeline(ENTRIES, |number, out| {
            write_words(out, &format!("XADD {} {} {FIELDS}", small_key(number), id_of(number)));
        })
    })
}

/// A hundred thousand pending entries of one consumer, the stream itself not counted.
pub(super) fn pending(bed: &mut Bed<'_>) -> Result<Figures> {
    let mut client = bed.client()?;
    fill(&mut client, ENTRIES)?;
    create_group(&mut client)?;
    growth(bed, ENTRIES, fill_pending)
}

/// Bytes for each of `count` things that `load` stores.
fn growth(
    bed: &Bed<'_>,
    count: usize,
    load: impl FnOnce(&mut Client) -> Result<()>,
) -> Result<Figures> {
    let before = Sizes::read(bed)?;
    load(&mut bed.client()?)?;
    let after = Sizes::read(bed)?;
    let each = |before: Option<u64>, after: Option<u64>| {
        before.zip(after).map(|(before, after)| (after as f64 - before as f64) / count as f64)
    };
    Ok(Figures::Memory(Memory {
        resident: each(before.resident, after.resident),
        reported: each(before.reported, after.reported),
    }))
}

struct Sizes {
    resident: Option<u64>,
    reported: Option<u64>,
}

impl Sizes {
    fn read(bed: &Bed<'_>) -> Result<Self> {
        thread::sleep(REST);
        let reported = bed.client()?.info("used_memory")?.and_then(|bytes| bytes.parse().ok());
        Ok(Self { resident: bed.server.pid.map(resident_bytes).transpose()?, reported })
    }
}

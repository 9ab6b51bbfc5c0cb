//! Connections that only write: `XADD`, `PUBLISH`.

use anyhow::Result;

use super::stream::{FIELDS, KEY};
use crate::bench::measure::{Bed, Figures};
use crate::bench::pump::{Pump, Same};
use crate::bench::request::write_words;

/// How many they are, unless it is said.
pub(super) const CONNECTIONS: usize = 50;
/// Bytes of a published message.
const MESSAGE_BYTES: usize = 64;

/// Appends to one stream, trimmed so that memory stays bounded.
pub(super) fn xadd(bed: &mut Bed<'_>, connections: usize, in_flight: usize) -> Result<Figures> {
    run(bed, &format!("XADD {KEY} MAXLEN ~ 1000000 * {FIELDS}"), connections, in_flight)
}

/// Publishes on one channel with nobody listening.
pub(super) fn publish(bed: &mut Bed<'_>, in_flight: usize) -> Result<Figures> {
    run(bed, &format!("PUBLISH {KEY} {}", "x".repeat(MESSAGE_BYTES)), CONNECTIONS, in_flight)
}

fn run(bed: &Bed<'_>, line: &str, connections: usize, in_flight: usize) -> Result<Figures> {
    let mut request = Vec::new();
    write_words(&mut request, line);
    bed.run(connections, Pump::new(Same::new(request, in_flight)))
}

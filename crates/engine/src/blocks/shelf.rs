//! Blocks that were read for somebody who has yet to take them.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use super::error::ReadError;
use super::frame::Spot;
use super::place::Place;

/// How many bytes of blocks may lie there at most, and how many may where memory is short. Those that
/// were read longest ago go first: whoever wanted them wants them once more, and reads them on the
/// spot in the end.
const BYTES_MAX: usize = 16 << 20;
const BYTES_MAX_MIN: usize = 64 << 10;
/// Which part of the limit of all memory they may take.
const MEMORY_PART: usize = 16;
/// What a failure counts for.
const FAILURE_BYTES: usize = 256;

type Read = Result<Vec<u8>, ReadError>;

/// Blocks that were read for somebody who has yet to take them.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    bytes_max: usize,
    reads: BTreeMap<Spot, (u64, Read)>,
    /// The same by age.
    order: BTreeMap<u64, Spot>,
    last: u64,
    bytes: usize,
}

impl Shelf {
    /// Takes the block that was read at a place.
    pub(super) fn take(&self, place: &Place) -> Option<Vec<u8>> {
        let inner = &mut *self.inner.lock();
        match inner.reads.get(&place.spot()) {
            Some((_, Ok(_))) => inner.take(place.spot())?.ok(),
            _ => None,
        }
    }

    /// Takes the reason why the block at a place could not be read. Only who has waited for that
    /// block is to be told of it: by the time of another command the disk may be well again.
    pub(super) fn take_failure(&self, place: &Place) -> Option<ReadError> {
        let inner = &mut *self.inner.lock();
        match inner.reads.get(&place.spot()) {
            Some((_, Err(_))) => inner.take(place.spot())?.err(),
            _ => None,
        }
    }

    /// Puts down what was read at a place.
    pub(super) fn put(&self, place: &Place, read: Read) {
        let inner = &mut *self.inner.lock();
        inner.take(place.spot());
        inner.last += 1;
        inner.bytes += bytes(&read);
        inner.order.insert(inner.last, place.spot());
        inner.reads.insert(place.spot(), (inner.last, read));
        inner.shrink();
    }

    /// Notes how many bytes all memory may take, 0 for any number, and drops what is too much then.
    pub(super) fn share_memory(&self, limit_bytes: usize) {
        let part = (limit_bytes / MEMORY_PART).clamp(BYTES_MAX_MIN, BYTES_MAX);
        let inner = &mut *self.inner.lock();
        inner.bytes_max = if limit_bytes == 0 { BYTES_MAX } else { part };
        inner.shrink();
    }

    /// Says whether the block that was read at a place lies here.
    pub(super) fn has(&self, place: &Place) -> bool {
        matches!(self.inner.lock().reads.get(&place.spot()), Some((_, Ok(_))))
    }

    /// Returns how many bytes may lie here.
    pub(super) fn bytes_max(&self) -> usize {
        self.inner.lock().bytes_max
    }

    /// Returns how many bytes lie here.
    pub(super) fn byte_len(&self) -> usize {
        self.inner.lock().bytes
    }
}

impl Default for Inner {
    fn default() -> Self {
        let (reads, order) = (BTreeMap::new(), BTreeMap::new());
        Inner { bytes_max: BYTES_MAX, reads, order, last: 0, bytes: 0 }
    }
}

impl Inner {
    /// Drops the oldest while there is too much; the newest stays, whatever its size.
    fn shrink(&mut self) {
        while self.bytes > self.bytes_max
            && self.reads.len() > 1
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.take(oldest);
        }
    }

    fn take(&mut self, spot: Spot) -> Option<Read> {
        let (number, read) = self.reads.remove(&spot)?;
        self.order.remove(&number);
        self.bytes -= bytes(&read);
        Some(read)
    }
}

fn bytes(read: &Read) -> usize {
    read.as_ref().map_or(FAILURE_BYTES, Vec::capacity)
}

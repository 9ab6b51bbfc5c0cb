//! The open batch: records that have their positions and wait for the writer.

use crate::failure::AppendError;
use crate::frame;
use crate::lsn::Lsn;

/// The longest payload of a record, 2 GiB.
pub const RECORD_BYTES_MAX: usize = 1 << 31;

/// Sealed frames of records that follow each other.
#[derive(Debug)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    /// The end of the last complete frame.
    sealed: usize,
    last: Lsn,
}

impl Batch {
    /// Returns an empty batch behind the record `last`.
    pub(crate) fn new(last: Lsn) -> Self {
        Batch { bytes: Vec::new(), sealed: 0, last }
    }

    /// Takes a record whose payload `encode` appends to what it is handed.
    ///
    /// A panic in `encode` leaves a frame without its end; the next record overwrites it.
    #[inline]
    pub(crate) fn append(&mut self, encode: impl FnOnce(&mut Vec<u8>)) -> Result<Lsn, AppendError> {
        let start = self.sealed;
        self.bytes.truncate(start);
        frame::begin(&mut self.bytes);
        encode(&mut self.bytes);
        // An encoder that cuts what stood there before it has broken the batch, not only its
        // record.
        assert!(self.bytes.len() >= start + frame::HEAD_BYTES, "a payload is only appended");
        let payload_bytes = self.bytes.len() - start - frame::HEAD_BYTES;
        if payload_bytes > RECORD_BYTES_MAX {
            self.bytes.truncate(start);
            return Err(AppendError::TooLong { bytes: payload_bytes });
        }
        self.last = self.last.next();
        frame::seal(&mut self.bytes, start, self.last);
        self.sealed = self.bytes.len();
        Ok(self.last)
    }

    /// Returns the position of the last record taken so far, also if it has been handed on.
    pub(crate) fn last(&self) -> Lsn {
        self.last
    }

    /// Returns how many bytes are waiting.
    pub(crate) fn len(&self) -> usize {
        self.sealed
    }

    /// Hands the frames on, and goes on in the memory of `spare`.
    pub(crate) fn take(&mut self, mut spare: Vec<u8>) -> Vec<u8> {
        spare.clear();
        self.bytes.truncate(self.sealed);
        self.sealed = 0;
        std::mem::replace(&mut self.bytes, spare)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_panic_while_encoding_leaves_no_trace() {
        let mut batch = Batch::new(Lsn(4));
        batch.append(|bytes| bytes.push(1)).unwrap();
        let whole = batch.len();
        let mut broken = std::panic::AssertUnwindSafe(&mut batch);
        let panicked = std::panic::catch_unwind(move || {
            broken.append(|bytes| {
                bytes.push(2);
                panic!("no more");
            })
        });
        assert!(panicked.is_err());
        assert_eq!(batch.len(), whole);
        assert_eq!(batch.append(|bytes| bytes.push(3)).unwrap(), Lsn(6));
        let bytes = batch.take(Vec::new());
        assert_eq!(bytes.len(), 2 * whole);
        assert_eq!(frame::fitting(&bytes, u64::MAX), Some((2 * whole, Lsn(6))));
    }

    #[test]
    fn positions_go_on_in_the_next_batch() {
        let mut batch = Batch::new(Lsn::ZERO);
        assert_eq!(batch.append(|_| {}).unwrap(), Lsn(1));
        assert_eq!(batch.take(Vec::new()).len(), frame::HEAD_BYTES);
        assert_eq!(batch.len(), 0);
        assert_eq!(batch.append(|_| {}).unwrap(), Lsn(2));
    }
}

//! Frames: the pieces that a segment consists of, behind its header.
//!
//! ```text
//!  0        4        8                 16
//!  +--------+--------+-----------------+----------------------+
//!  | length | CRC    | LSN             | payload              |   all numbers little endian
//!  | u32    | u32    | u64             | `length` bytes       |
//!  +--------+--------+-----------------+----------------------+
//! ```
//!
//! The CRC is CRC-32C over the LSN and the payload. Zeros are no frame: the CRC of a zero LSN and
//! no payload is not zero. A frame is of one of two kinds:
//!
//! - A **record** has the LSN that it was given, from 1 up; LSNs of neighbours differ by one.
//! - A **mark** has the LSN 0 and this payload:
//!
//! ```text
//!  16                24                32
//!  +-----------------+-----------------+
//!  | durable         | offset          |
//!  | u64             | u64             |
//!  +-----------------+-----------------+
//! ```
//!
//! Every write begins with a mark, and a log that is closed in order ends with one. It says that
//! all records up to `durable` had been synced before it was written; `offset` is its own place in
//! the file. A disk may lose or reorder whatever has not been synced, so a bad record with good
//! ones behind it does not yet prove damage. A mark behind it that calls it durable does. The
//! offset keeps a mark that is part of somebody's payload from being taken for one of ours.

use std::ops::Range;

use crate::lsn::Lsn;

/// The bytes of a frame before its payload.
pub(crate) const HEAD_BYTES: usize = 16;
/// The bytes of a mark, with its head.
pub(crate) const MARK_BYTES: usize = 32;

const MARK_PAYLOAD_BYTES: usize = MARK_BYTES - HEAD_BYTES;

/// A frame whose checksum is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The position of a record, zero for a mark.
    pub(crate) lsn: Lsn,
    /// Where the payload lies in the bytes that were looked at.
    pub(crate) payload: Range<usize>,
}

impl Frame {
    /// Finds the frame that begins at `offset`, if there is a valid one.
    pub(crate) fn at(bytes: &[u8], offset: usize) -> Option<Frame> {
        let length = usize::try_from(u32_at(bytes, offset)?).ok()?;
        let crc = u32_at(bytes, offset.checked_add(4)?)?;
        let start = offset.checked_add(HEAD_BYTES)?;
        let end = start.checked_add(length)?;
        let covered = bytes.get(start - 8..end)?;
        let lsn = Lsn(u64_at(bytes, start - 8)?);
        (crc32c::crc32c(covered) == crc).then_some(Frame { lsn, payload: start..end })
    }

    /// Returns the offset of the first byte behind the frame.
    pub(crate) fn end(&self) -> usize {
        self.payload.end
    }
}

/// What was durable when a write began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The last record that had been synced.
    pub(crate) durable: Lsn,
    /// The place of the mark in its file.
    pub(crate) offset: u64,
}

impl Mark {
    /// Encodes the mark as a frame.
    pub(crate) fn encode(self) -> [u8; MARK_BYTES] {
        let mut payload = [0; MARK_PAYLOAD_BYTES];
        let (durable, offset) = payload.split_at_mut(8);
        durable.copy_from_slice(&self.durable.0.to_le_bytes());
        offset.copy_from_slice(&self.offset.to_le_bytes());
        let head = head(Lsn::ZERO, &payload);
        let mut bytes = [0; MARK_BYTES];
        bytes[..HEAD_BYTES].copy_from_slice(&head);
        bytes[HEAD_BYTES..].copy_from_slice(&payload);
        bytes
    }

    /// Finds the mark that begins at `offset`, if there is a valid one that belongs there.
    pub(crate) fn at(bytes: &[u8], offset: usize) -> Option<Mark> {
        // Looking at every offset of a segment is cheap only if most are refused before the
        // checksum.
        if usize::try_from(u32_at(bytes, offset)?).ok()? != MARK_PAYLOAD_BYTES {
            return None;
        }
        if u64_at(bytes, offset.checked_add(8)?)? != 0 {
            return None;
        }
        let frame = Frame::at(bytes, offset)?;
        let durable = Lsn(u64_at(bytes, frame.payload.start)?);
        let own = u64_at(bytes, frame.payload.start + 8)?;
        (own == u64::try_from(offset).ok()?).then_some(Mark { durable, offset: own })
    }
}

/// Makes room for a frame's head at the end of `bytes`; the payload is to follow.
pub(crate) fn begin(bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&[0; HEAD_BYTES]);
}

/// Completes the frame that begins at `start` and ends where `bytes` ends.
pub(crate) fn seal(bytes: &mut [u8], start: usize, lsn: Lsn) {
    let (front, payload) = bytes.split_at_mut(start + HEAD_BYTES);
    front[start..].copy_from_slice(&head(lsn, payload));
}

/// Returns how many of these bytes, which are nothing but frames, make up whole ones that fit into
/// `room`, and the LSN of the last of them.
pub(crate) fn fitting(frames: &[u8], room: u64) -> Option<(usize, Lsn)> {
    let mut fits = None;
    let mut offset = 0;
    while let (Some(length), Some(lsn)) = (u32_at(frames, offset), u64_at(frames, offset + 8)) {
        offset += HEAD_BYTES + length as usize;
        if offset as u64 > room {
            break;
        }
        fits = Some((offset, Lsn(lsn)));
    }
    fits
}

/// Returns the length of the first of these frames, and its LSN.
pub(crate) fn first(frames: &[u8]) -> Option<(usize, Lsn)> {
    let length = u32_at(frames, 0)?;
    Some((HEAD_BYTES + length as usize, Lsn(u64_at(frames, 8)?)))
}

fn head(lsn: Lsn, payload: &[u8]) -> [u8; HEAD_BYTES] {
    let lsn = lsn.0.to_le_bytes();
    let crc = crc32c::crc32c_append(crc32c::crc32c(&lsn), payload);
    let mut head = [0; HEAD_BYTES];
    // A batch takes no payload that is longer than what a u32 can say.
    head[..4].copy_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
    head[4..8].copy_from_slice(&crc.to_le_bytes());
    head[8..].copy_from_slice(&lsn);
    head
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(offset..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(offset..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    fn record(lsn: u64, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        begin(&mut bytes);
        bytes.extend_from_slice(payload);
        seal(&mut bytes, 0, Lsn(lsn));
        bytes
    }

    #[test]
    fn a_record_has_these_bytes() {
        let expect = [
            &[2, 0, 0, 0][..],
            &crc32c::crc32c(&[1, 2, 0, 0, 0, 0, 0, 0, b'h', b'i']).to_le_bytes(),
            &[1, 2, 0, 0, 0, 0, 0, 0, b'h', b'i'],
        ];
        assert_eq!(record(0x201, b"hi"), expect.concat());
    }

    #[test]
    fn the_checksum_is_crc_32c() {
        assert_eq!(crc32c::crc32c(b"123456789"), 0xE306_9283);
    }

    #[test]
    fn zeros_are_no_frame() {
        assert_eq!(Frame::at(&[0; 64], 0), None);
    }

    #[test]
    fn a_mark_counts_only_at_its_own_place() {
        let mark = Mark { durable: Lsn(7), offset: 3 };
        let mut bytes = vec![9; 3];
        bytes.extend_from_slice(&mark.encode());
        assert_eq!(Mark::at(&bytes, 3), Some(mark));
        bytes.insert(0, 9);
        assert_eq!(Mark::at(&bytes, 4), None);
        assert!(Frame::at(&bytes, 4).is_some());
    }

    #[test]
    fn whole_frames_fit() {
        let frames = [record(4, b"abcd"), record(5, b""), record(6, b"x")].concat();
        for (room, expect) in [
            (19, None),
            (20, Some((20, Lsn(4)))),
            (35, Some((20, Lsn(4)))),
            (36, Some((36, Lsn(5)))),
            (53, Some((53, Lsn(6)))),
            (1000, Some((53, Lsn(6)))),
        ] {
            assert_eq!(fitting(&frames, room), expect, "{room}");
        }
    }

    proptest! {
        #[test]
        fn what_was_sealed_is_found(lsn: u64, payload: Vec<u8>, before: Vec<u8>, after: Vec<u8>) {
            let start = before.len();
            let bytes = [before, record(lsn, &payload), after].concat();
            let frame = Frame::at(&bytes, start).unwrap();
            prop_assert_eq!(frame.lsn, Lsn(lsn));
            prop_assert_eq!(&bytes[frame.payload], &payload[..]);
        }

        #[test]
        fn any_bytes_at_any_offset_do_not_panic(bytes: Vec<u8>, offset: usize) {
            let _ = Frame::at(&bytes, offset);
            let _ = Mark::at(&bytes, offset);
            let _ = Frame::at(&bytes, offset % 64);
        }
    }
}

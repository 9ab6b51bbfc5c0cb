//! The header and the frames of a checkpoint: everything under a checksum.

use firth_wal::Lsn;

use super::{CheckpointFlaw, items, tag};

/// The version of the format that this program writes, and the only one that it reads.
const VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"FIRTHCKP";
/// The bytes of the header.
pub(super) const HEADER_BYTES: usize = 32;
/// The bytes of a frame before its payload.
pub(super) const HEAD_BYTES: usize = 20;
/// Where in a frame's head that begins which the checksum covers, with the payload.
pub(super) const COVERED_AT: usize = 8;
/// The payload of a frame that is written.
pub(super) const PAYLOAD_BYTES: usize = 128 << 10;
/// The payload of a frame that is read.
pub(super) const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// The first bytes of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The last batch that the state contains.
    pub(crate) lsn: Lsn,
}

impl Header {
    fn encode(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.lsn.0.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..28]);
        bytes[28..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads a header.
    pub(super) fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Header, CheckpointFlaw> {
        let number = |at: usize| u32_at(bytes, at).ok_or(CheckpointFlaw::Header);
        if bytes[..8] != MAGIC || crc32c::crc32c(&bytes[..28]) != number(28)? {
            return Err(CheckpointFlaw::Header);
        }
        let found = number(8)?;
        if found != VERSION {
            return Err(CheckpointFlaw::Version { found, known: VERSION });
        }
        let (low, high) = (number(16)?, number(20)?);
        Ok(Header { lsn: Lsn(u64::from(high) << 32 | u64::from(low)) })
    }
}

/// Returns the number that stands at an offset.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

/// What a frame says of the items in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameStart {
    /// Where in the payload the first item begins that begins there at all; else its length.
    pub(super) first: u32,
    /// How many keys have begun before the payload.
    pub(super) keys: u64,
}

impl FrameStart {
    /// Reads what the head of a frame says.
    pub(super) fn of(head: &[u8; HEAD_BYTES]) -> Self {
        let [_, _, _, _, _, _, _, _, a, b, c, d, rest @ ..] = head;
        FrameStart { first: u32::from_le_bytes([*a, *b, *c, *d]), keys: u64::from_le_bytes(*rest) }
    }
}

/// The bytes of a file that are to be written next.
#[derive(Debug)]
pub(crate) struct Frames {
    /// Whole frames, at first behind the header.
    ready: Vec<u8>,
    /// The payload of the frame to come.
    open: Vec<u8>,
    /// Where in it the first item begins.
    open_first: Option<usize>,
    /// How many keys have begun before it.
    open_keys: u64,
    /// How many keys have begun.
    keys: u64,
}

impl Frames {
    /// Begins a file.
    pub(crate) fn new(header: Header) -> Self {
        let ready = header.encode().to_vec();
        Frames { ready, open: Vec::new(), open_first: None, open_keys: 0, keys: 0 }
    }

    /// Adds whole items.
    pub(crate) fn push(&mut self, items: &[u8]) {
        let mut rest = items;
        while let Some(len) = u32_at(rest, 1) {
            let (item, later) = rest.split_at(rest.len().min(items::HEAD_BYTES + len as usize));
            self.open_first.get_or_insert(self.open.len());
            self.keys += u64::from(matches!(item.first(), Some(&tag::STRING | &tag::STREAM)));
            self.push_bytes(item);
            rest = later;
        }
        debug_assert!(rest.is_empty(), "whole items");
    }

    fn push_bytes(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = PAYLOAD_BYTES - self.open.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.open.extend_from_slice(now);
            bytes = later;
            if self.open.len() == PAYLOAD_BYTES {
                self.close_frame();
            }
        }
    }

    /// Ends the file: the frame that is open is whole.
    pub(crate) fn finish(&mut self) {
        if !self.open.is_empty() {
            self.close_frame();
        }
    }

    /// Returns how many bytes are ready to be written.
    pub(crate) fn ready_bytes(&self) -> usize {
        self.ready.len()
    }

    /// Takes what is ready to be written.
    pub(crate) fn take_ready(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.ready)
    }

    fn close_frame(&mut self) {
        let number = |len: usize| u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes();
        let first = self.open_first.take().unwrap_or(self.open.len());
        let start = self.ready.len();
        self.ready.extend_from_slice(&number(self.open.len()));
        self.ready.extend_from_slice(&[0; 4]);
        self.ready.extend_from_slice(&number(first));
        self.ready.extend_from_slice(&self.open_keys.to_le_bytes());
        self.ready.append(&mut self.open);
        self.open_keys = self.keys;
        let frame = self.ready.get_mut(start..).unwrap_or_default();
        let crc = crc32c::crc32c(frame.get(COVERED_AT..).unwrap_or_default());
        if let Some(place) = frame.get_mut(4..COVERED_AT) {
            place.copy_from_slice(&crc.to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::super::Items;
    use super::*;

    #[test]
    fn frames_say_where_items_begin_and_how_many_keys_did_before() {
        let mut frames = Frames::new(Header { lsn: Lsn(1) });
        for len in [PAYLOAD_BYTES - 20, 3 * PAYLOAD_BYTES, 7, 1] {
            let mut items = Items::default();
            items.begin(tag::STRING).text(&vec![b'x'; len]);
            items.end();
            items.begin(tag::END);
            items.end();
            frames.push(items.bytes());
        }
        frames.finish();
        let bytes = frames.take_ready();
        let (mut found, mut at) = (Vec::new(), HEADER_BYTES);
        while at < bytes.len() {
            let len = u32_at(&bytes, at).unwrap() as usize;
            let crc = crc32c::crc32c(&bytes[at + COVERED_AT..at + HEAD_BYTES + len]);
            assert_eq!(u32_at(&bytes, at + 4), Some(crc));
            found.push((len, u32_at(&bytes, at + 8).unwrap(), u32_at(&bytes, at + 12).unwrap()));
            at += HEAD_BYTES + len;
        }
        let full = PAYLOAD_BYTES;
        // The second string begins 7 bytes before the end of its frame and fills three more.
        let rest = found.pop().unwrap();
        let within = (full, PAYLOAD_BYTES as u32, 2);
        assert_eq!(found, [(full, 0, 0), within, within, within]);
        assert_eq!((rest.1, rest.2), (1, 2));
    }
}

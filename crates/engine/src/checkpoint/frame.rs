//! The header and the frames of a checkpoint: everything under a checksum.

use firth_wal::Lsn;

use super::CheckpointFlaw;

/// The version of the format that this program writes, and the only one that it reads.
const VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"FIRTHCKP";
/// The bytes of the header.
pub(super) const HEADER_BYTES: usize = 32;
/// The bytes of a frame before its payload.
pub(super) const HEAD_BYTES: usize = 8;
/// The payload of a frame that is written.
const PAYLOAD_BYTES: usize = 128 << 10;
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

/// The bytes of a file that are to be written next.
#[derive(Debug)]
pub(crate) struct Frames {
    /// Whole frames, at first behind the header.
    ready: Vec<u8>,
    /// The payload of the frame to come.
    open: Vec<u8>,
}

impl Frames {
    /// Begins a file.
    pub(crate) fn new(header: Header) -> Self {
        Frames { ready: header.encode().to_vec(), open: Vec::new() }
    }

    /// Adds items, or a part of one.
    pub(crate) fn push(&mut self, mut items: &[u8]) {
        while !items.is_empty() {
            let room = PAYLOAD_BYTES - self.open.len();
            let (now, later) = items.split_at(room.min(items.len()));
            self.open.extend_from_slice(now);
            items = later;
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
        let len = u32::try_from(self.open.len()).unwrap_or(u32::MAX);
        let crc = crc32c::crc32c(&self.open);
        self.ready.extend_from_slice(&len.to_le_bytes());
        self.ready.extend_from_slice(&crc.to_le_bytes());
        self.ready.append(&mut self.open);
    }
}

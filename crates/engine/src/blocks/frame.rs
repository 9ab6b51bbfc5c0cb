//! Frames: the blocks in a block file, behind its header.
//!
//! ```text
//!  0        4        8          12      13
//!  +--------+--------+----------+-------+---------------------+
//!  | CRC    | length | unpacked | codec | payload             |   all numbers little endian
//!  | u32    | u32    | u32      | u8    | `length` bytes      |
//!  +--------+--------+----------+-------+---------------------+
//! ```
//!
//! The payload holds the bytes of one block of a stream, whose format is drawn in
//! `stream/block.rs`: as they are (codec 0, `unpacked` equals `length`), or as one block of LZ4
//! (codec 1), `unpacked` bytes when unpacked. The CRC is CRC-32C over the number of the file and the
//! offset of the frame in it, both u32, and all that follows the CRC: so a frame is valid only
//! where it was written. Frames follow each other without gaps; behind the last one there may be the
//! remains of one that was never finished, which nothing refers to.

use super::error::BlockFlaw;

/// The bytes of a frame before its payload.
pub(super) const HEAD_BYTES: usize = 13;

/// How far the content of a block may be packed: LZ4 makes of 255 bytes one at best.
const RATIO_MAX: usize = 256;

const PLAIN: u8 = 0;
const LZ4: u8 = 1;

/// Whether blocks are compressed when they are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// They are written as they are.
    None,
    /// They are written as LZ4 where that makes them notably smaller.
    #[default]
    Lz4,
}

/// Where a frame lies: in which file, and where in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// The number of the file.
    pub number: u32,
    /// Where in the file the frame begins.
    pub offset: u32,
}

impl Spot {
    fn crc(self, covered: &[u8]) -> u32 {
        let mut spot = [0; 8];
        spot[..4].copy_from_slice(&self.number.to_le_bytes());
        spot[4..].copy_from_slice(&self.offset.to_le_bytes());
        crc32c::crc32c_append(crc32c::crc32c(&spot), covered)
    }
}

/// Appends a block as a frame; returns its length, or nothing if it is too long for one.
pub(super) fn encode(
    out: &mut Vec<u8>,
    spot: Spot,
    content: &[u8],
    compression: Compression,
) -> Option<u32> {
    let unpacked = u32::try_from(content.len()).ok()?;
    let start = out.len();
    out.extend_from_slice(&[0; HEAD_BYTES]);
    let codec = match compression {
        Compression::Lz4 if pack(out, start + HEAD_BYTES, content) => LZ4,
        _ => {
            out.truncate(start + HEAD_BYTES);
            out.extend_from_slice(content);
            PLAIN
        }
    };
    let Ok(len) = u32::try_from(out.len() - start) else {
        out.truncate(start);
        return None;
    };
    let frame = out.get_mut(start..)?;
    let payload = len - HEAD_BYTES as u32;
    frame[4..8].copy_from_slice(&payload.to_le_bytes());
    frame[8..12].copy_from_slice(&unpacked.to_le_bytes());
    frame[12] = codec;
    let crc = spot.crc(&frame[4..]);
    frame[..4].copy_from_slice(&crc.to_le_bytes());
    Some(len)
}

/// Writes the packed content from `start` on; says whether that is worth it.
fn pack(out: &mut Vec<u8>, start: usize, content: &[u8]) -> bool {
    out.resize(start + lz4_flex::block::get_maximum_output_size(content.len()), 0);
    let Some(room) = out.get_mut(start..) else { return false };
    let Ok(len) = lz4_flex::block::compress_into(content, room) else { return false };
    out.truncate(start + len);
    len + len / 16 < content.len()
}

/// Returns the content of the block whose whole frame this is.
///
/// # Errors
/// The bytes are not what was written here.
pub(super) fn decode(frame: &[u8], spot: Spot) -> Result<Vec<u8>, BlockFlaw> {
    let (crc, covered) = frame.split_first_chunk::<4>().ok_or(BlockFlaw::Missing)?;
    if spot.crc(covered) != u32::from_le_bytes(*crc) {
        return Err(BlockFlaw::Checksum);
    }
    let (length, rest) = covered.split_first_chunk::<4>().ok_or(BlockFlaw::Missing)?;
    let (unpacked, rest) = rest.split_first_chunk::<4>().ok_or(BlockFlaw::Missing)?;
    let (&codec, payload) = rest.split_first().ok_or(BlockFlaw::Missing)?;
    if u32::from_le_bytes(*length) as usize != payload.len() {
        return Err(BlockFlaw::Checksum);
    }
    let unpacked = u32::from_le_bytes(*unpacked) as usize;
    match codec {
        PLAIN if unpacked == payload.len() => Ok(payload.to_vec()),
        LZ4 if unpacked <= payload.len().saturating_mul(RATIO_MAX) => unpack(payload, unpacked),
        _ => Err(BlockFlaw::Content),
    }
}

fn unpack(payload: &[u8], unpacked: usize) -> Result<Vec<u8>, BlockFlaw> {
    let mut content = vec![0; unpacked];
    match lz4_flex::block::decompress_into(payload, &mut content) {
        Ok(len) if len == unpacked => Ok(content),
        _ => Err(BlockFlaw::Content),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    const SPOT: Spot = Spot { number: 7, offset: 16 };

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn unhex(text: &str) -> Vec<u8> {
        let digits = text.as_bytes().chunks(2);
        digits.map(|two| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap()).collect()
    }

    #[test]
    fn frames_of_version_1_are_read_for_ever() {
        // What an encoder of LZ4 makes may change; what it once made has to be read.
        let check = |frame: &str, expect: &[u8]| {
            assert_eq!(decode(&unhex(frame), SPOT).as_deref(), Ok(expect));
        };
        check("96a33d0507000000070000000000000101610137", b"\0\0\x01\x01a\x017");
        check("cb06cd040b00000064000000011f6101004b506161616161", &[b'a'; 100]);
    }

    #[test]
    fn a_plain_frame_is_as_drawn() {
        let mut out = b"before".to_vec();
        let len = encode(&mut out, SPOT, b"\0\0\x01\x01a\x017", Compression::None);
        assert_eq!(len, Some(20));
        assert_eq!(hex(&out[6..]), "96a33d0507000000070000000000000101610137");
    }

    #[test]
    fn what_does_not_shrink_stays_as_it_is() {
        let content: Vec<u8> = (0..=255).collect();
        let mut out = Vec::new();
        let len = encode(&mut out, SPOT, &content, Compression::Lz4).unwrap();
        assert_eq!(len as usize, content.len() + HEAD_BYTES);
        assert_eq!(decode(&out, SPOT), Ok(content));
        out.clear();
        let len = encode(&mut out, SPOT, &[7; 4000], Compression::Lz4).unwrap();
        assert!(len < 60 && len as usize == out.len());
        assert_eq!(decode(&out, SPOT), Ok(vec![7; 4000]));
    }

    proptest! {
        #[test]
        fn every_flipped_bit_and_every_cut_is_noticed(
            content in prop::collection::vec(0_u8..4, 0..300),
            bit: prop::sample::Index,
            packs: bool,
        ) {
            let compression = if packs { Compression::Lz4 } else { Compression::None };
            let mut frame = Vec::new();
            encode(&mut frame, SPOT, &content, compression).unwrap();
            prop_assert_eq!(&decode(&frame, SPOT).unwrap(), &content);
            for elsewhere in [Spot { offset: 17, ..SPOT }, Spot { number: 8, ..SPOT }] {
                prop_assert!(decode(&frame, elsewhere).is_err());
            }
            let bit = bit.index(frame.len() * 8);
            prop_assert!(decode(&frame[..bit / 8], SPOT).is_err());
            frame[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(decode(&frame, SPOT).is_err());
        }

        #[test]
        fn any_bytes_can_be_decoded(bytes: Vec<u8>, seal: bool) {
            let mut bytes = bytes;
            if seal && bytes.len() >= HEAD_BYTES {
                let length = (bytes.len() - HEAD_BYTES) as u32;
                bytes[4..8].copy_from_slice(&length.to_le_bytes());
                bytes[12] &= 3;
                let crc = SPOT.crc(&bytes[4..]);
                bytes[..4].copy_from_slice(&crc.to_le_bytes());
            }
            let _ = decode(&bytes, SPOT);
        }
    }
}

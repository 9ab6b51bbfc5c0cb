//! One block file.
//!
//! ```text
//!  0        8         12       16
//!  +--------+---------+--------+--------+
//!  | magic  | version | number | CRC    |  frames ...
//!  | 8 bytes| u32     | u32    | u32    |             all numbers little endian
//!  +--------+---------+--------+--------+
//! ```
//!
//! The magic is `FIRTHBLK`, the version 1, the number that of the file's name, `<8 hexadecimal
//! digits>.blk`; the CRC is CRC-32C over all before it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use firth_wal::{Action, Disk, DiskFile, Failure, append_all};

use super::error::{BlockFlaw, ReadError};
use super::shelf::Shelf;

/// The bytes of a file's header.
pub(super) const HEADER_BYTES: usize = 20;

const MAGIC: [u8; 8] = *b"FIRTHBLK";
const VERSION: u32 = 1;

/// A file of blocks, open for reading and, while it is the newest, for appending.
#[derive(Debug)]
pub struct BlockFile {
    number: u32,
    path: Arc<Path>,
    file: Box<dyn DiskFile>,
    /// The bytes of the header and of all frames that were written as a whole.
    len: AtomicU64,
    live_bytes: AtomicU64,
    shelf: Arc<Shelf>,
}

impl BlockFile {
    /// Creates a file; nobody has a name or content of it for sure until it has been synced.
    pub(super) fn create(
        disk: &dyn Disk,
        folder: &Path,
        number: u32,
        shelf: Arc<Shelf>,
    ) -> Result<Self, Failure> {
        let path: Arc<Path> = path(folder, number).into();
        let file =
            disk.create(&path).map_err(|error| Failure::new(Action::Create, &path, &error))?;
        let live_bytes = AtomicU64::new(0);
        let new = BlockFile { number, path, file, len: AtomicU64::new(0), live_bytes, shelf };
        new.append(&encode_header(number))?;
        Ok(new)
    }

    /// Opens a file that is there, for reading.
    pub(super) fn open(
        disk: &dyn Disk,
        folder: &Path,
        number: u32,
        shelf: Arc<Shelf>,
    ) -> Result<Self, ReadError> {
        let path: Arc<Path> = path(folder, number).into();
        let fail = |error: io::Error| Failure::new(Action::Read, &path, &error);
        let file = disk.open(&path).map_err(fail)?;
        let mut header = [0; HEADER_BYTES];
        let found = read_full(&*file, 0, &mut header).map_err(fail)?;
        check_header(header.get(..found).unwrap_or_default(), number)
            .map_err(|flaw| ReadError::Damage { path: path.clone(), offset: 0, flaw })?;
        let len = AtomicU64::new(file.len().map_err(fail)?);
        Ok(BlockFile { number, path, file, len, live_bytes: AtomicU64::new(0), shelf })
    }

    /// Returns the number that the file is named by.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Returns the file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns how many bytes have been written as whole frames, the header included.
    pub fn byte_len(&self) -> u64 {
        self.len.load(Ordering::Relaxed)
    }

    /// Returns how many bytes of frames somebody has a place of.
    pub fn live_bytes(&self) -> u64 {
        self.live_bytes.load(Ordering::Relaxed)
    }

    /// Returns where blocks of this file lie that were read in advance.
    pub(super) fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    pub(super) fn shared_path(&self) -> &Arc<Path> {
        &self.path
    }

    pub(super) fn count_live(&self, bytes: u32) {
        self.live_bytes.fetch_add(u64::from(bytes), Ordering::Relaxed);
    }

    pub(super) fn count_dead(&self, bytes: u32) {
        self.live_bytes.fetch_sub(u64::from(bytes), Ordering::Relaxed);
    }

    /// Appends bytes as a whole; after an error any number of them may stand in the file.
    pub(super) fn append(&self, bytes: &[u8]) -> Result<(), Failure> {
        append_all(&*self.file, &mut [io::IoSlice::new(bytes)])
            .map_err(|error| Failure::new(Action::Write, &self.path, &error))?;
        self.len.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Cuts off what an append that failed may have left.
    pub(super) fn cut(&self) -> Result<(), Failure> {
        let cut = self.file.set_len(self.byte_len());
        cut.map_err(|error| Failure::new(Action::Cut, &self.path, &error))
    }

    pub(super) fn sync(&self) -> Result<(), Failure> {
        self.file.sync_data().map_err(|error| Failure::new(Action::Sync, &self.path, &error))
    }

    /// Reads bytes that have been written; fewer than asked for where the file ends.
    pub(super) fn read(&self, offset: u64, into: &mut [u8]) -> Result<usize, Failure> {
        read_full(&*self.file, offset, into)
            .map_err(|error| Failure::new(Action::Read, &self.path, &error))
    }
}

fn read_full(file: &dyn DiskFile, offset: u64, into: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = into.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(offset.saturating_add(filled as u64), rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Returns the path of the file with this number.
pub(crate) fn path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number:08x}.blk"))
}

/// Returns the number in a file's name, if it is that of a block file.
pub(super) fn parse_name(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".blk")?;
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if digits.len() != 8 || !digits.bytes().all(is_digit) {
        return None;
    }
    u32::from_str_radix(digits, 16).ok()
}

fn encode_header(number: u32) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[12..16].copy_from_slice(&number.to_le_bytes());
    let crc = crc32c::crc32c(&header[..16]);
    header[16..].copy_from_slice(&crc.to_le_bytes());
    header
}

fn check_header(header: &[u8], number: u32) -> Result<(), BlockFlaw> {
    let (covered, crc) = header.split_last_chunk::<4>().ok_or(BlockFlaw::Header)?;
    if header.len() != HEADER_BYTES
        || !covered.starts_with(&MAGIC)
        || crc32c::crc32c(covered) != u32::from_le_bytes(*crc)
    {
        return Err(BlockFlaw::Header);
    }
    let word = |at: usize| {
        let bytes = covered.get(at..).and_then(|rest| rest.first_chunk::<4>());
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
    };
    match (word(8), word(12)) {
        (VERSION, found) if found == number => Ok(()),
        (VERSION, _) => Err(BlockFlaw::Name),
        (found, _) => Err(BlockFlaw::Version { found, known: VERSION }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "tests")]

    use super::*;

    #[test]
    fn names_are_eight_hexadecimal_digits() {
        for (name, expect) in [
            ("00000001.blk", Some(1)),
            ("000000ff.blk", Some(255)),
            ("ffffffff.blk", Some(u32::MAX)),
            ("000000FF.blk", None),
            ("+0000001.blk", None),
            ("1.blk", None),
            ("00000001.blk.draft", None),
        ] {
            assert_eq!(parse_name(name), expect, "{name}");
        }
        assert_eq!(path(Path::new("d"), 255), Path::new("d/000000ff.blk"));
    }

    #[test]
    fn the_header_of_version_1_is_read_for_ever() {
        let header = b"FIRTHBLK\x01\0\0\0\x2c\x01\0\0\x90\x38\xb4\xa8";
        assert_eq!(check_header(header, 300), Ok(()));
        assert_eq!(encode_header(300), *header);
    }

    #[test]
    fn a_header_is_checked_in_all_its_bits() {
        let header = encode_header(300);
        assert_eq!(check_header(&header, 301), Err(BlockFlaw::Name));
        assert_eq!(check_header(&header[..19], 300), Err(BlockFlaw::Header));
        for bit in 0..header.len() * 8 {
            let mut flipped = header;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(check_header(&flipped, 300), Err(BlockFlaw::Header), "{bit}");
        }
        let mut later = header;
        later[8] = 2;
        let crc = crc32c::crc32c(&later[..16]);
        later[16..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(check_header(&later, 300), Err(BlockFlaw::Version { found: 2, known: 1 }));
    }
}

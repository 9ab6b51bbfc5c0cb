//! Segments: the files that the log consists of.
//!
//! A segment is named by the LSN of its first record, sixteen hexadecimal digits and `.log`, so
//! that the order of names is the order of records. It begins with a header:
//!
//! ```text
//!  0                 8        12       16                24
//!  +-----------------+--------+--------+-----------------+
//!  | magic           | version| CRC    | first LSN       | frames ...
//!  | "FIRTHWAL"      | u32    | u32    | u64             |
//!  +-----------------+--------+--------+-----------------+
//! ```
//!
//! The CRC is CRC-32C over magic, version and first LSN. This header keeps its shape in every
//! version, so that a program can tell a version it does not know from damage. Frames follow
//! without gaps ([`frame`](crate::frame)); none goes on in another file. Zeros behind the last
//! frame are the rest of a file that was made longer in advance.
//!
//! A segment is created, given its header and synced, and its folder is synced, before the first
//! frame is written into it; the one before it has been synced by then. So only the newest segment
//! can be torn.

use std::io::{self, IoSlice};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::disk::{self, Disk, DiskFile};
use crate::failure::{Action, Flaw};
use crate::frame::{Frame, Mark};
use crate::lsn::Lsn;

/// The version of the format that this program writes, and the only one it reads.
pub(crate) const VERSION: u32 = 1;
/// The bytes before the first frame.
pub(crate) const HEADER_BYTES: usize = 24;

const MAGIC: [u8; 8] = *b"FIRTHWAL";
const SUFFIX: &str = ".log";

/// The segment that is written to.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) file: Box<dyn DiskFile>,
    pub(crate) path: PathBuf,
    /// The LSN of the first record that is, or will be, in it.
    pub(crate) first: Lsn,
    /// The bytes that are known to be good, which is where the next write goes.
    pub(crate) bytes: u64,
    /// The length up to which room has been asked for.
    pub(crate) reserved: u64,
}

impl Segment {
    /// Makes the file longer in advance if it has no room for so many bytes more: a sync costs less
    /// where the length stays as it is. No longer than `bytes_max`, unless that is needed.
    pub(crate) fn reserve(&mut self, bytes: u64, ahead: u64, bytes_max: u64) {
        let needed = self.bytes + bytes;
        if needed <= self.reserved || ahead == 0 {
            return;
        }
        self.reserved = (needed + ahead).min(bytes_max.max(needed));
        // Where there is no such room or no such thing, writing makes the file longer, or says why
        // it cannot.
        let _ = self.file.reserve(self.reserved);
    }

    /// Gives back the room behind the last frame. If that fails, zeros stay there, which are
    /// allowed for.
    pub(crate) fn release(&mut self) {
        if self.reserved > self.bytes {
            let _ = self.file.set_len(self.bytes);
            self.reserved = self.bytes;
        }
    }

    /// Creates the segment that begins with this record, durably.
    pub(crate) fn create(
        disk: &dyn Disk,
        folder: &Path,
        first: Lsn,
    ) -> Result<Segment, (Action, io::Error)> {
        let path = path(folder, first);
        let file = disk.create(&path).map_err(|error| (Action::Create, error))?;
        let bytes = HEADER_BYTES as u64;
        let segment = Segment { file, path, first, bytes, reserved: bytes };
        segment.write_header()?;
        disk.sync_folder(folder).map_err(|error| (Action::Sync, error))?;
        Ok(segment)
    }

    /// Writes the header into the empty file, and syncs it.
    pub(crate) fn write_header(&self) -> Result<(), (Action, io::Error)> {
        let header = encode_header(self.first);
        let written = disk::append_all(&*self.file, &mut [IoSlice::new(&header)]);
        written.map_err(|error| (Action::Write, error))?;
        self.file.sync_data().map_err(|error| (Action::Sync, error))
    }
}

/// Returns the path of the segment that begins with this record.
pub(crate) fn path(folder: &Path, first: Lsn) -> PathBuf {
    folder.join(format!("{:016x}{SUFFIX}", first.0))
}

/// Returns the first LSN of the segment with this file name; nothing if the file is no segment.
pub(crate) fn parse_name(name: &str) -> Option<Lsn> {
    let digits = name.strip_suffix(SUFFIX)?;
    let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let hexadecimal = digits.len() == 16 && digits.bytes().all(lower);
    let lsn = u64::from_str_radix(digits, 16).ok().filter(|_| hexadecimal)?;
    (lsn > 0).then_some(Lsn(lsn))
}

/// Encodes the header of a segment.
pub(crate) fn encode_header(first: Lsn) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[16..].copy_from_slice(&first.0.to_le_bytes());
    let crc = header_crc(&header);
    header[12..16].copy_from_slice(&crc.to_le_bytes());
    header
}

/// Checks the header at the front of a segment that should begin with `first`.
pub(crate) fn check_header(bytes: &[u8], first: Lsn) -> Result<(), Flaw> {
    let header: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(Flaw::Header)?;
    let [m @ .., v0, v1, v2, v3, c0, c1, c2, c3, _, _, _, _, _, _, _, _] = header;
    let crc = u32::from_le_bytes([*c0, *c1, *c2, *c3]);
    if *m != MAGIC || crc != header_crc(header) {
        return Err(Flaw::Header);
    }
    let version = u32::from_le_bytes([*v0, *v1, *v2, *v3]);
    if version != VERSION {
        return Err(Flaw::Version { found: version, known: VERSION });
    }
    let named = header[16..] == first.0.to_le_bytes();
    if named { Ok(()) } else { Err(Flaw::Name) }
}

fn header_crc(header: &[u8; HEADER_BYTES]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&header[..12]), &header[16..])
}

/// A place between two frames of a segment.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    pub(crate) offset: usize,
    /// The LSN that the next record must have.
    pub(crate) next: Lsn,
}

/// What a cursor found.
#[derive(Debug)]
pub(crate) enum Step {
    Record {
        lsn: Lsn,
        payload: Range<usize>,
    },
    Mark(Mark),
    /// Nothing more: the end of the file, or zeros up to it.
    End,
    /// Bytes that cannot stand here; the cursor stays before them.
    Flaw(Flaw),
}

impl Cursor {
    /// Returns the place before the first frame of a segment.
    pub(crate) fn new(first: Lsn) -> Self {
        Cursor { offset: HEADER_BYTES, next: first }
    }

    /// Goes over the next frame.
    pub(crate) fn step(&mut self, bytes: &[u8]) -> Step {
        let Some(frame) = Frame::at(bytes, self.offset) else {
            let rest = bytes.get(self.offset..).unwrap_or_default();
            let empty = rest.iter().all(|&byte| byte == 0);
            return if empty { Step::End } else { Step::Flaw(Flaw::Frame { next: self.next }) };
        };
        if frame.lsn == Lsn::ZERO {
            return self.over_mark(bytes, &frame);
        }
        if frame.lsn != self.next {
            return Step::Flaw(Flaw::Order { expected: self.next, found: frame.lsn });
        }
        self.offset = frame.end();
        self.next = frame.lsn.next();
        Step::Record { lsn: frame.lsn, payload: frame.payload }
    }

    fn over_mark(&mut self, bytes: &[u8], frame: &Frame) -> Step {
        match Mark::at(bytes, self.offset) {
            Some(mark) if mark.durable < self.next => {
                self.offset = frame.end();
                Step::Mark(mark)
            }
            _ => Step::Flaw(Flaw::Frame { next: self.next }),
        }
    }

    /// Says whether a mark behind this place proves that the next record had been synced.
    pub(crate) fn is_proven_durable(&self, bytes: &[u8]) -> bool {
        let offsets = self.offset.saturating_add(1)..bytes.len();
        offsets.filter_map(|offset| Mark::at(bytes, offset)).any(|mark| mark.durable >= self.next)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::frame;

    #[test]
    fn names_are_sixteen_hexadecimal_digits() {
        for (name, expect) in [
            ("0000000000000001.log", Some(1)),
            ("00000000000000ff.log", Some(255)),
            ("00000000000000FF.log", None),
            ("0000000000000000.log", None),
            ("+000000000000001.log", None),
            ("1.log", None),
            ("0000000000000001.log.draft", None),
            ("LOCK", None),
        ] {
            assert_eq!(parse_name(name), expect.map(Lsn), "{name}");
        }
        assert_eq!(path(Path::new("d"), Lsn(255)), Path::new("d/00000000000000ff.log"));
    }

    #[test]
    fn a_header_is_checked_in_all_its_bits() {
        let header = encode_header(Lsn(300));
        assert_eq!(check_header(&header, Lsn(300)), Ok(()));
        assert_eq!(check_header(&header, Lsn(301)), Err(Flaw::Name));
        assert_eq!(check_header(&header[..23], Lsn(300)), Err(Flaw::Header));
        for bit in 0..header.len() * 8 {
            let mut flipped = header;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(check_header(&flipped, Lsn(300)), Err(Flaw::Header), "{bit}");
        }
    }

    #[test]
    fn an_unknown_version_is_not_damage() {
        let mut header = encode_header(Lsn(1));
        header[8..12].copy_from_slice(&2u32.to_le_bytes());
        let crc = header_crc(&header);
        header[12..16].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(check_header(&header, Lsn(1)), Err(Flaw::Version { found: 2, known: 1 }));
    }

    fn frames(lsns: &[u64]) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_BYTES];
        for &lsn in lsns {
            let start = bytes.len();
            frame::begin(&mut bytes);
            bytes.extend_from_slice(b"payload");
            frame::seal(&mut bytes, start, Lsn(lsn));
        }
        bytes
    }

    #[test]
    fn records_must_follow_each_other() {
        for (lsns, expect) in [(&[5, 7][..], 7), (&[5, 5], 5), (&[5, 4], 4)] {
            let bytes = frames(lsns);
            let mut cursor = Cursor::new(Lsn(5));
            assert!(matches!(cursor.step(&bytes), Step::Record { lsn: Lsn(5), .. }));
            let Step::Flaw(flaw) = cursor.step(&bytes) else { panic!("{lsns:?} is in order") };
            assert_eq!(flaw, Flaw::Order { expected: Lsn(6), found: Lsn(expect) });
        }
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_walked(bytes: Vec<u8>, first: u64) {
            let _ = check_header(&bytes, Lsn(first));
            let mut cursor = Cursor::new(Lsn(first));
            while matches!(cursor.step(&bytes), Step::Record { .. } | Step::Mark(_)) {}
            let _ = cursor.is_proven_durable(&bytes);
        }
    }
}

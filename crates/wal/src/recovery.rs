//! What is found when a log is opened.
//!
//! Opening looks at the newest segment alone, because only its end can be torn: it finds the last
//! valid frame and cuts off what follows. Everything else is checked when it is read, by
//! [`Records`].
//!
//! Bytes behind the last valid frame are a torn tail, unless a mark behind them calls what should
//! stand there durable: then they are damage, and the log is not opened. The last write before a
//! crash has no mark behind it; damage in it cannot be told from a torn write, so it is cut, and
//! said. A log that was closed in order ends with a mark, so all of its records are proven.
//!
//! A newest segment without a valid header and without anything behind it is one whose creation
//! was interrupted: it gets its header.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::Disk;
use crate::failure::{Action, Damage, Failure, Flaw, OpenError};
use crate::lsn::Lsn;
use crate::segment::{self, Cursor, HEADER_BYTES, Segment, Step};

/// What a log held when it was opened.
#[derive(Debug)]
pub struct Recovery {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    /// The first records of the segments, the oldest first.
    firsts: Vec<Lsn>,
    last: Lsn,
    /// The end of the last record's segment.
    end: usize,
    cut: Option<Cut>,
}

/// A torn tail that was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The file that was cut.
    pub path: PathBuf,
    /// Its length now.
    pub offset: u64,
    /// The bytes that were cut off.
    pub bytes: u64,
}

impl Recovery {
    pub(crate) fn new(disk: Arc<dyn Disk>, folder: &Path, firsts: Vec<Lsn>, tail: &Tail) -> Self {
        Recovery {
            disk,
            folder: folder.into(),
            firsts,
            last: tail.last,
            end: usize::try_from(tail.segment.bytes).unwrap_or(usize::MAX),
            cut: tail.cut.clone(),
        }
    }

    /// Returns the torn tail that was cut off, if there was one.
    pub fn cut(&self) -> Option<&Cut> {
        self.cut.as_ref()
    }

    /// Returns the position of the oldest record there is or, in an empty log, of the first to
    /// come.
    pub fn first_lsn(&self) -> Lsn {
        self.firsts.first().copied().unwrap_or(self.last.next())
    }

    /// Returns the position of the last record there is; appending goes on behind it.
    pub fn last_lsn(&self) -> Lsn {
        self.last
    }

    /// Reads the records from `from` on; zero means from the very first one.
    ///
    /// They are those that were there when the log was opened, whatever is appended meanwhile.
    /// Segments that lie wholly before `from` are not looked at.
    ///
    /// # Errors
    /// [`OpenError::Removed`] when the log begins later than `from`.
    pub fn records(&self, from: Lsn) -> Result<Records<'_>, OpenError> {
        let wanted = from.max(Lsn(1));
        let first = self.first_lsn();
        if wanted < first {
            return Err(OpenError::Removed { wanted, first });
        }
        let behind = self.firsts.partition_point(|&first| first <= wanted);
        let rest = self.firsts.get(behind.saturating_sub(1)..).unwrap_or_default();
        Ok(Records { recovery: self, from: wanted, rest, segment: None })
    }
}

/// Reads records in their order, one segment in memory at a time.
#[derive(Debug)]
pub struct Records<'r> {
    recovery: &'r Recovery,
    from: Lsn,
    /// The segments that have not been read.
    rest: &'r [Lsn],
    segment: Option<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    path: PathBuf,
    bytes: Vec<u8>,
    cursor: Cursor,
}

impl Records<'_> {
    /// Returns the next record, nothing after the last one.
    ///
    /// # Errors
    /// [`OpenError::Damage`] where the log is not what was written; reading cannot go on behind it.
    pub fn next_record(&mut self) -> Result<Option<(Lsn, &[u8])>, OpenError> {
        let Some((lsn, payload)) = self.find()? else { return Ok(None) };
        let bytes = self.segment.as_ref().and_then(|segment| segment.bytes.get(payload));
        Ok(bytes.map(|bytes| (lsn, bytes)))
    }

    fn find(&mut self) -> Result<Option<(Lsn, std::ops::Range<usize>)>, OpenError> {
        loop {
            let Some(segment) = &mut self.segment else {
                if !self.load()? {
                    return Ok(None);
                }
                continue;
            };
            match segment.cursor.step(&segment.bytes) {
                Step::Record { lsn, payload } if lsn >= self.from => {
                    return Ok(Some((lsn, payload)));
                }
                Step::Record { .. } | Step::Mark(_) => {}
                Step::Flaw(flaw) => return Err(segment.damage(flaw)),
                Step::End => self.leave()?,
            }
        }
    }

    /// Leaves a segment that has been read; the one behind it must continue it.
    fn leave(&mut self) -> Result<(), OpenError> {
        let Some(segment) = self.segment.take() else { return Ok(()) };
        let expected = segment.cursor.next;
        match self.rest.first() {
            Some(&found) if found != expected => {
                Err(segment.damage(Flaw::Missing { expected, found }))
            }
            None if self.recovery.last.next() != expected => {
                let found = self.recovery.last.next();
                Err(segment.damage(Flaw::Missing { expected, found }))
            }
            _ => Ok(()),
        }
    }

    fn load(&mut self) -> Result<bool, OpenError> {
        let Some((&first, rest)) = self.rest.split_first() else { return Ok(false) };
        self.rest = rest;
        let Recovery { disk, folder, end, .. } = self.recovery;
        let path = segment::path(folder, first);
        let mut bytes = read(&**disk, &path)?;
        if rest.is_empty() {
            // What has been appended since the log was opened does not belong to its recovery.
            bytes.truncate(*end);
        }
        segment::check_header(&bytes, first).map_err(|flaw| Damage {
            path: path.clone(),
            offset: 0,
            flaw,
        })?;
        self.segment = Some(Loaded { path, bytes, cursor: Cursor::new(first) });
        Ok(true)
    }
}

impl Loaded {
    fn damage(&self, flaw: Flaw) -> OpenError {
        Damage { path: self.path.clone(), offset: self.cursor.offset as u64, flaw }.into()
    }
}

/// The newest segment, ready to be appended to.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) segment: Segment,
    /// The last record of the log.
    pub(crate) last: Lsn,
    /// The last record that a mark calls durable.
    pub(crate) marked: Lsn,
    pub(crate) cut: Option<Cut>,
}

impl Tail {
    /// Finds the end of the newest segment, cuts off what is torn, and makes the rest durable.
    pub(crate) fn open(disk: &dyn Disk, folder: &Path, first: Lsn) -> Result<Tail, OpenError> {
        let path = segment::path(folder, first);
        let fail = |action| {
            let path = path.clone();
            move |error: std::io::Error| Failure::new(action, &path, &error)
        };
        let bytes = read(disk, &path)?;
        let file = disk.open(&path).map_err(fail(Action::Read))?;
        let found = Found::in_segment(&path, &bytes, first)?;
        let end = found.end as u64;
        let segment = Segment { file, path: path.clone(), first, bytes: end, reserved: end };
        if found.end < bytes.len() {
            segment.file.set_len(segment.bytes).map_err(fail(Action::Cut))?;
        }
        let cut = found.torn.then(|| Cut {
            path: path.clone(),
            offset: segment.bytes,
            bytes: (bytes.len() - found.end) as u64,
        });
        let mut tail = Tail { segment, last: found.next.previous(), marked: found.marked, cut };
        if tail.segment.bytes == 0 {
            tail.segment.write_header().map_err(|(action, error)| fail(action)(error))?;
            tail.segment.bytes = HEADER_BYTES as u64;
        }
        // A process that was killed has left bytes that the system has, but perhaps not the disk.
        tail.segment.file.sync_data().map_err(fail(Action::Sync))?;
        disk.sync_folder(folder).map_err(|e| Failure::new(Action::Sync, folder, &e))?;
        Ok(tail)
    }
}

/// Where the newest segment ends.
#[derive(Debug)]
struct Found {
    /// The length of what is sound, zero if not even the header is.
    end: usize,
    /// Whether there is anything but zeros behind it.
    torn: bool,
    next: Lsn,
    marked: Lsn,
}

impl Found {
    fn in_segment(path: &Path, bytes: &[u8], first: Lsn) -> Result<Found, Damage> {
        let damage =
            |offset: usize, flaw| Damage { path: path.into(), offset: offset as u64, flaw };
        // Everything before a segment is synced before the segment is created.
        let mut marked = first.previous();
        match segment::check_header(bytes, first) {
            Ok(()) => {}
            Err(Flaw::Header) if bytes.len() <= HEADER_BYTES => {
                return Ok(Found { end: 0, torn: !bytes.is_empty(), next: first, marked });
            }
            Err(flaw) => return Err(damage(0, flaw)),
        }
        let mut cursor = Cursor::new(first);
        let torn = loop {
            match cursor.step(bytes) {
                Step::Record { .. } => {}
                Step::Mark(mark) => marked = mark.durable,
                Step::End => break false,
                Step::Flaw(flaw @ Flaw::Order { .. }) => return Err(damage(cursor.offset, flaw)),
                Step::Flaw(flaw) if cursor.is_proven_durable(bytes) => {
                    return Err(damage(cursor.offset, flaw));
                }
                Step::Flaw(_) => break true,
            }
        };
        Ok(Found { end: cursor.offset, torn, next: cursor.next, marked })
    }
}

fn read(disk: &dyn Disk, path: &Path) -> Result<Vec<u8>, Failure> {
    disk.read(path).map_err(|error| Failure::new(Action::Read, path, &error))
}

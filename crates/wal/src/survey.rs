//! Looking at all of a log without changing it, also behind what is damaged.
//!
//! Opening a log looks at its end and reads it from some position on, and stops at the first flaw. A
//! survey goes over everything there is. Behind a flaw it goes on at the next sound frame: the one that
//! the damaged frame's length points to or else the next in the file whose checksum is right and
//! whose position may come there. The records between are lost.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::disk::Disk;
use crate::failure::{Action, Damage, Failure, Flaw};
use crate::frame::{Frame, HEAD_BYTES, Mark};
use crate::lsn::Lsn;
use crate::recovery::Cut;
use crate::segment::{self, Cursor, HEADER_BYTES, Segment, Step};

/// All that there is of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// The files, the oldest first.
    pub segments: Vec<SurveyedSegment>,
    /// The positions of records that were there and cannot be read any more, ascending.
    pub lost: Vec<Range<Lsn>>,
    /// The last position that there is a trace of.
    pub last: Lsn,
}

/// One file of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurveyedSegment {
    /// The file.
    pub path: PathBuf,
    /// The position that its name says it begins with.
    pub first: Lsn,
    /// The position behind that of its last record.
    pub next: Lsn,
    /// Its length.
    pub bytes: u64,
    /// How many sound records it holds.
    pub records: u64,
    /// What is wrong with it.
    pub damage: Vec<Damage>,
    /// What the next start cuts off: a write that had not ended.
    pub torn: Option<Cut>,
}

impl Survey {
    /// Looks at a log, and hands every sound record to `visit`, in their order.
    ///
    /// # Errors
    /// The disk refuses to read.
    pub fn of(
        disk: &dyn Disk,
        folder: &Path,
        mut visit: impl FnMut(Lsn, &[u8]),
    ) -> Result<Survey, Failure> {
        let names = match disk.list(folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            names => names.map_err(|error| Failure::new(Action::Read, folder, &error))?,
        };
        let firsts: Vec<Lsn> = names.iter().filter_map(|name| segment::parse_name(name)).collect();
        let mut survey = Survey::default();
        for (index, &first) in firsts.iter().enumerate() {
            let path = segment::path(folder, first);
            let bytes = disk.read(&path).map_err(|e| Failure::new(Action::Read, &path, &e))?;
            let age = if index + 1 < firsts.len() { Age::Older } else { Age::Newest };
            survey.expect_at(first);
            survey.segment(path, &bytes, first, age, &mut visit);
        }
        Ok(survey)
    }

    /// Says whether everything can be read that there should be.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.segments.iter().all(|segment| segment.damage.is_empty())
    }

    /// Says whether a start could go on writing behind what is there.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        self.segments.last().is_some_and(|newest| newest.damage.is_empty())
    }

    /// Returns the position of the first record that there is or should be.
    #[must_use]
    pub fn first(&self) -> Lsn {
        self.segments.first().map_or(Lsn(1), |segment| segment.first)
    }

    /// Notes what should stand between the last segment and this one.
    fn expect_at(&mut self, first: Lsn) {
        let Some(before) = self.segments.last_mut() else { return };
        if before.next != first {
            let flaw = Flaw::Missing { expected: before.next, found: first };
            let offset = before.torn.take().map_or(before.bytes, |cut| cut.offset);
            before.damage.push(Damage { path: before.path.clone(), offset, flaw });
            if before.next < first {
                self.lost.push(before.next..first);
            }
        }
    }

    fn segment(
        &mut self,
        path: PathBuf,
        bytes: &[u8],
        first: Lsn,
        age: Age,
        visit: &mut impl FnMut(Lsn, &[u8]),
    ) {
        let mut found = SurveyedSegment {
            path,
            first,
            next: first,
            bytes: bytes.len() as u64,
            records: 0,
            damage: Vec::new(),
            torn: None,
        };
        self.last = self.last.max(first.previous());
        match segment::check_header(bytes, first) {
            Err(Flaw::Header) if age == Age::Newest && bytes.len() <= HEADER_BYTES => {
                found.torn = (!bytes.is_empty()).then(|| found.cut_at(0));
            }
            Err(flaw @ Flaw::Version { .. }) => found.note(0, flaw),
            header => {
                header.err().into_iter().for_each(|flaw| found.note(0, flaw));
                let (cursor, durable) = (Cursor::new(first), Lsn::ZERO);
                let mut walk = Walk { cursor, bytes, age, durable, is_resumed: false };
                walk.run(&mut found, &mut self.lost, visit);
                self.last = self.last.max(walk.durable);
                found.next = walk.cursor.next;
            }
        }
        self.last = self.last.max(found.next.previous());
        self.segments.push(found);
    }
}

impl SurveyedSegment {
    fn note(&mut self, offset: usize, flaw: Flaw) {
        self.damage.push(Damage { path: self.path.clone(), offset: offset as u64, flaw });
    }

    fn cut_at(&self, offset: usize) -> Cut {
        let bytes = self.bytes - offset as u64;
        Cut { path: self.path.clone(), offset: offset as u64, bytes }
    }
}

/// Whether a segment may end in a torn write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Age {
    Older,
    Newest,
}

/// A walk over the frames of a segment.
struct Walk<'b> {
    cursor: Cursor,
    bytes: &'b [u8],
    age: Age,
    /// The last position that a mark calls durable.
    durable: Lsn,
    /// Whether nothing but marks has been seen since a flaw.
    is_resumed: bool,
}

impl Walk<'_> {
    fn run(
        &mut self,
        found: &mut SurveyedSegment,
        lost: &mut Vec<Range<Lsn>>,
        visit: &mut impl FnMut(Lsn, &[u8]),
    ) {
        loop {
            let offset = self.cursor.offset;
            match self.cursor.step(self.bytes) {
                Step::Record { lsn, payload } => {
                    self.is_resumed = false;
                    found.records += 1;
                    visit(lsn, self.bytes.get(payload).unwrap_or_default());
                }
                Step::Mark(mark) => self.durable = mark.durable,
                Step::End => return,
                Step::Flaw(Flaw::Order { expected, found: other }) => {
                    // Right behind a flaw it is the rest of the gap.
                    if !self.is_resumed || other < expected {
                        found.note(offset, Flaw::Order { expected, found: other });
                    }
                    self.go_to(expected, other, lost);
                }
                Step::Flaw(flaw) => {
                    let is_proven =
                        self.age == Age::Older || self.cursor.is_proven_durable(self.bytes);
                    if !is_proven {
                        found.torn = Some(found.cut_at(offset));
                        return;
                    }
                    found.note(offset, flaw);
                    let from = self.cursor.next;
                    if !self.resume() {
                        return;
                    }
                    if from < self.cursor.next {
                        lost.push(from..self.cursor.next);
                    }
                }
            }
        }
    }

    /// Takes a record of another position than was expected: a later one comes next, an earlier one
    /// is passed over.
    fn go_to(&mut self, expected: Lsn, found: Lsn, lost: &mut Vec<Range<Lsn>>) {
        if expected < found {
            lost.push(expected..found);
            self.cursor.next = found;
        } else if let Some(frame) = Frame::at(self.bytes, self.cursor.offset) {
            self.cursor.offset = frame.end();
        }
    }

    /// Goes on at the next sound frame behind a flaw; says whether there is one.
    fn resume(&mut self) -> bool {
        let at = self.cursor.offset;
        let length = self.bytes.get(at..).and_then(|rest| rest.first_chunk());
        let pointed_to = length.and_then(|length| {
            let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
            at.checked_add(HEAD_BYTES)?.checked_add(length)
        });
        let all = at.saturating_add(1)..self.bytes.len();
        let found = pointed_to.into_iter().chain(all).find_map(|offset| {
            let next = self.sound_at(offset)?;
            Some((offset, next))
        });
        let Some((offset, next)) = found else { return false };
        self.cursor = Cursor { offset, next };
        self.is_resumed = true;
        true
    }

    /// Returns the position that comes next at an offset, if a sound frame begins there.
    fn sound_at(&self, offset: usize) -> Option<Lsn> {
        let lsn = self.bytes.get(offset.checked_add(8)?..)?.first_chunk()?;
        let lsn = Lsn(u64::from_le_bytes(*lsn));
        if lsn == Lsn::ZERO {
            // A mark calls durable what comes before it; there may have been more.
            return Some(Mark::at(self.bytes, offset)?.durable.next().max(self.cursor.next));
        }
        let records_max = (self.bytes.len() / HEAD_BYTES) as u64;
        if lsn < self.cursor.next || lsn.0 - self.cursor.next.0 > records_max {
            return None;
        }
        Frame::at(self.bytes, offset).map(|frame| frame.lsn)
    }
}

/// Begins a log whose first record is going to have this position, in a folder in which there may be
/// older segments; durably.
///
/// # Errors
/// The disk refuses.
pub fn begin_log(disk: &dyn Disk, folder: &Path, first: Lsn) -> Result<(), Failure> {
    let path = segment::path(folder, first);
    match Segment::create(disk, folder, first) {
        Ok(_) => Ok(()),
        Err((action, error)) => Err(Failure::new(action, &path, &error)),
    }
}

/// Returns the name of the segment that begins with this position.
pub fn segment_name(first: Lsn) -> String {
    let path = segment::path(Path::new(""), first);
    path.display().to_string()
}

//! What can go wrong, by who must act.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use crate::lsn::Lsn;

/// What was being done to a file when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Creating it.
    Create,
    /// Reading it, or its folder.
    Read,
    /// Writing to it.
    Write,
    /// Making it, or its folder, durable.
    Sync,
    /// Cutting it to a length.
    Cut,
    /// Removing it.
    Remove,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Action::Create => "create",
            Action::Read => "read",
            Action::Write => "write",
            Action::Sync => "sync",
            Action::Cut => "cut",
            Action::Remove => "remove",
        })
    }
}

/// A call to the disk that failed; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("cannot {action} {path}: {why}", path = path.display())]
pub struct Failure {
    /// What was being done.
    pub action: Action,
    /// The file or folder to which it was done.
    pub path: Arc<Path>,
    /// The kind of the error.
    pub kind: io::ErrorKind,
    /// The error's text.
    pub why: Arc<str>,
}

impl Failure {
    /// Returns the failure of doing this to that.
    pub fn new(action: Action, path: &Path, error: &io::Error) -> Self {
        Failure { action, path: path.into(), kind: error.kind(), why: error.to_string().into() }
    }

    /// Says whether there was no room, which may change.
    pub fn is_full(&self) -> bool {
        matches!(self.kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

/// Why a record is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AppendError {
    /// There is no room on the disk; it may be tried again when there is.
    #[error("the log's disk is full: {0}")]
    Full(Failure),
    /// A write or sync has failed; nothing is taken until the log has been opened anew.
    #[error("the log takes no more records: {0}")]
    Poisoned(Failure),
    /// The record is longer than [`RECORD_BYTES_MAX`](crate::RECORD_BYTES_MAX).
    #[error("a record of {bytes} bytes is too long for the log")]
    TooLong {
        /// The length of the record's payload.
        bytes: usize,
    },
    /// The log has been closed.
    #[error("the log is closed")]
    Closed,
}

/// What is wrong with bytes that should be a segment.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Flaw {
    /// The header is too short, has another magic, or its checksum is wrong.
    #[error("the header is damaged")]
    Header,
    /// The header is sound, but of a version that this program does not know.
    #[error("format version {found} is unknown, this program reads version {known}")]
    Version {
        /// The version that the header names.
        found: u32,
        /// The version that this program reads.
        known: u32,
    },
    /// The header names another first record than the file's name does.
    #[error("the header does not belong to this file name")]
    Name,
    /// There is no valid frame although there must be.
    #[error("the bytes where record {next} is expected are damaged")]
    Frame {
        /// The record that should come next.
        next: Lsn,
    },
    /// A valid record with another position than its place asks for.
    #[error("record {found} stands where record {expected} is expected")]
    Order {
        /// The position that should come next.
        expected: Lsn,
        /// The position found.
        found: Lsn,
    },
    /// The records end too early: a segment is missing, or the end of this one.
    #[error("records {expected} to {last} are missing", last = found.previous())]
    Missing {
        /// The first record that is missing.
        expected: Lsn,
        /// The first record of the segment that comes next.
        found: Lsn,
    },
}

/// Bytes of the log that are not what was written, in a place where no loss of power explains it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{path} is not sound at offset {offset}: {flaw}", path = path.display())]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// The offset of the first bad byte, as far as can be told: that of its frame or header.
    pub offset: u64,
    /// What is wrong there.
    pub flaw: Flaw,
}

/// Why a log cannot be opened or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The disk refused a call.
    #[error(transparent)]
    Disk(#[from] Failure),
    /// A segment is damaged, missing or of an unknown version.
    #[error(transparent)]
    Damage(#[from] Damage),
    /// The log begins later than the first record asked for.
    #[error("record {wanted} is asked for, but the log begins with record {first}")]
    Removed {
        /// The record asked for.
        wanted: Lsn,
        /// The first record there is.
        first: Lsn,
    },
    /// The writer's thread cannot be started.
    #[error("cannot start the log's thread: {0}")]
    Thread(#[source] io::Error),
}

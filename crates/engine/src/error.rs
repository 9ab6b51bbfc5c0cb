//! Errors that several families of operations share.

use std::path::PathBuf;

use firth_wal::Lsn;

use crate::blocks::ReadError;
use crate::checkpoint::CheckpointDamage;
use crate::record::RecordError;
use crate::replay::ReplayError;

/// The key holds a value of another type than the operation works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key holds a value of another type")]
pub struct WrongType;

/// The engine could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The data folder cannot be used.
    #[error("cannot use the data folder {path}", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// Another process has the data folder open.
    #[error("the data folder {path} is in use by another process", path = path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The data folder has another format.
    #[error("{path} says \"{found}\", and this program knows \"{known}\"", path = path.display())]
    Format {
        /// The file that says so.
        path: PathBuf,
        /// What it says.
        found: String,
        /// What this program knows.
        known: &'static str,
    },
    /// There is a log, but nothing that says what format it has.
    #[error("{path} is missing, although there is a log beside it", path = path.display())]
    FormatMissing {
        /// The file.
        path: PathBuf,
    },
    /// The log cannot be opened or read, or is damaged.
    #[error(transparent)]
    Log(#[from] firth_wal::OpenError),
    /// No checkpoint is sound from which the log goes on; this is the newest one.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointDamage),
    /// The log ends before the checkpoint that was made of it.
    #[error("the log ends with record {last}, although there is a checkpoint of record {lsn}")]
    LogTooShort {
        /// The last record of the log.
        last: Lsn,
        /// The checkpoint.
        lsn: Lsn,
    },
    /// A record is whole, but makes no sense: it is from another program, or from a newer one.
    #[error("record {lsn} of the log makes no sense: {source}")]
    Record {
        /// The record.
        lsn: Lsn,
        /// What is wrong with it.
        source: RecordError,
    },
    /// A block that a record changes cannot be read.
    #[error("record {lsn} of the log cannot be applied: {source}")]
    Block {
        /// The record.
        lsn: Lsn,
        /// Why not.
        source: ReadError,
    },
}

impl OpenError {
    /// Says whether the folder is damaged, so that a check tells more of it.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            OpenError::Log(firth_wal::OpenError::Damage(damage)) => {
                !matches!(damage.flaw, firth_wal::Flaw::Version { .. })
            }
            OpenError::Log(error) => matches!(error, firth_wal::OpenError::Removed { .. }),
            OpenError::Block { source, .. } => matches!(source, ReadError::Damage { .. }),
            OpenError::Checkpoint(damage) => !damage.flaw.is_version(),
            OpenError::FormatMissing { .. }
            | OpenError::LogTooShort { .. }
            | OpenError::Record { .. } => true,
            _ => false,
        }
    }

    /// Says that this record of the log cannot be applied.
    pub(crate) fn at_record(lsn: Lsn, source: ReplayError) -> Self {
        match source {
            ReplayError::Record(source) => OpenError::Record { lsn, source },
            ReplayError::Read(source) => OpenError::Block { lsn, source },
        }
    }
}

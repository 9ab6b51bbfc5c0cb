//! What a check finds.

use std::path::PathBuf;

use firth_wal::Lsn;

use super::Loss;

/// What is to be said of a data folder.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// All files that count, each sound or not.
    pub files: Vec<CheckedFile>,
    /// What is lost; nothing may be although a file is damaged.
    pub losses: Vec<Loss>,
    /// The checkpoint that the state is read from, if it is.
    pub checkpoint: Option<Lsn>,
    /// How many records of the log come on top of it.
    pub records: u64,
    /// How many keys there are.
    pub keys: u64,
    /// How many entries of streams.
    pub entries: u64,
}

/// A file, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedFile {
    /// The file.
    pub path: PathBuf,
    /// What it is, and what it holds, or should hold.
    pub holds: String,
    /// Whether the file is not there, although others say that it should be.
    pub is_missing: bool,
    /// What is wrong, and at which offset.
    pub flaws: Vec<Found>,
    /// What is to be said besides, and is no damage.
    pub notes: Vec<String>,
}

/// Something that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where in the file.
    pub offset: u64,
    /// What.
    pub flaw: String,
}

impl CheckedFile {
    /// Says whether the file is there and nothing is wrong with it.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        !self.is_missing && self.flaws.is_empty()
    }
}

impl Found {
    pub(super) fn new(offset: u64, flaw: &impl ToString) -> Self {
        Found { offset, flaw: flaw.to_string() }
    }
}

impl Report {
    /// Says whether nothing is damaged and nothing is lost.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.losses.is_empty() && self.files.iter().all(CheckedFile::is_sound)
    }
}

//! Backups: a data folder of its own that holds what a checkpoint holds.
//!
//! The keeper makes a checkpoint, and before anything else can remove what that needs, gives its
//! files second names in another folder; where the file system cannot do that, it copies them.
//! Neither file ever changes below the length that the checkpoint knows of. The log there is empty
//! and goes on behind the checkpoint. FORMAT comes last: a folder without it is not opened.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};

use firth_wal::{Action, Disk, Driving, Failure, Log, Lsn, append_all};

use crate::storage::{FORMAT, Storage};

#[cfg(test)]
mod tests;

/// So much is copied at a time.
const COPY_BYTES: usize = 1 << 20;

/// Why there is no backup.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// Another one is being made.
    #[error("a backup is being made already")]
    Busy,
    /// State lives in memory alone.
    #[error("there is no data folder")]
    NoFolder,
    /// There is something where it should go.
    #[error("there is something at {path} already", path = path.display())]
    Taken {
        /// Where it should go.
        path: PathBuf,
    },
    /// The disk refused a call.
    #[error(transparent)]
    Disk(#[from] Failure),
    /// There is no checkpoint to be taken.
    #[error("no checkpoint could be made: {0}")]
    Checkpoint(String),
    /// Its log could not be begun.
    #[error("the log of the backup could not be begun: {0}")]
    Log(String),
}

/// The making of one backup.
#[derive(Debug)]
pub(crate) struct Backup {
    to: PathBuf,
    lsn: Lsn,
    /// The block files that are still to come.
    files: Vec<u32>,
    next: Next,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Folders,
    Blocks,
    Checkpoint,
    Format,
}

/// Whether a backup is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wholeness {
    Partial,
    Whole,
}

impl Backup {
    /// Begins a backup of the newest checkpoint, which names these block files.
    pub(crate) fn new(to: PathBuf, lsn: Lsn, files: impl IntoIterator<Item = u32>) -> Self {
        Backup { to, lsn, files: files.into_iter().collect(), next: Next::Folders }
    }

    /// Does the next piece: at most one file.
    ///
    /// # Errors
    /// See [`BackupError`]; what has been made of the backup stays, and is not opened.
    pub(crate) fn step(&mut self, storage: &Storage) -> Result<Wholeness, BackupError> {
        let disk = &**storage.disk();
        match self.next {
            Next::Folders => {
                self.begin(storage)?;
                self.next = Next::Blocks;
            }
            Next::Blocks => match self.files.pop() {
                Some(number) => take_over(disk, &storage.blocks().path_of(number), &self.blocks())?,
                None => {
                    sync(disk, &self.blocks())?;
                    self.next = Next::Checkpoint;
                }
            },
            Next::Checkpoint => {
                let folder = self.to.join("checkpoints");
                take_over(disk, &storage.checkpoints().path_of(self.lsn), &folder)?;
                sync(disk, &folder)?;
                self.next = Next::Format;
            }
            Next::Format => {
                let path = self.to.join("FORMAT");
                let written = disk.replace(&path, FORMAT.as_bytes());
                written.map_err(|error| Failure::new(Action::Write, &path, &error))?;
                return Ok(Wholeness::Whole);
            }
        }
        Ok(Wholeness::Partial)
    }

    fn begin(&self, storage: &Storage) -> Result<(), BackupError> {
        let disk = storage.disk();
        check_is_free(&**disk, &self.to)?;
        for folder in [self.blocks(), self.to.join("checkpoints")] {
            let created = disk.create_folder(&folder);
            created.map_err(|error| Failure::new(Action::Create, &folder, &error))?;
        }
        let options = firth_wal::Options {
            driving: Driving::Caller,
            first_lsn: self.lsn.next(),
            ..firth_wal::Options::default()
        };
        let log = Log::open(self.to.join("log"), disk.clone(), options);
        let (log, _) = log.map_err(|error| BackupError::Log(error.to_string()))?;
        log.close().map_err(|error| BackupError::Log(error.to_string()))?;
        sync(&**disk, self.to.parent().unwrap_or(Path::new("")))?;
        Ok(())
    }

    fn blocks(&self) -> PathBuf {
        self.to.join("blocks")
    }
}

/// Says whether a backup can go to a place.
pub(crate) fn check_is_free(disk: &dyn Disk, to: &Path) -> Result<(), BackupError> {
    let is_empty = |folder: &Path| disk.list(folder).map_or(true, |names| names.is_empty());
    if is_empty(to) && is_empty(&to.join("log")) {
        Ok(())
    } else {
        Err(BackupError::Taken { path: to.to_owned() })
    }
}

/// Gives a file a second name in a folder, or copies it there.
fn take_over(disk: &dyn Disk, from: &Path, folder: &Path) -> Result<(), Failure> {
    let to = folder.join(from.file_name().unwrap_or_default());
    match disk.link(from, &to) {
        Ok(()) => Ok(()),
        Err(_) => copy(disk, from, &to),
    }
}

/// Copies a file, durably but for its new name.
pub(crate) fn copy(disk: &dyn Disk, from: &Path, to: &Path) -> Result<(), Failure> {
    let fail = |action, path: &Path| {
        let path = path.to_owned();
        move |error: io::Error| Failure::new(action, &path, &error)
    };
    let source = disk.open(from).map_err(fail(Action::Read, from))?;
    let copy = disk.create(to).map_err(fail(Action::Create, to))?;
    let mut bytes = vec![0; COPY_BYTES];
    let mut offset = 0;
    loop {
        let read = source.read_at(offset, &mut bytes).map_err(fail(Action::Read, from))?;
        if read == 0 {
            break;
        }
        offset += read as u64;
        let read = bytes.get(..read).unwrap_or_default();
        append_all(&*copy, &mut [IoSlice::new(read)]).map_err(fail(Action::Write, to))?;
    }
    copy.sync_data().map_err(fail(Action::Sync, to))
}

fn sync(disk: &dyn Disk, folder: &Path) -> Result<(), Failure> {
    disk.sync_folder(folder).map_err(|error| Failure::new(Action::Sync, folder, &error))
}

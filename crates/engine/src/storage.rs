//! The data folder: what is kept of the state, and where.
//!
//! ```text
//! DIR/LOCK       held for as long as the folder is open
//! DIR/FORMAT     the text "firth 1" and a line end; another one is refused
//! DIR/log/       the segments of the log
//! DIR/checkpoints/   the state as it was at some position of the log
//! DIR/blocks/    full blocks of streams, which checkpoints refer to and which may leave memory
//! ```

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use firth_wal::{Disk, DiskLock, Log, Options as LogOptions, Recovery};

use crate::blocks::{BlockStore, StoreOptions};
use crate::checkpoint::CheckpointFolder;
use crate::engine::Options;
use crate::error::OpenError;
use crate::keeper::Keeper;

/// What FORMAT says of a folder that this program reads and writes.
pub(crate) const FORMAT: &str = "firth 1\n";
/// How many bytes of an unknown FORMAT are shown.
const FORMAT_BYTES_SHOWN: usize = 40;

/// A data folder that is open, and the log in it.
#[derive(Debug)]
pub struct Storage {
    folder: PathBuf,
    disk: Arc<dyn Disk>,
    log: Arc<Log>,
    checkpoints: CheckpointFolder,
    blocks: Arc<BlockStore>,
    keeper: Keeper,
    /// After how many bytes of log a checkpoint is made unasked.
    checkpoint_after_bytes: u64,
    /// How many bytes of log there were when it was opened.
    logged_before: u64,
    /// The last to go: the log ends before somebody else may have the folder.
    _lock: Box<dyn DiskLock>,
}

impl Storage {
    /// Takes a folder and opens its log, or begins one.
    ///
    /// # Errors
    /// The folder cannot be used, is in use, or is not sound.
    pub(crate) fn open(
        folder: &Path,
        disk: Arc<dyn Disk>,
        options: &Options,
    ) -> Result<(Storage, Recovery), OpenError> {
        let lock = lock_folder(folder, &*disk)?;
        check_format(folder, &*disk)?;
        let log_options = LogOptions {
            durability: options.durability,
            driving: options.driving,
            segment_bytes: options.segment_bytes,
            reserve_bytes: options.reserve_bytes,
            ..LogOptions::default()
        };
        let (log, recovery) = Log::open(folder.join("log"), Arc::clone(&disk), log_options)?;
        let checkpoints = CheckpointFolder::open(folder.join("checkpoints"), Arc::clone(&disk));
        let checkpoints = checkpoints.map_err(firth_wal::OpenError::from)?;
        let store_options =
            StoreOptions { file_bytes: options.block_file_bytes, ..StoreOptions::default() };
        let blocks = BlockStore::open(folder.join("blocks"), Arc::clone(&disk), store_options);
        let blocks = Arc::new(blocks.map_err(firth_wal::OpenError::from)?);
        let storage = Storage {
            folder: folder.to_owned(),
            disk,
            logged_before: log.stats().segment_bytes,
            log: Arc::new(log),
            checkpoints,
            blocks,
            keeper: Keeper::default(),
            checkpoint_after_bytes: options.checkpoint_after_bytes,
            _lock: lock,
        };
        Ok((storage, recovery))
    }

    /// Returns the folder of checkpoints.
    pub(crate) fn checkpoints(&self) -> &CheckpointFolder {
        &self.checkpoints
    }

    /// Returns the block files.
    pub fn blocks(&self) -> &Arc<BlockStore> {
        &self.blocks
    }

    /// Returns the keeper.
    pub(crate) fn keeper(&self) -> &Keeper {
        &self.keeper
    }

    /// Returns after how many bytes of log a checkpoint is made unasked.
    pub(crate) fn checkpoint_after_bytes(&self) -> u64 {
        self.checkpoint_after_bytes
    }

    /// Returns how many bytes have been logged, and were there when the log was opened.
    pub(crate) fn logged_bytes(&self) -> u64 {
        self.logged_before + self.log.stats().written_bytes
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the disk that the folder is on.
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// Returns the log.
    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }
}

/// Takes the lock of a folder, creating it if need be.
pub(crate) fn lock_folder(folder: &Path, disk: &dyn Disk) -> Result<Box<dyn DiskLock>, OpenError> {
    let unusable = |source| OpenError::Folder { path: folder.to_owned(), source };
    disk.create_folder(folder).map_err(|source| match source.kind() {
        // That a file exists is no reason to those who know what they have named.
        ErrorKind::AlreadyExists => unusable(io::Error::new(source.kind(), "it is not a folder")),
        _ => unusable(source),
    })?;
    disk.lock(&folder.join("LOCK")).map_err(|source| match source.kind() {
        ErrorKind::WouldBlock => OpenError::InUse { path: folder.to_owned() },
        _ => unusable(source),
    })
}

/// Reads what format a folder has; a new one gets ours.
fn check_format(folder: &Path, disk: &dyn Disk) -> Result<(), OpenError> {
    let path = folder.join("FORMAT");
    match disk.read(&path) {
        Ok(found) if found == FORMAT.as_bytes() => Ok(()),
        Ok(found) => {
            let shown = found.get(..FORMAT_BYTES_SHOWN).unwrap_or(&found);
            let found = String::from_utf8_lossy(shown).trim_end().escape_default().to_string();
            Err(OpenError::Format { path, found, known: FORMAT.trim_end() })
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // FORMAT is durable before anything else is written, so a log without one is not ours,
            // or something has been removed from the folder.
            match disk.list(&folder.join("log")) {
                Ok(names) if !names.is_empty() => return Err(OpenError::FormatMissing { path }),
                _ => {}
            }
            let written = disk.replace(&path, FORMAT.as_bytes());
            written.map_err(|source| OpenError::Folder { path: folder.to_owned(), source })
        }
        Err(source) => Err(OpenError::Folder { path, source }),
    }
}

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;

//! Checking a data folder, and repairing one that is damaged.
//!
//! A check reads every file and goes on behind what is damaged, builds the state that is left, and
//! says what is not sound and what is lost. It changes nothing. A repair does the same and then keeps
//! what is left as a new checkpoint.
//!
//! - **The log.** Behind a lost record the later ones are applied all the same. They may rely on what
//!   is lost; what does not fit is left out and told, see `replay/guarded.rs`.
//! - **Checkpoints.** The newest sound one counts from which the log goes on. If there is none, the
//!   newest one is read as far as it is sound, and what is missing of it is told key by key.
//! - **Blocks.** A damaged block is left out of its stream. The counters of the stream stay.

mod blocks;
mod loss;
mod repair;
mod report;
mod state;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use firth_wal::{Disk, DiskLock, Failure};

pub use self::loss::Loss;
pub use self::repair::{Repaired, repair};
pub use self::report::{CheckedFile, Found, Report};
use self::state::State;
use crate::clock::Clock;
use crate::error::OpenError;

/// Why a folder cannot be checked or repaired.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// There is no such folder, or nothing of ours in it.
    #[error("{path} is no data folder", path = path.display())]
    NoFolder {
        /// The folder.
        path: PathBuf,
    },
    /// It cannot be used, another process uses it, or it has another format.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The disk refuses a call.
    #[error(transparent)]
    Disk(#[from] Failure),
    /// A file has a format that this program does not know.
    #[error("{path} has format version {version}, which this program does not know", path = path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// What was written for the repair is not what was to be written.
    #[error("what was written to {path} cannot be read back", path = path.display())]
    NotReadBack {
        /// The file.
        path: PathBuf,
    },
}

/// Checks a data folder that nobody uses, and changes nothing in it.
///
/// # Errors
/// It cannot be checked.
pub fn check(
    folder: &Path,
    clock: Arc<dyn Clock>,
    disk: &Arc<dyn Disk>,
) -> Result<Report, CheckError> {
    let _lock = take(folder, &**disk)?;
    Ok(State::read(folder, clock, disk)?.report)
}

/// Takes the lock of a folder that is there.
fn take(folder: &Path, disk: &dyn Disk) -> Result<Box<dyn DiskLock>, CheckError> {
    let no_folder = || CheckError::NoFolder { path: folder.to_owned() };
    let names = |name: &str| disk.list(&folder.join(name)).unwrap_or_default();
    let is_ours = disk.read(&folder.join("FORMAT")).is_ok()
        || !names("log").is_empty()
        || !names("checkpoints").is_empty();
    if !is_ours {
        return Err(no_folder());
    }
    Ok(crate::storage::lock_folder(folder, disk)?)
}

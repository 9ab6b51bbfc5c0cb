//! Checking and repairing a data folder that no server uses.

use std::path::Path;
use std::sync::Arc;

pub use firth_engine::check::{CheckError, CheckedFile, Found, Loss, Repaired, Report};
use firth_engine::{Disk, FileDisk, SystemClock, check};

/// Checks a folder, and changes nothing in it.
///
/// # Errors
/// It cannot be checked.
pub fn check(folder: &Path) -> Result<Report, CheckError> {
    check::check(folder, Arc::new(SystemClock), &disk())
}

/// Checks a folder, and keeps what is left if it is not sound.
///
/// # Errors
/// It cannot be checked or repaired.
pub fn repair(folder: &Path) -> Result<Repaired, CheckError> {
    check::repair(folder, Arc::new(SystemClock), &disk())
}

fn disk() -> Arc<dyn Disk> {
    Arc::new(FileDisk)
}

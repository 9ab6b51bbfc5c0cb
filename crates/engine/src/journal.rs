//! The sequence of all committed batches.

use std::sync::atomic::{AtomicU64, Ordering};

use firth_wal::Lsn;

/// Gives each committed batch of effects its position.
///
/// This journal keeps nothing: state lives in memory alone, so a batch is as durable as it will
/// ever be the moment it is applied. What waits for a position to be durable already asks here.
#[derive(Debug, Default)]
pub struct Journal {
    last: AtomicU64,
}

impl Journal {
    /// Commits a batch and returns its position.
    pub(crate) fn append(&self) -> Lsn {
        Lsn(self.last.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Returns the position of the last committed batch.
    pub fn last(&self) -> Lsn {
        Lsn(self.last.load(Ordering::Relaxed))
    }

    /// Returns the position up to which every batch is durable.
    pub fn durable(&self) -> Lsn {
        Lsn::MAX
    }
}

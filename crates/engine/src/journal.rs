//! The sequence of all committed batches.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use firth_wal::Lsn;

/// What keeps the records of batches.
pub trait Sink: Send + Sync {
    /// Takes the record of a batch and returns its position, above those of all before.
    ///
    /// Called while the shards of the batch are locked, and after its effects have been applied: it
    /// must neither wait nor refuse. A sink that has failed returns [`Lsn::MAX`], a position that is
    /// never durable.
    fn append(&self, record: &[u8]) -> Lsn;

    /// Returns the position of the last batch.
    fn last(&self) -> Lsn;

    /// Returns the position up to which clients may be told of what was done.
    fn durable(&self) -> Lsn;
}

/// Gives each committed batch of effects its position.
///
/// Without a sink it keeps nothing: state lives in memory alone, so a batch is as durable as it will
/// ever be the moment it is applied, and no effect is encoded.
#[derive(Default)]
pub struct Journal {
    last: AtomicU64,
    sink: Option<Arc<dyn Sink>>,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("last", &self.last())
            .field("keeps", &self.keeps())
            .finish_non_exhaustive()
    }
}

impl Journal {
    /// Returns a journal that keeps its batches.
    pub(crate) fn kept_by(sink: Arc<dyn Sink>) -> Self {
        Journal { last: AtomicU64::new(0), sink: Some(sink) }
    }

    /// Says whether batches are kept, and so have to be encoded.
    #[inline]
    pub(crate) fn keeps(&self) -> bool {
        self.sink.is_some()
    }

    /// Commits a batch and returns its position. The record is looked at only if it is kept.
    #[inline]
    pub(crate) fn append(&self, record: &[u8]) -> Lsn {
        match &self.sink {
            None => Lsn(self.last.fetch_add(1, Ordering::Relaxed) + 1),
            Some(sink) => sink.append(record),
        }
    }

    /// Returns the position of the last committed batch.
    pub fn last(&self) -> Lsn {
        match &self.sink {
            None => Lsn(self.last.load(Ordering::Relaxed)),
            Some(sink) => sink.last(),
        }
    }

    /// Returns the position up to which every batch is durable.
    pub fn durable(&self) -> Lsn {
        self.sink.as_ref().map_or(Lsn::MAX, |sink| sink.durable())
    }
}

//! The sequence of all committed batches.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use firth_wal::{AppendError, Log, Lsn};

/// What keeps the records of batches.
pub(crate) trait Sink: Send + Sync {
    /// Takes the record of a batch and returns its position, above those of all before.
    ///
    /// Called while the shards of the batch are locked, and after its effects have been applied: it
    /// must neither wait nor refuse. A sink that has failed returns [`Lsn::MAX`], a position that is
    /// never settled.
    fn append(&self, record: &[u8]) -> Lsn;

    /// Returns the position of the last batch.
    fn last(&self) -> Lsn;

    /// Returns the position up to which clients may be told of what was done.
    fn settled(&self) -> Lsn;

    /// Says whether batches are taken now, so that changes may be made.
    fn admits(&self) -> bool;

    /// Waits until batches are taken.
    fn admit(&self) -> Result<(), AppendError>;
}

impl Sink for Arc<Log> {
    fn append(&self, record: &[u8]) -> Lsn {
        // The failure is the log's, which has told of it.
        self.append_admitted(|bytes| bytes.extend_from_slice(record)).unwrap_or(Lsn::MAX)
    }

    fn last(&self) -> Lsn {
        Log::last(self)
    }

    fn settled(&self) -> Lsn {
        // What could not be appended is never settled, whatever the durability.
        Log::settled(self).min(Lsn::MAX.previous())
    }

    fn admits(&self) -> bool {
        Log::admits(self)
    }

    fn admit(&self) -> Result<(), AppendError> {
        Log::admit(self)
    }
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

    /// Returns the position up to which clients may be told of what was done: with the durability
    /// `Always` what is on the disk, otherwise everything that could be logged. [`Lsn::MAX`] stands
    /// for a change that could not be, which is never settled if there is a log.
    #[inline]
    pub fn settled(&self) -> Lsn {
        self.sink.as_ref().map_or(Lsn::MAX, |sink| sink.settled())
    }

    /// Says whether changes may be made now: batches are taken, and without waiting.
    #[inline]
    pub fn admits(&self) -> bool {
        self.sink.as_ref().is_none_or(|sink| sink.admits())
    }

    /// Waits until changes may be made. To be asked before shards are locked for changing something.
    ///
    /// # Errors
    /// The log is full, poisoned or closed: nothing may be changed.
    #[inline]
    pub fn admit(&self) -> Result<(), AppendError> {
        self.sink.as_ref().map_or(Ok(()), |sink| sink.admit())
    }
}

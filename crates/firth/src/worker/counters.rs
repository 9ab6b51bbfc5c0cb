//! What a worker has done.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a worker has done since it was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerStats {
    /// Entries that were handled and acknowledged.
    pub processed: u64,
    /// Handlers that failed, panicked or took too long.
    pub failed: u64,
    /// Entries that their handler [rejected](super::Verdict::Reject).
    pub rejected: u64,
    /// Entries that could not be read as a value, which no handler has seen.
    pub unreadable: u64,
    /// Deliveries that were not the first one of their entry.
    pub retried: u64,
    /// Entries that were moved to the dead letters, for whatever reason.
    pub dead: u64,
    /// Entries that were taken over from others who had left them.
    pub taken_over: u64,
    /// Handlers that run now.
    pub in_flight: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) processed: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) rejected: AtomicU64,
    pub(super) unreadable: AtomicU64,
    pub(super) retried: AtomicU64,
    pub(super) dead: AtomicU64,
    pub(super) taken_over: AtomicU64,
    pub(super) in_flight: AtomicU64,
}

impl Counters {
    pub(super) fn read(&self) -> WorkerStats {
        WorkerStats {
            processed: self.processed.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            rejected: self.rejected.load(Ordering::Relaxed),
            unreadable: self.unreadable.load(Ordering::Relaxed),
            retried: self.retried.load(Ordering::Relaxed),
            dead: self.dead.load(Ordering::Relaxed),
            taken_over: self.taken_over.load(Ordering::Relaxed),
            in_flight: self.in_flight.load(Ordering::Relaxed),
        }
    }
}

/// Adds to a counter.
pub(super) fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Ordering::Relaxed);
}

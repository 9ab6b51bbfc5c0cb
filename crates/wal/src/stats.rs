//! Numbers about a log, for those who watch it.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a log has done since it was opened, and what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// The number of segment files.
    pub segments: usize,
    /// The bytes in them.
    pub segment_bytes: u64,
    /// The bytes that wait for the writer.
    pub open_bytes: usize,
    /// The writes since the log was opened: each takes whatever had gathered.
    pub writes: u64,
    /// The bytes of these writes.
    pub written_bytes: u64,
    /// The syncs since the log was opened.
    pub syncs: u64,
}

/// What the writer counts.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    writes: AtomicU64,
    written_bytes: AtomicU64,
    syncs: AtomicU64,
}

impl Counters {
    pub(crate) fn wrote(&self, bytes: u64) {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.written_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn synced(&self) {
        self.syncs.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the counts, with the numbers of the segments left at zero.
    pub(crate) fn snapshot(&self) -> Stats {
        Stats {
            writes: self.writes.load(Ordering::Relaxed),
            written_bytes: self.written_bytes.load(Ordering::Relaxed),
            syncs: self.syncs.load(Ordering::Relaxed),
            ..Stats::default()
        }
    }
}

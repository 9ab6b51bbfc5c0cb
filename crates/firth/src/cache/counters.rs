//! What a cache has done so far.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a cache has done so far, and how much it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// How often a value was there.
    pub hits: u64,
    /// How often it was not.
    pub misses: u64,
    /// How often a loader was run. Many who miss the same key together are one load.
    pub loads: u64,
    /// How many loads failed.
    pub failures: u64,
    /// How many loaded values were not kept, because an invalidation came while they were being loaded.
    pub outdated: u64,
    /// How many invalidations there were: messages that were received, and calls on this cache.
    pub invalidations: u64,
    /// How many values were dropped by invalidations.
    pub dropped: u64,
    /// How often everything was dropped because messages may have been missed.
    pub gaps: u64,
    /// How often everything was dropped because it could not be known what a message was about.
    pub malformed: u64,
    /// How often everything was dropped for any reason: these two, calls of [`clear`](super::Cache::clear), and the
    /// end of the broker.
    pub clears: u64,
    /// How many values were dropped then.
    pub cleared: u64,
    /// About how many values are held.
    pub entries: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) hits: Counter,
    pub(super) misses: Counter,
    pub(super) loads: Counter,
    pub(super) failures: Counter,
    pub(super) outdated: Counter,
    pub(super) invalidations: Counter,
    pub(super) dropped: Counter,
    pub(super) gaps: Counter,
    pub(super) malformed: Counter,
    pub(super) clears: Counter,
    pub(super) cleared: Counter,
}

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(super) fn read(&self, entries: u64) -> CacheStats {
        CacheStats {
            hits: self.hits.read(),
            misses: self.misses.read(),
            loads: self.loads.read(),
            failures: self.failures.read(),
            outdated: self.outdated.read(),
            invalidations: self.invalidations.read(),
            dropped: self.dropped.read(),
            gaps: self.gaps.read(),
            malformed: self.malformed.read(),
            clears: self.clears.read(),
            cleared: self.cleared.read(),
            entries,
        }
    }
}

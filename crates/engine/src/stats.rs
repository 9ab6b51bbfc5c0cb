//! Counters over all keys.

use crate::locked::Locked;

/// What happened to keys since the start or since the counters were reset, and who has an interest
/// in them now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyStats {
    /// Reads that found their key.
    pub hits: u64,
    /// Reads that did not.
    pub misses: u64,
    /// Keys that went because their time was up.
    pub expired: u64,
    /// Keys that readers are blocked on.
    pub blocking_keys: usize,
    /// Those of them whose readers also wait for the key to go away.
    pub blocking_keys_on_nokey: usize,
    /// Keys that tracking clients have read.
    pub tracked_keys: usize,
    /// Pairs of such a key and a client that has read it.
    pub tracked_items: usize,
}

impl Locked<'_> {
    /// Returns the counters of the locked shards.
    pub fn stats(&self) -> KeyStats {
        let mut stats = KeyStats::default();
        for shard in self.shards() {
            let (blocking, on_nokey) = shard.interest.blocking_keys();
            stats.hits += shard.counters.hits;
            stats.misses += shard.counters.misses;
            stats.expired += shard.counters.expired;
            stats.blocking_keys += blocking;
            stats.blocking_keys_on_nokey += on_nokey;
            stats.tracked_keys += shard.interest.tracked_keys();
            stats.tracked_items += shard.interest.tracked_items();
        }
        stats
    }

    /// Sets the counters of the locked shards to zero.
    pub fn reset_stats(&mut self) {
        for shard in self.shards_mut() {
            shard.counters = Default::default();
        }
    }

    /// Returns about how many bytes of memory the keys of the locked shards take.
    pub fn memory_bytes(&self) -> usize {
        let databases = self.shards().flat_map(|shard| &shard.databases);
        let entries = databases.flat_map(|database| database.keys.iter());
        entries.map(crate::value::Entry::memory_bytes).sum()
    }
}

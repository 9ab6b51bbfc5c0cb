//! Keys and where they live.

use std::hash::BuildHasher;

use foldhash::quality::FixedState;

/// The leading bits of a key's hash that choose its shard.
pub(crate) const SHARD_BITS: u32 = 6;
/// How many shards there are.
pub(crate) const SHARDS: usize = 1 << SHARD_BITS;
/// How many databases a client can select.
pub const DATABASES: u8 = 16;

/// The hash of a key, with which it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHash(pub(crate) u64);

impl KeyHash {
    pub(crate) fn shard(self) -> usize {
        (self.0 >> (u64::BITS - SHARD_BITS)) as usize
    }
}

/// Hashes keys under a seed, so that nobody outside can choose keys that collide.
#[derive(Clone, Debug)]
pub(crate) struct KeyHasher(FixedState);

impl KeyHasher {
    pub(crate) fn new(seed: u64) -> Self {
        KeyHasher(FixedState::with_seed(seed))
    }

    pub(crate) fn hash(&self, key: &[u8]) -> KeyHash {
        KeyHash(self.0.hash_one(key))
    }
}

/// A key of a database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DbKey {
    /// The database.
    pub db: u8,
    /// The key's bytes.
    pub key: Box<[u8]>,
}

impl DbKey {
    /// Returns the key of a database.
    pub fn new(db: u8, key: &[u8]) -> Self {
        DbKey { db, key: key.into() }
    }
}

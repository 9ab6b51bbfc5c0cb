//! The engine: all keys, sharded, and the hub of channels.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use firth_wal::{Cut, Disk, Driving, Durability, Lsn, Recovery};
use parking_lot::Mutex;

use crate::bell::Bell;
use crate::blocks::Memory;
use crate::checkpoint::{CheckpointDamage, Found};
use crate::clock::Clock;
use crate::error::OpenError;
use crate::event::EventMask;
use crate::journal::Journal;
use crate::key::{KeyHash, KeyHasher, SHARDS};
use crate::locked::{Locked, ShardSet};
use crate::pubsub::Hub;
use crate::replay::Replay;
use crate::shard::Shard;
use crate::storage::Storage;
use crate::stream::NodeLimits;
use crate::upkeep::Upkeep;
use crate::value::Value;

/// How an engine is opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The data folder; without one, which is the default, state lives in memory alone.
    pub folder: Option<PathBuf>,
    /// When a change counts as settled, so that clients may be told of it. Default: when it is on
    /// the disk.
    pub durability: Durability,
    /// After how many bytes of log a checkpoint is made unasked, at least. Default: 64 MiB.
    pub checkpoint_after_bytes: u64,
    /// The length that a file of the log does not exceed, unless by a single record. Default: 64 MiB.
    pub segment_bytes: u64,
    /// After how many bytes the next file of blocks is begun. Default: 64 MiB.
    pub block_file_bytes: u32,
    /// How much longer the newest segment of the log is made in advance; the default is 1 MiB.
    pub reserve_bytes: u64,
    /// Who runs the log's writer: a thread, which is the default, or the caller, by
    /// [`Log::drive`](firth_wal::Log::drive).
    pub driving: Driving,
    /// What keys are hashed under and random choices start from. Default: 0; a server passes a
    /// number that nobody can guess.
    pub seed: u64,
}

impl Options {
    /// Returns options without a data folder.
    pub fn new() -> Self {
        Options {
            folder: None,
            durability: Durability::Always,
            checkpoint_after_bytes: 64 << 20,
            segment_bytes: 64 << 20,
            block_file_bytes: 64 << 20,
            reserve_bytes: 1 << 20,
            driving: Driving::Thread,
            seed: 0,
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Options::new()
    }
}

/// Streams, strings and channels, shared by all threads.
///
/// Keys are reached through [`Engine::lock`], which locks the shards that they live in; channels
/// through [`Engine::hub`].
#[derive(Debug)]
pub struct Engine {
    shards: Box<[Mutex<Shard>]>,
    hasher: KeyHasher,
    hub: Hub,
    journal: Journal,
    clock: Arc<dyn Clock>,
    settings: Settings,
    random: AtomicU64,
    memory: Arc<Memory>,
    upkeep: Mutex<Upkeep>,
    bell: Bell,
    storage: Option<Storage>,
}

/// What was found when an engine was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Opened {
    /// How many keys there are.
    pub keys: u64,
    /// How many entries there are in all streams.
    pub entries: u64,
    /// The checkpoint that the state was read from, if there was one.
    pub checkpoint: Option<Lsn>,
    /// Newer checkpoints that are not sound, so that they were passed over.
    pub unsound: Vec<CheckpointDamage>,
    /// How many records of the log were applied.
    pub records: u64,
    /// The end of the log that was cut off since it was torn.
    pub cut: Option<Cut>,
    /// How many nanoseconds it took.
    pub took_ns: u64,
}

/// What can be set while the engine runs.
#[derive(Debug)]
pub struct Settings {
    event_mask: AtomicU32,
    broadcasts: AtomicBool,
    node_entries_max: AtomicU32,
    node_bytes_max: AtomicU32,
    idempotence_duration_s: AtomicU32,
    idempotence_entries_max: AtomicU32,
}

impl Engine {
    /// Opens an engine, with the state that is kept in its data folder.
    ///
    /// # Errors
    /// The data folder cannot be used, another process uses it, or it is not sound.
    pub fn open(
        options: &Options,
        clock: Arc<dyn Clock>,
        disk: Arc<dyn Disk>,
    ) -> Result<(Engine, Opened), OpenError> {
        let started_ns = clock.monotonic_ns();
        let seed = options.seed;
        let Some(folder) = &options.folder else {
            let engine = Engine::new(seed, clock, Journal::default(), None);
            return Ok((engine, Opened::default()));
        };
        let (storage, recovery) = Storage::open(folder, disk, options)?;
        let journal = Journal::kept_by(Arc::new(Arc::clone(storage.log())));
        let engine = Engine::new(seed, clock, journal, Some(storage));
        let found = engine.recover(&recovery)?;
        let (keys, entries) = engine.count();
        let took_ns = engine.clock.monotonic_ns().saturating_sub(started_ns);
        let cut = recovery.cut().cloned();
        Ok((engine, Opened { keys, entries, cut, took_ns, ..found }))
    }

    fn new(seed: u64, clock: Arc<dyn Clock>, journal: Journal, storage: Option<Storage>) -> Engine {
        let memory = Arc::default();
        Engine {
            shards: (0..SHARDS).map(|_| Mutex::new(Shard::new(&memory))).collect(),
            hasher: KeyHasher::new(seed),
            hub: Hub::new(),
            journal,
            clock,
            settings: Settings::default(),
            random: AtomicU64::new(seed),
            memory,
            bell: Bell::default(),
            upkeep: Mutex::new(Upkeep::new(storage.as_ref().map(Storage::blocks))),
            storage,
        }
    }

    /// Loads the newest checkpoint that is sound, and applies the records of the log behind it.
    fn recover(&self, recovery: &Recovery) -> Result<Opened, OpenError> {
        let Some(storage) = &self.storage else { return Ok(Opened::default()) };
        let mut replay = self.replay();
        let found = storage.checkpoints().load_newest(storage.blocks(), &mut replay);
        let Found { loaded, unsound } = found.map_err(firth_wal::OpenError::from)?;
        // Another program wrote it: what that needs must not be undone by going on without it.
        if let Some(unknown) = unsound.iter().find(|damage| damage.flaw.is_version()) {
            return Err(unknown.clone().into());
        }
        let lsn = loaded.map_or(Lsn::ZERO, |loaded| loaded.lsn);
        let mut records = match (recovery.records(lsn.next()), unsound.first()) {
            (Err(firth_wal::OpenError::Removed { .. }), Some(damage)) => {
                return Err(damage.clone().into());
            }
            (records, _) => records?,
        };
        if recovery.last_lsn() < lsn {
            return Err(OpenError::LogTooShort { last: recovery.last_lsn(), lsn });
        }
        let mut applied = 0;
        while let Some((lsn, record)) = records.next_record()? {
            replay.apply(record).map_err(|source| OpenError::at_record(lsn, source))?;
            applied += 1;
        }
        storage.keeper().opened(loaded, self.clock.now_ms());
        let checkpoint = loaded.map(|loaded| loaded.lsn);
        Ok(Opened { checkpoint, records: applied, unsound, ..Opened::default() })
    }

    /// Counts the keys and the entries of all streams.
    pub(crate) fn count(&self) -> (u64, u64) {
        let keys = self.lock(ShardSet::ALL, 0);
        let databases = keys.shards().flat_map(|shard| &shard.databases);
        let all = databases.flat_map(|database| database.keys.iter());
        all.fold((0, 0), |(keys, entries), entry| match entry.value() {
            Value::Stream(stream) => (keys + 1, entries + stream.len()),
            Value::String(_) => (keys + 1, entries),
        })
    }

    /// Lets a sink keep all that is changed from now on.
    #[cfg(test)]
    #[must_use]
    pub(crate) fn kept_by(self, sink: Arc<dyn crate::journal::Sink>) -> Engine {
        Engine { journal: Journal::kept_by(sink), ..self }
    }

    /// Returns the data folder, if there is one.
    pub fn storage(&self) -> Option<&Storage> {
        self.storage.as_ref()
    }

    /// Locks all shards for applying records of earlier changes, in their order.
    ///
    /// Nobody is told of these changes and no sink is given them. That keys count as used at this
    /// moment is all that the clock has to do with it.
    pub fn replay(&self) -> Replay<'_> {
        Replay::new(self, self.clock.now_ms())
    }

    /// Returns the hash of a key.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> KeyHash {
        self.hasher.hash(key)
    }

    /// Locks the shards of these keys, for one command or one transaction that runs at this time.
    ///
    /// This is the only place that locks more than one shard, and it does so in their order.
    #[inline]
    pub fn lock(&self, shards: ShardSet, now_ms: u64) -> Locked<'_> {
        Locked::new(self, shards, now_ms)
    }

    /// Returns the hub of channels.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Returns the sequence of committed batches.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Returns what is in memory of the streams' blocks.
    pub fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }

    pub(crate) fn bell(&self) -> &Bell {
        &self.bell
    }

    pub(crate) fn upkeep(&self) -> &Mutex<Upkeep> {
        &self.upkeep
    }

    /// Returns the clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Returns what can be set while the engine runs.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn shard(&self, index: usize) -> &Mutex<Shard> {
        &self.shards[index]
    }

    /// Returns a number that looks random and is determined by the seed (splitmix64).
    pub(crate) fn random(&self) -> u64 {
        let step = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.random.fetch_add(step, Ordering::Relaxed).wrapping_add(step);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            event_mask: AtomicU32::new(0),
            broadcasts: AtomicBool::new(false),
            node_entries_max: AtomicU32::new(100),
            node_bytes_max: AtomicU32::new(4096),
            idempotence_duration_s: AtomicU32::new(100),
            idempotence_entries_max: AtomicU32::new(100),
        }
    }
}

impl Settings {
    /// Returns which keyspace events are wanted.
    pub fn event_mask(&self) -> EventMask {
        EventMask(self.event_mask.load(Ordering::Relaxed))
    }

    /// Sets which keyspace events are wanted.
    pub fn set_event_mask(&self, mask: EventMask) {
        self.event_mask.store(mask.0, Ordering::Relaxed);
    }

    /// Says whether every changed key is reported as an invalidation, whoever has read it.
    pub fn broadcasts(&self) -> bool {
        self.broadcasts.load(Ordering::Relaxed)
    }

    /// Sets whether every changed key is reported.
    pub fn set_broadcasts(&self, broadcasts: bool) {
        self.broadcasts.store(broadcasts, Ordering::Relaxed);
    }

    /// Returns how much goes into one block of a stream.
    pub fn node_limits(&self) -> NodeLimits {
        NodeLimits {
            entries_max: self.node_entries_max.load(Ordering::Relaxed),
            bytes_max: self.node_bytes_max.load(Ordering::Relaxed),
        }
    }

    /// Sets how much goes into one block of a stream.
    pub fn set_node_limits(&self, limits: NodeLimits) {
        self.node_entries_max.store(limits.entries_max, Ordering::Relaxed);
        self.node_bytes_max.store(limits.bytes_max, Ordering::Relaxed);
    }

    /// Returns for how many seconds and for how many ids per producer a new stream remembers
    /// idempotent ids.
    pub fn idempotence(&self) -> (u32, u32) {
        let duration_s = self.idempotence_duration_s.load(Ordering::Relaxed);
        (duration_s, self.idempotence_entries_max.load(Ordering::Relaxed))
    }

    /// Sets for how many seconds and for how many ids per producer a new stream remembers
    /// idempotent ids.
    pub fn set_idempotence(&self, duration_s: u32, entries_max: u32) {
        self.idempotence_duration_s.store(duration_s, Ordering::Relaxed);
        self.idempotence_entries_max.store(entries_max, Ordering::Relaxed);
    }
}

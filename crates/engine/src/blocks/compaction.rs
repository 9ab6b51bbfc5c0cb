//! Rewriting block files of which little is alive, so that what is dead leaves the disk.
//!
//! What changes or goes leaves a hole in its file. A file of which less than half is alive is
//! rewritten: its blocks are read while nothing is locked, appended to the newest file, and get their
//! new places under the lock of their stream, unless they have changed meanwhile. Then nothing in
//! memory refers to the file any more, and it is removed like any other such file once there is a
//! checkpoint that does not refer to it either; until then a start finds everything in it.
//!
//! It goes round by round over all streams, in steps of a bounded number of bytes, of which each
//! second sees [`BYTES_PER_SECOND`] at most.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::error::StoreError;
use super::place::Place;
use super::store::BlockStore;
use super::wanted;
use crate::engine::Engine;
use crate::keeper::Pace;
use crate::key::DbKey;
use crate::stream::{Block, EntryId, Stream};
use crate::value::Value;
use crate::walk::{Progress, Visit, Walk};

/// How many bytes of blocks are moved in a second at most.
const BYTES_PER_SECOND: u64 = 10 << 20;
/// How many bytes of blocks are moved in one step.
const STEP_BYTES: usize = 1 << 20;
/// How many blocks are looked at in one step.
const LOOKS_MAX: usize = 8192;
/// How many blocks of a stream are looked at in passing.
const GLANCES_MAX: usize = 64;
/// After how many bytes what was moved is synced, so that no sync has much to do at once: the log's
/// syncs wait behind it.
const SYNC_BYTES: u64 = 8 << 20;
/// How often it is looked for files to rewrite.
const LOOK_EVERY_MS: u64 = 1_000;
/// How long after a failure of the disk it is tried again.
const RETRY_MS: u64 = 10_000;
/// How many rounds in a row may leave something in a file, of which nothing goes otherwise.
const ROUNDS_IN_VAIN_MAX: u32 = 3;

/// The rewriting of block files.
#[derive(Debug)]
pub(crate) struct Compaction {
    store: Arc<BlockStore>,
    round: Option<Round>,
    /// When the next step is due, on the monotonic clock.
    next_ms: u64,
    unsynced_bytes: u64,
    /// What was left of files that should be empty, such as blocks that cannot be read, and how
    /// often.
    leftovers: BTreeMap<u32, (u64, u32)>,
}

/// One walk over all streams, for the blocks in some files.
#[derive(Debug)]
struct Round {
    files: BTreeSet<u32>,
    walk: Walk,
    progress: Progress,
    /// Streams that were found on the walk and are to be gone through.
    streams: VecDeque<Arc<DbKey>>,
    /// Where in the first of them it goes on.
    from: EntryId,
}

/// A block that is to be moved.
#[derive(Debug)]
struct Moving {
    first_id: EntryId,
    place: Place,
    content: Option<Vec<u8>>,
}

impl Compaction {
    pub(crate) fn new(store: Arc<BlockStore>) -> Self {
        let leftovers = BTreeMap::new();
        Compaction { store, round: None, next_ms: 0, unsynced_bytes: 0, leftovers }
    }

    /// Does the next piece, if it is due.
    pub(crate) fn step(&mut self, engine: &Engine) -> Pace {
        let now_ms = engine.clock().monotonic_ms();
        if now_ms < self.next_ms {
            return Pace::Idle;
        }
        let Some(round) = &mut self.round else { return self.begin(now_ms) };
        match round.step(engine, &self.store) {
            Ok(Some(bytes)) => {
                self.next_ms = now_ms + bytes * 1000 / BYTES_PER_SECOND;
                self.unsynced_bytes += bytes;
                self.sync_if_much(now_ms)
            }
            Ok(None) => {
                self.end(now_ms);
                Pace::Idle
            }
            Err(_) => self.fail(now_ms),
        }
    }

    fn begin(&mut self, now_ms: u64) -> Pace {
        self.next_ms = now_ms + LOOK_EVERY_MS;
        let files = self.store.sparse_files();
        self.leftovers.retain(|number, (live_bytes, _)| files.get(number) == Some(live_bytes));
        let in_vain = |number: &u32| self.leftovers.get(number).map_or(0, |(_, rounds)| *rounds);
        let files: BTreeSet<u32> =
            files.into_keys().filter(|number| in_vain(number) < ROUNDS_IN_VAIN_MAX).collect();
        if files.is_empty() {
            return Pace::Idle;
        }
        self.next_ms = now_ms;
        let (walk, streams) = (Walk::START, VecDeque::new());
        let (progress, from) = (Progress::More, EntryId::MIN);
        self.round = Some(Round { files, walk, progress, streams, from });
        Pace::Busy
    }

    fn end(&mut self, now_ms: u64) {
        let Some(round) = self.round.take() else { return };
        let left = self.store.live_bytes_of(&round.files);
        let emptied = left.values().filter(|bytes| **bytes == 0).count();
        self.store.note_compactions(emptied as u64);
        for (number, bytes) in left.into_iter().filter(|(_, bytes)| *bytes > 0) {
            let (before, rounds) = self.leftovers.get(&number).copied().unwrap_or_default();
            let rounds = if before == bytes { rounds + 1 } else { 1 };
            self.leftovers.insert(number, (bytes, rounds));
        }
        self.next_ms = now_ms + LOOK_EVERY_MS;
    }

    fn sync_if_much(&mut self, now_ms: u64) -> Pace {
        if self.unsynced_bytes < SYNC_BYTES {
            return Pace::Busy;
        }
        self.unsynced_bytes = 0;
        if self.store.sync().is_err() { self.fail(now_ms) } else { Pace::Busy }
    }

    /// Leaves everything as it is for a while.
    fn fail(&mut self, now_ms: u64) -> Pace {
        self.round = None;
        self.store.note_failed_compaction();
        self.next_ms = now_ms + RETRY_MS;
        Pace::Idle
    }
}

impl Round {
    /// Moves some blocks, and returns how many bytes of them; nothing once it is through.
    fn step(&mut self, engine: &Engine, store: &BlockStore) -> Result<Option<u64>, StoreError> {
        if let Some(key) = self.streams.front().cloned() {
            let moving = self.collect(engine, &key);
            return relocate(engine, store, &key, moving).map(Some);
        }
        if self.progress == Progress::Through {
            return Ok(None);
        }
        self.find_streams(engine);
        Ok(Some(0))
    }

    /// Walks on, and notes the streams that may have blocks in the files.
    fn find_streams(&mut self, engine: &Engine) {
        let Round { files, walk, streams, .. } = self;
        self.progress = walk.step(engine, |db, entry| {
            if let Value::Stream(stream) = entry.value() {
                let mut blocks = stream.entries().blocks().take(GLANCES_MAX);
                let is_long = stream.entries().node_count() > GLANCES_MAX;
                if is_long || blocks.any(|block| place_in(block, files).is_some()) {
                    streams.push_back(Arc::new(DbKey::new(db, entry.key())));
                }
            }
            Visit::GoOn
        });
    }

    /// Returns some blocks of the stream that is gone through, and notes where to go on.
    fn collect(&mut self, engine: &Engine, key: &DbKey) -> Vec<Moving> {
        let mut moving = Vec::new();
        let from = std::mem::replace(&mut self.from, EntryId::MIN);
        with_stream(engine, key, |stream| {
            let mut bytes = 0;
            for (looks, block) in stream.entries.blocks_from(from).enumerate() {
                if looks >= LOOKS_MAX || bytes >= STEP_BYTES {
                    self.from = block.first_id();
                    break;
                }
                if let Some(place) = place_in(block, &self.files) {
                    bytes += place.stored_len() as usize;
                    let content = block.bytes().map(<[u8]>::to_vec);
                    let (first_id, place) = (block.first_id(), place.clone());
                    moving.push(Moving { first_id, place, content });
                }
            }
        });
        if self.from == EntryId::MIN {
            self.streams.pop_front();
        }
        moving
    }
}

fn place_in<'b>(block: &'b Block, files: &BTreeSet<u32>) -> Option<&'b Place> {
    block.place().filter(|place| files.contains(&place.number()))
}

fn with_stream(engine: &Engine, key: &DbKey, with: impl FnOnce(&mut Stream)) {
    let hash = engine.hash(&key.key);
    let mut shard = engine.shard(hash.shard()).lock();
    let database = shard.databases.get_mut(usize::from(key.db));
    let entry = database.and_then(|database| database.keys.get_mut(hash, &key.key));
    if let Some(Value::Stream(stream)) = entry.map(|entry| &mut entry.value) {
        with(stream);
    }
}

/// Writes blocks of a stream to the newest file; returns how many bytes they were.
fn relocate(
    engine: &Engine,
    store: &BlockStore,
    key: &DbKey,
    mut moving: Vec<Moving>,
) -> Result<u64, StoreError> {
    read_all(&mut moving);
    // What cannot be read stays where it is: whoever wants it is told.
    let moving: Vec<(&Moving, &[u8])> =
        moving.iter().filter_map(|block| Some((block, block.content.as_deref()?))).collect();
    if moving.is_empty() {
        return Ok(0);
    }
    let contents: Vec<&[u8]> = moving.iter().map(|(_, content)| *content).collect();
    let places = store.write(&contents)?;
    let bytes = places.iter().map(|place| u64::from(place.stored_len())).sum();
    with_stream(engine, key, |stream| {
        for ((block, _), place) in moving.into_iter().zip(places) {
            stream.entries.note_moved(block.first_id, &block.place, place);
        }
    });
    store.note_moved(bytes);
    Ok(bytes)
}

/// Reads the blocks that are on the disk alone.
fn read_all(moving: &mut [Moving]) {
    let cold = moving.iter().filter(|block| block.content.is_none());
    let cold: Vec<Place> = cold.map(|block| block.place.clone()).collect();
    let mut read = BTreeMap::new();
    wanted::read(cold, |place, content| {
        content.into_iter().for_each(|content| {
            read.insert(place.spot(), content);
        });
    });
    for block in moving.iter_mut().filter(|block| block.content.is_none()) {
        block.content = read.remove(&block.place.spot());
    }
}

#[cfg(test)]
mod tests;

//! Moving blocks between memory and the disk, in bounded steps in the background.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::error::StoreError;
use super::store::BlockStore;
use crate::engine::Engine;
use crate::key::{DATABASES, DbKey, SHARDS};
use crate::shard::Shard;
use crate::stream::{EntryId, Stream};
use crate::table::ScanPosition;
use crate::value::{Entry, Value};

/// How many buckets of keys are looked at under one lock.
const BUCKETS_PER_LOCK: usize = 8;
/// How many buckets of keys are looked at in one step that finds nothing to do.
const BUCKETS_PER_STEP: usize = 256;

/// What a step has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more to do.
    More,
    /// It has been through all keys since it was begun or was last through them.
    Through,
}

/// Moves blocks between memory and the disk: each call is a bounded step, which locks one shard at
/// a time and touches the disk while none is locked.
#[derive(Debug)]
pub struct BlockMover {
    store: Arc<BlockStore>,
    writing: Walk,
    evicting: Walk,
}

/// A place on the way through all keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Walk {
    shard: usize,
    db: u8,
    position: u64,
}

/// A block that is to be written.
struct Sealed {
    key: Arc<DbKey>,
    first_id: EntryId,
    content: Vec<u8>,
}

impl BlockMover {
    /// Returns one that has not begun.
    pub fn new(store: Arc<BlockStore>) -> Self {
        BlockMover { store, writing: Walk::START, evicting: Walk::START }
    }

    /// Returns the store.
    pub fn store(&self) -> &Arc<BlockStore> {
        &self.store
    }

    /// Begins to write at the first key again.
    pub fn restart_writing(&mut self) {
        self.writing = Walk::START;
    }

    /// Writes full blocks that have not been written, about so many bytes of them. Those that
    /// change while they are being written stay unwritten.
    ///
    /// # Errors
    /// The disk refuses, or has failed before; nothing has changed then.
    pub fn write_sealed(
        &mut self,
        engine: &Engine,
        bytes_max: usize,
    ) -> Result<Progress, StoreError> {
        let mut sealed = Vec::new();
        let mut bytes = 0;
        let mut walk = self.writing;
        let progress = walk.step(engine, |db, entry| {
            let Value::Stream(stream) = entry.value() else { return Visit::GoOn };
            let mut key = None;
            for (first_id, content) in stream.entries().unwritten() {
                if bytes >= bytes_max {
                    return Visit::StayHere;
                }
                bytes += content.len();
                let key = key.get_or_insert_with(|| Arc::new(DbKey::new(db, entry.key())));
                sealed.push(Sealed { key: key.clone(), first_id, content: content.to_vec() });
            }
            Visit::GoOn
        });
        self.write(engine, &sealed)?;
        self.writing = walk;
        Ok(progress)
    }

    /// Lets written blocks leave memory, the oldest of each stream first, until so many bytes are
    /// free; returns how many are, which is fewer where too few blocks are written or have not been
    /// used of late.
    pub fn evict(&mut self, engine: &Engine, bytes_max: usize) -> (usize, Progress) {
        let mut freed = 0;
        let progress = self.evicting.step_mut(engine, |stream| {
            let (bytes, progress) = stream.entries.let_go(bytes_max.saturating_sub(freed));
            freed += bytes;
            if progress == Progress::Through { Visit::GoOn } else { Visit::StayHere }
        });
        (freed, progress)
    }

    fn write(&self, engine: &Engine, sealed: &[Sealed]) -> Result<(), StoreError> {
        let contents: Vec<&[u8]> = sealed.iter().map(|block| &*block.content).collect();
        let places = self.store.write(&contents)?;
        let mut blocks = sealed.iter().zip(places).peekable();
        while let Some((first, _)) = blocks.peek() {
            let key = first.key.clone();
            let hash = engine.hash(&key.key);
            let mut shard = engine.shard(hash.shard()).lock();
            let stream = stream_mut(&mut shard, &key, hash);
            let Some(stream) = stream else {
                while blocks.next_if(|(block, _)| Arc::ptr_eq(&block.key, &key)).is_some() {}
                continue;
            };
            while let Some((block, place)) =
                blocks.next_if(|(block, _)| Arc::ptr_eq(&block.key, &key))
            {
                stream.entries.note_written(block.first_id, &block.content, place);
            }
        }
        Ok(())
    }
}

fn stream_mut<'a>(
    shard: &'a mut Shard,
    key: &DbKey,
    hash: crate::key::KeyHash,
) -> Option<&'a mut Stream> {
    let database = shard.databases.get_mut(usize::from(key.db))?;
    match &mut database.keys.get_mut(hash, &key.key)?.value {
        Value::Stream(stream) => Some(stream),
        Value::String(_) => None,
    }
}

/// How a walk goes on behind an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    GoOn,
    /// The step ends, and the next one begins with the bucket of this entry.
    StayHere,
}

impl Walk {
    const START: Walk = Walk { shard: 0, db: 0, position: 0 };

    /// Goes on over keys until a visit stops it, or for so many buckets.
    fn step(&mut self, engine: &Engine, mut visit: impl FnMut(u8, &Entry) -> Visit) -> Progress {
        self.walk(engine, |shard, walk| {
            let mut how = Visit::GoOn;
            let next = shard.databases[usize::from(walk.db)].keys.scan(walk.position(), |entry| {
                if how == Visit::GoOn {
                    how = visit(walk.db, entry);
                }
            });
            (next, how)
        })
    }

    /// Goes on over streams that are to be changed.
    fn step_mut(
        &mut self,
        engine: &Engine,
        mut visit: impl FnMut(&mut Stream) -> Visit,
    ) -> Progress {
        self.walk(engine, |shard, walk| {
            let mut how = Visit::GoOn;
            let keys = &mut shard.databases[usize::from(walk.db)].keys;
            let next = keys.scan_mut(walk.position(), |entry| {
                if let Value::Stream(stream) = &mut entry.value {
                    how = visit(stream);
                }
                if how == Visit::GoOn { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            (next, how)
        })
    }

    fn walk(
        &mut self,
        engine: &Engine,
        mut scan: impl FnMut(&mut Shard, Walk) -> (Option<ScanPosition>, Visit),
    ) -> Progress {
        let mut buckets = 0;
        while buckets < BUCKETS_PER_STEP {
            let index = self.shard;
            let mut shard = engine.shard(index).lock();
            for _ in 0..BUCKETS_PER_LOCK {
                let (next, how) = scan(&mut shard, *self);
                if how == Visit::StayHere {
                    return Progress::More;
                }
                buckets += usize::from(next.is_some());
                self.advance(next);
                if *self == Walk::START {
                    return Progress::Through;
                }
                if self.shard != index {
                    buckets += 1;
                    break;
                }
            }
        }
        Progress::More
    }

    fn position(self) -> ScanPosition {
        ScanPosition(self.position)
    }

    fn advance(&mut self, next: Option<ScanPosition>) {
        if let Some(ScanPosition(position)) = next {
            self.position = position;
            return;
        }
        let db = if self.db + 1 < DATABASES { self.db + 1 } else { 0 };
        let shard = if db == 0 { (self.shard + 1) % SHARDS } else { self.shard };
        *self = Walk { shard, db, position: 0 };
    }
}

#[cfg(test)]
mod tests;

//! Moving blocks between memory and the disk, in bounded steps in the background.

use std::sync::Arc;

use super::error::StoreError;
use super::store::BlockStore;
use crate::engine::Engine;
use crate::key::DbKey;
use crate::shard::Shard;
use crate::stream::{EntryId, Stream};
use crate::value::Value;
use crate::walk::{Progress, Visit, Walk};

/// Moves blocks between memory and the disk: each call is a bounded step, which locks one shard at
/// a time and touches the disk while none is locked.
#[derive(Debug)]
pub struct BlockMover {
    store: Arc<BlockStore>,
    writing: Walk,
    evicting: Walk,
    written_blocks: u64,
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
        BlockMover { store, writing: Walk::START, evicting: Walk::START, written_blocks: 0 }
    }

    /// Returns the store.
    pub fn store(&self) -> &Arc<BlockStore> {
        &self.store
    }

    /// Returns how many blocks it has written.
    pub fn written_blocks(&self) -> u64 {
        self.written_blocks
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
        self.written_blocks += self.write(engine, &sealed)?;
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

    /// Writes blocks, and returns how many of them have not changed meanwhile.
    fn write(&self, engine: &Engine, sealed: &[Sealed]) -> Result<u64, StoreError> {
        let mut written = 0;
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
                let is_same = stream.entries.note_written(block.first_id, &block.content, place);
                written += u64::from(is_same);
            }
        }
        Ok(written)
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

#[cfg(test)]
mod tests;

//! Writing all keys down and reading them again, without a file.

use super::frame::u32_at;
use super::{CheckpointFlaw, Decoder, Items, items};
use crate::engine::Engine;
use crate::key::DATABASES;

impl Engine {
    /// Puts in the place of all keys what a checkpoint would hold of them, for tests of what survives
    /// a restart. All shards are locked throughout.
    ///
    /// # Errors
    /// What was written makes no sense; the keys are as they were.
    pub fn reload(&self) -> Result<(), CheckpointFlaw> {
        let mut replay = self.replay();
        let mut all = Items::default();
        for shard in replay.shards_mut() {
            for db in 0..DATABASES {
                // The keys that take their place are too new for a capture that is under way.
                shard.capture_database(db);
                let keys = &shard.databases[usize::from(db)].keys;
                keys.iter().for_each(|entry| all.entry(db, entry));
            }
        }
        all.end_of_all(all.counts());
        let (mut decoder, mut loaded) =
            (Decoder::new(self.storage().map(|storage| &**storage.blocks())), Vec::new());
        let mut rest = all.bytes();
        while let (Some(&tag), Some(len)) = (rest.first(), u32_at(rest, 1)) {
            let (item, behind) = rest
                .split_at_checked(items::HEAD_BYTES + len as usize)
                .ok_or(CheckpointFlaw::Length)?;
            let body = item.get(items::HEAD_BYTES..).unwrap_or_default();
            decoder.item(tag, body, |key| loaded.push(key))?;
            rest = behind;
        }
        replay.clear();
        for key in loaded {
            replay.load(key);
        }
        Ok(())
    }
}

//! Checking the blocks that streams have in block files, and leaving out those that are damaged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use firth_wal::Disk;

use super::report::{CheckedFile, Found};
use super::state::State;
use super::{CheckError, Loss};
use crate::blocks::{BlockFlaw, ReadError, block_path};
use crate::checkpoint::UnreadBlock;
use crate::key::DATABASES;
use crate::stream::{Block, Entries, Stream};
use crate::value::Value;

/// What is known of a block file.
#[derive(Debug, Default)]
struct Checked {
    blocks: u64,
    flaws: BTreeMap<u64, String>,
}

/// Reads every block that a stream refers to, leaves out those that are damaged, and tells of them.
pub(super) fn check(
    state: &mut State,
    folder: &Path,
    disk: &Arc<dyn Disk>,
) -> Result<(), CheckError> {
    let mut files: BTreeMap<PathBuf, Checked> = BTreeMap::new();
    let folder = folder.join("blocks");
    for name in disk.list(&folder).unwrap_or_default() {
        files.insert(folder.join(name), Checked::default());
    }
    note_unread(&state.unread, &folder, &mut files)?;
    let losses = &mut state.report.losses;
    let mut replay = state.engine.replay();
    for shard in replay.shards_mut() {
        for db in 0..DATABASES {
            let keys = &mut shard.databases[usize::from(db)].keys;
            let mut damaged = Vec::new();
            for entry in keys.iter() {
                let Value::Stream(stream) = entry.value() else { continue };
                let indexes = damaged_blocks(stream, &mut files)?;
                if !indexes.is_empty() {
                    tell(losses, db, entry.key(), stream, &indexes);
                    damaged.push((entry.hash, entry.key.clone(), indexes));
                }
            }
            for (hash, key, indexes) in damaged {
                let Some(entry) = keys.get_mut(hash, &key) else { continue };
                if let Value::Stream(stream) = &mut entry.value {
                    leave_out(stream, &indexes);
                }
            }
        }
    }
    drop(replay);
    state.report.files.extend(files.into_iter().map(|(path, found)| CheckedFile {
        path,
        holds: format!("blocks, version 1: {} in use", found.blocks),
        is_missing: false,
        flaws: found.flaws.iter().map(|(at, flaw)| Found::new(*at, flaw)).collect(),
        notes: Vec::new(),
    }));
    Ok(())
}

/// Notes the blocks that were not found where a checkpoint says that they lie.
fn note_unread(
    unread: &[UnreadBlock],
    folder: &Path,
    files: &mut BTreeMap<PathBuf, Checked>,
) -> Result<(), CheckError> {
    for UnreadBlock { spot, error, .. } in unread {
        let (path, offset, why) = match error {
            Some(ReadError::Damage { path, flaw: BlockFlaw::Version { found, .. }, .. }) => {
                return Err(CheckError::Version { path: path.to_path_buf(), version: *found });
            }
            Some(ReadError::Damage { path, offset, flaw }) => {
                (path.to_path_buf(), *offset, flaw.to_string())
            }
            Some(error) => (block_path(folder, spot.number), 0, error.to_string()),
            None => (block_path(folder, spot.number), 0, "it is missing".to_owned()),
        };
        let file = files.entry(path).or_default();
        file.blocks += 1;
        file.flaws.insert(offset, why);
    }
    Ok(())
}

fn damaged_blocks(
    stream: &Stream,
    files: &mut BTreeMap<PathBuf, Checked>,
) -> Result<BTreeSet<usize>, CheckError> {
    let mut damaged = BTreeSet::new();
    for (index, block) in stream.entries().blocks().enumerate() {
        let Some(place) = block.place() else { continue };
        let file = files.entry(place.file().path().to_owned()).or_default();
        file.blocks += 1;
        match place.read() {
            Ok(content) if block.fits(&content) => {}
            Ok(_) => {
                file.flaws.insert(place.offset().into(), BlockFlaw::Content.to_string());
                damaged.insert(index);
            }
            Err(ReadError::Damage { offset, flaw, .. }) => {
                file.flaws.insert(offset, flaw.to_string());
                damaged.insert(index);
            }
            Err(ReadError::Disk(failure)) => return Err(failure.into()),
        }
    }
    Ok(damaged)
}

fn tell(losses: &mut Vec<Loss>, db: u8, key: &[u8], stream: &Stream, indexes: &BTreeSet<usize>) {
    let blocks: Vec<&Block> = stream.entries().blocks().collect();
    for &index in indexes {
        let Some(block) = blocks.get(index) else { continue };
        let before = blocks.get(index + 1).map(|next| next.first_id());
        let (after, count) = (Some(block.first_id()), Some(u64::from(block.live())));
        losses.push(Loss::Entries { db, key: key.into(), after, before, count });
    }
}

fn leave_out(stream: &mut Stream, indexes: &BTreeSet<usize>) {
    let blocks = std::mem::take(&mut stream.entries).into_blocks();
    let sound = blocks.into_iter().enumerate().filter(|(index, _)| !indexes.contains(index));
    stream.entries = Entries::of_sound_blocks(sound.map(|(_, block)| block).collect());
}

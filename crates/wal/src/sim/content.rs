//! What a simulated disk holds: bytes and names, and what of them a loss of power may take.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::chance::Chance;

#[derive(Clone, Debug, Default)]
pub(super) struct File {
    pub(super) live: Vec<u8>,
    pub(super) synced: Vec<u8>,
    pub(super) pending: Vec<Change>,
}

/// Something done to a file's bytes that is not durable.
#[derive(Clone, Debug)]
pub(super) struct Change {
    kind: ChangeKind,
    /// Whether a failed sync has given it up.
    abandoned: bool,
}

#[derive(Clone, Debug)]
pub(super) enum ChangeKind {
    Write { offset: usize, bytes: Vec<u8> },
    SetLen(usize),
    Extend(usize),
}

#[derive(Clone, Debug)]
pub(super) enum NameChange {
    Create(PathBuf, usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

/// What a loss of power takes of that which is not durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    Nothing,
    Everything,
    Mixed,
}

impl Loss {
    pub(super) fn draw(chance: &mut Chance) -> Self {
        match chance.below(4) {
            0 => Loss::Nothing,
            1 => Loss::Everything,
            _ => Loss::Mixed,
        }
    }

    pub(super) fn keeps(self, chance: &mut Chance) -> bool {
        match self {
            Loss::Nothing => true,
            Loss::Everything => false,
            Loss::Mixed => chance.coin(),
        }
    }
}

impl File {
    pub(super) fn change(&mut self, kind: ChangeKind) {
        kind.apply(&mut self.live);
        self.pending.push(Change { kind, abandoned: false });
    }

    pub(super) fn sync(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        for change in pending {
            if change.abandoned {
                self.pending.push(change);
            } else {
                change.kind.apply(&mut self.synced);
            }
        }
    }

    pub(super) fn abandon(&mut self) {
        self.pending.iter_mut().for_each(|change| change.abandoned = true);
    }

    pub(super) fn after(&self, loss: Loss, chance: &mut Chance) -> File {
        let mut image = self.synced.clone();
        let mut pending = self.pending.clone();
        if loss == Loss::Mixed {
            chance.shuffle(&mut pending);
        }
        for Change { kind, .. } in pending {
            if loss.keeps(chance) {
                kind.torn(loss, chance).apply(&mut image);
            }
        }
        File { live: image.clone(), synced: image, pending: Vec::new() }
    }
}

impl ChangeKind {
    pub(super) fn apply(&self, image: &mut Vec<u8>) {
        match self {
            ChangeKind::SetLen(len) => image.resize(*len, 0),
            ChangeKind::Extend(len) => image.resize(image.len().max(*len), 0),
            ChangeKind::Write { bytes, .. } if bytes.is_empty() => {}
            ChangeKind::Write { offset, bytes } => {
                let end = offset + bytes.len();
                image.resize(image.len().max(end), 0);
                image[*offset..end].copy_from_slice(bytes);
            }
        }
    }

    /// Returns what is left of a change that is kept: by chance all, or a part.
    fn torn(self, loss: Loss, chance: &mut Chance) -> ChangeKind {
        match self {
            ChangeKind::Write { offset, bytes } if loss == Loss::Mixed && chance.coin() => {
                let start = if chance.coin() { 0 } else { chance.below(bytes.len() + 1) };
                let end = start + chance.below(bytes.len() - start + 1);
                ChangeKind::Write { offset: offset + start, bytes: bytes[start..end].to_vec() }
            }
            whole => whole,
        }
    }
}

impl NameChange {
    pub(super) fn path(&self) -> &Path {
        match self {
            NameChange::Create(path, _)
            | NameChange::Rename(_, path)
            | NameChange::Remove(path) => path,
        }
    }

    pub(super) fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            NameChange::Create(path, file) => {
                names.insert(path.clone(), *file);
            }
            NameChange::Remove(path) => {
                names.remove(path);
            }
            NameChange::Rename(from, to) => {
                // Without the file's creation its new name does not come about either.
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
        }
    }
}

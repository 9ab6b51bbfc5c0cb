//! Keeping what is left of a damaged folder.
//!
//! What was read becomes a new checkpoint, written beside everything else; nothing that is there is
//! changed before it is whole and has been read back. Its name makes it count. Where the end of the
//! log is sound the checkpoint stands for its last record, and the log goes on; else a new log is begun
//! behind it. Only then is what it replaces moved to `damaged-<time>`. Wherever that is
//! interrupted, the folder can be started as before or as repaired, or be repaired again.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use firth_wal::{Action, Disk, Failure, Lsn, begin_log, segment_name};

use super::state::State;
use super::{CheckError, Report, take};
use crate::backup::copy;
use crate::checkpoint::{CheckpointFolder, Draft, Items, salvage};
use crate::clock::Clock;
use crate::key::DATABASES;
use crate::storage::FORMAT;

/// What a repair has done.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Repaired {
    /// What was found, and is lost.
    pub report: Report,
    /// Where the damaged originals are; `None` if nothing was to be repaired.
    pub kept_in: Option<PathBuf>,
    /// The checkpoint that holds what is left.
    pub checkpoint: Option<Lsn>,
}

/// Checks a data folder that nobody uses, and keeps what is left if it is not sound.
///
/// # Errors
/// It cannot be checked or repaired.
pub fn repair(
    folder: &Path,
    clock: Arc<dyn Clock>,
    disk: &Arc<dyn Disk>,
) -> Result<Repaired, CheckError> {
    let _lock = take(folder, &**disk)?;
    let now_ms = clock.now_ms();
    let state = State::read(folder, clock, disk)?;
    if state.report.is_sound() {
        return Ok(Repaired { report: state.report, kept_in: None, checkpoint: None });
    }
    let repair = Repair { folder, disk, aside: aside(folder, now_ms, &**disk)?, state };
    let lsn = repair.run()?;
    let Repair { aside, state, .. } = repair;
    Ok(Repaired { report: state.report, kept_in: Some(aside), checkpoint: Some(lsn) })
}

struct Repair<'a> {
    folder: &'a Path,
    disk: &'a Arc<dyn Disk>,
    /// Where the damaged originals go.
    aside: PathBuf,
    state: State,
}

impl Repair<'_> {
    fn run(&self) -> Result<Lsn, CheckError> {
        let newest = self.state.survey.segments.last().map(|newest| newest.next.previous());
        let base = self.state.report.checkpoint.unwrap_or_default();
        // A checkpoint of a position that the log has; or one behind all that there is a trace of.
        let goes_on = newest.filter(|last| self.state.survey.goes_on() && *last >= base);
        let newest_named = self.state.checkpoints.last().map(|checkpoint| checkpoint.lsn);
        let behind_all = self.state.survey.last.max(newest_named.unwrap_or_default()).next();
        let lsn = goes_on.unwrap_or(behind_all);
        let checkpoints =
            CheckpointFolder::open(self.folder.join("checkpoints"), self.disk.clone())?;
        let mut draft = self.write(&checkpoints, lsn)?;
        let path = checkpoints.path_of(lsn);
        if self.state.checkpoints.iter().any(|checkpoint| checkpoint.lsn == lsn) {
            self.copy_aside("checkpoints", &path)?;
        }
        for path in self.damaged_blocks() {
            self.copy_aside("blocks", &path)?;
        }
        draft.publish()?;
        if goes_on.is_none() {
            self.disk
                .create_folder(&self.folder.join("log"))
                .map_err(fail(Action::Create, self.folder))?;
            begin_log(&**self.disk, &self.folder.join("log"), lsn.next())?;
        }
        self.move_aside(lsn, goes_on.is_some())?;
        let format = self.folder.join("FORMAT");
        self.disk.replace(&format, FORMAT.as_bytes()).map_err(fail(Action::Write, &format))?;
        Ok(lsn)
    }

    /// Writes a checkpoint of what is left, and reads it back.
    fn write(&self, checkpoints: &CheckpointFolder, lsn: Lsn) -> Result<Draft, CheckError> {
        let mut draft = checkpoints.begin(lsn)?;
        let mut replay = self.state.engine.replay();
        for shard in replay.shards_mut() {
            for db in 0..DATABASES {
                for entry in shard.databases[usize::from(db)].keys.iter() {
                    let mut items = Items::default();
                    items.entry(db, entry);
                    draft.push(&items)?;
                }
            }
        }
        drop(replay);
        draft.finish()?;
        let bytes = super::state::read(&**self.disk, draft.path())?;
        let found = salvage(&bytes, lsn, self.state.store.as_ref(), &mut |_| {});
        if found.flaws.is_empty() && found.counts == draft.counts() {
            Ok(draft)
        } else {
            Err(CheckError::NotReadBack { path: draft.path().to_owned() })
        }
    }

    fn damaged_blocks(&self) -> BTreeSet<PathBuf> {
        let blocks = self.folder.join("blocks");
        let damaged = self.state.report.files.iter().filter(|file| !file.flaws.is_empty());
        let paths = damaged.map(|file| file.path.clone());
        paths.filter(|path| path.parent() == Some(&*blocks)).collect()
    }

    /// Moves what the new checkpoint replaces.
    fn move_aside(&self, lsn: Lsn, goes_on: bool) -> Result<(), CheckError> {
        for checkpoint in self.state.checkpoints.iter().filter(|it| it.lsn != lsn) {
            self.rename_aside("checkpoints", &checkpoint.path)?;
        }
        let segments = &self.state.survey.segments;
        let kept = usize::from(goes_on);
        for segment in segments.iter().take(segments.len().saturating_sub(kept)) {
            if segment.path.file_name() != Some(segment_name(lsn.next()).as_ref()) {
                self.rename_aside("log", &segment.path)?;
            }
        }
        Ok(())
    }

    fn rename_aside(&self, kind: &str, path: &Path) -> Result<(), CheckError> {
        let Some(name) = path.file_name() else { return Ok(()) };
        let to = self.aside.join(kind);
        self.disk.create_folder(&to).map_err(fail(Action::Create, &to))?;
        self.disk.rename(path, &to.join(name)).map_err(fail(Action::Write, path))?;
        for folder in [&to, &self.folder.join(kind)] {
            self.disk.sync_folder(folder).map_err(fail(Action::Sync, folder))?;
        }
        Ok(())
    }

    fn copy_aside(&self, kind: &str, path: &Path) -> Result<(), CheckError> {
        let Some(name) = path.file_name() else { return Ok(()) };
        let folder = self.aside.join(kind);
        self.disk.create_folder(&folder).map_err(fail(Action::Create, &folder))?;
        match copy(&**self.disk, path, &folder.join(name)) {
            // It is damaged in that it is missing.
            Err(Failure { action: Action::Read, kind: io::ErrorKind::NotFound, .. }) => {
                return Ok(());
            }
            copied => copied?,
        }
        self.disk.sync_folder(&folder).map_err(fail(Action::Sync, &folder))?;
        Ok(())
    }
}

/// Makes a folder for what is damaged, with a name that was not there.
fn aside(folder: &Path, now_ms: u64, disk: &dyn Disk) -> Result<PathBuf, CheckError> {
    let mut ms = now_ms;
    let path = loop {
        let path = folder.join(format!("damaged-{ms}"));
        if is_free(&path, disk)? {
            break path;
        }
        ms += 1;
    };
    disk.create_folder(&path).map_err(fail(Action::Create, &path))?;
    disk.sync_folder(folder).map_err(fail(Action::Sync, folder))?;
    Ok(path)
}

fn is_free(path: &Path, disk: &dyn Disk) -> Result<bool, CheckError> {
    for kind in ["log", "checkpoints", "blocks"] {
        let kind = path.join(kind);
        match disk.list(&kind) {
            Ok(names) if !names.is_empty() => return Ok(false),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(fail(Action::Read, &kind)(error));
            }
            _ => {}
        }
    }
    Ok(true)
}

fn fail(action: Action, path: &Path) -> impl FnOnce(io::Error) -> CheckError {
    let path = path.to_owned();
    move |error| Failure::new(action, &path, &error).into()
}

//! The state that can be read from a data folder, whatever is damaged in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use firth_wal::{Action, Disk, Failure, Flaw, Lsn, Survey};

use super::report::{CheckedFile, Found, Report};
use super::{CheckError, Loss, blocks};
use crate::blocks::{BlockStore, StoreOptions};
use crate::checkpoint::{
    CheckpointFlaw, SalvagedKey, StreamLoss, UnreadBlock, parse_name, salvage,
};
use crate::clock::Clock;
use crate::engine::{Engine, Options};
use crate::error::OpenError;
use crate::replay::Misfit;
use crate::storage::FORMAT;

/// How many entries that do not fit are told one by one.
const MISFITS_MAX: usize = 1000;

/// What was read of a folder.
pub(super) struct State {
    /// An engine with all that is left, and without a folder.
    pub(super) engine: Engine,
    pub(super) survey: Survey,
    /// The block files, if there is a folder of them.
    pub(super) store: Option<BlockStore>,
    /// Blocks that were not found where they should lie.
    pub(super) unread: Vec<UnreadBlock>,
    /// The checkpoints, the oldest first.
    pub(super) checkpoints: Vec<Checkpoint>,
    pub(super) report: Report,
}

/// A checkpoint there is.
#[derive(Clone, Debug)]
pub(super) struct Checkpoint {
    pub(super) lsn: Lsn,
    pub(super) path: PathBuf,
    pub(super) is_sound: bool,
}

impl State {
    /// Reads a folder whose lock is held.
    pub(super) fn read(
        folder: &Path,
        clock: Arc<dyn Clock>,
        disk: &Arc<dyn Disk>,
    ) -> Result<State, CheckError> {
        let mut report = Report::default();
        report.files.push(check_format(folder, &**disk)?);
        let survey = Survey::of(&**disk, &folder.join("log"), |_, _| {})?;
        let checkpoints = find_checkpoints(folder, &**disk)?;
        let options = Options::new();
        let (engine, _) = Engine::open(&options, clock, Arc::clone(disk))?;
        let store = open_blocks(folder, disk)?;
        let unread = Vec::new();
        let mut state = State { engine, survey, store, unread, checkpoints, report };
        state.check_checkpoints(&**disk)?;
        state.check_log()?;
        state.load_base(&**disk)?;
        blocks::check(&mut state, folder, disk)?;
        state.replay(folder, &**disk)?;
        let (keys, entries) = state.engine.count();
        (state.report.keys, state.report.entries) = (keys, entries);
        Ok(state)
    }

    /// Reads each checkpoint, only to know whether it is sound.
    fn check_checkpoints(&mut self, disk: &dyn Disk) -> Result<(), CheckError> {
        for checkpoint in &mut self.checkpoints {
            let bytes = read(disk, &checkpoint.path)?;
            let found = salvage(&bytes, checkpoint.lsn, self.store.as_ref(), &mut |_| {});
            for (_, flaw) in &found.flaws {
                if let CheckpointFlaw::Version { found, .. } = flaw {
                    let path = checkpoint.path.clone();
                    return Err(CheckError::Version { path, version: *found });
                }
            }
            let counts = found.counts;
            checkpoint.is_sound = found.flaws.is_empty();
            self.report.files.push(CheckedFile {
                path: checkpoint.path.clone(),
                holds: format!(
                    "checkpoint of record {}, version 1: {} keys, {} entries, {} pending",
                    checkpoint.lsn, counts.keys, counts.entries, counts.rows
                ),
                is_missing: false,
                flaws: found.flaws.iter().map(|(at, flaw)| Found::new(*at, flaw)).collect(),
                notes: Vec::new(),
            });
        }
        Ok(())
    }

    fn check_log(&mut self) -> Result<(), CheckError> {
        for segment in &self.survey.segments {
            for damage in &segment.damage {
                if let Flaw::Version { found, .. } = damage.flaw {
                    let path = segment.path.clone();
                    return Err(CheckError::Version { path, version: found });
                }
            }
            let (first, last) = (segment.first, segment.next.previous());
            let records = match segment.records {
                0 if segment.damage.is_empty() => "no records yet".to_owned(),
                0 => "no sound records".to_owned(),
                sound => format!("records {first} to {last}, {sound} of them sound"),
            };
            let torn = segment.torn.iter().map(|cut| {
                let (bytes, offset) = (cut.bytes, cut.offset);
                format!(
                    "a start cuts {bytes} bytes off at offset {offset}: a write that had not ended"
                )
            });
            self.report.files.push(CheckedFile {
                path: segment.path.clone(),
                holds: format!("log, version 1: {records}"),
                is_missing: false,
                flaws: segment.damage.iter().map(|it| Found::new(it.offset, &it.flaw)).collect(),
                notes: torn.collect(),
            });
        }
        Ok(())
    }

    /// Loads the newest checkpoint that is sound, and from which the log goes on, or what is left of
    /// one.
    fn load_base(&mut self, disk: &dyn Disk) -> Result<(), CheckError> {
        let first = self.survey.first();
        let goes_on = |it: &&Checkpoint| self.survey.segments.is_empty() || it.lsn.next() >= first;
        let newest_first = || self.checkpoints.iter().rev();
        let sound = newest_first().find(|it| it.is_sound && goes_on(it));
        let base = match sound {
            None if first > Lsn(1) || self.survey.segments.is_empty() => newest_first().next(),
            sound => sound,
        };
        let Some(Checkpoint { lsn, path, .. }) = base.cloned() else { return Ok(()) };
        let bytes = read(disk, &path)?;
        let (losses, unread) = (&mut self.report.losses, &mut self.unread);
        let mut replay = self.engine.replay();
        let found =
            salvage(&bytes, lsn, self.store.as_ref(), &mut |SalvagedKey { loaded, loss }| {
                tell(losses, loaded.db, &loaded.key, &loss);
                unread.extend(loss.unread);
                replay.load(loaded);
            });
        drop(replay);
        if !found.flaws.is_empty() && found.keys_lost != Some(0) {
            self.report.losses.push(Loss::Keys { path, count: found.keys_lost });
        }
        self.report.checkpoint = Some(lsn);
        Ok(())
    }

    /// Tells of the records that are missing before the first file of the log or behind the newest one, and
    /// names the file that should hold them. Where one is missing between two, the one before it has been
    /// said to end too early.
    fn note_missing_log(&mut self, folder: &Path, base: Lsn) {
        let log = folder.join("log");
        let Report { files, losses, .. } = &mut self.report;
        let first = self.survey.first();
        if !self.survey.segments.is_empty() && base.next() < first {
            files.push(missing(&log, base.next(), first.previous()));
            losses.push(Loss::Between(base.next()..first));
        }
        let last = self.survey.segments.last().map_or(Lsn::ZERO, |newest| newest.next.previous());
        if last < base {
            files.push(missing(&log, last.next(), base));
            losses.push(Loss::End { last, lsn: base });
        }
    }

    /// Applies the records behind the checkpoint.
    fn replay(&mut self, folder: &Path, disk: &dyn Disk) -> Result<(), CheckError> {
        let base = self.report.checkpoint.unwrap_or_default();
        self.note_missing_log(folder, base);
        let losses = &mut self.report.losses;
        let lost = self.survey.lost.iter().filter(|range| range.end > base.next());
        for range in lost {
            match losses.last_mut() {
                Some(Loss::Records(before)) if before.end == range.start => before.end = range.end,
                _ => losses.push(Loss::Records(range.start.max(base.next())..range.end)),
            }
        }
        let (mut records, mut misfits) = (0, 0);
        let mut replay = self.engine.replay();
        Survey::of(disk, &folder.join("log"), |lsn, record| {
            if lsn <= base {
                return;
            }
            records += 1;
            let applied = replay.apply_what_fits(record, |Misfit { db, key, id }| {
                misfits += 1;
                if misfits <= MISFITS_MAX {
                    losses.push(Loss::Entry { lsn, db, key, id });
                }
            });
            if let Err(error) = applied {
                losses.push(Loss::Record { lsn, why: error.to_string() });
            }
        })?;
        self.report.records = records;
        Ok(())
    }
}

/// A file of the log that is not there, with the records that it should hold.
fn missing(log: &Path, first: Lsn, last: Lsn) -> CheckedFile {
    CheckedFile {
        path: log.join(firth_wal::segment_name(first)),
        holds: format!("log: records {first} to {last} should be here, or in files behind it"),
        is_missing: true,
        flaws: Vec::new(),
        notes: Vec::new(),
    }
}

/// Tells what is missing of a stream.
fn tell(losses: &mut Vec<Loss>, db: u8, key: &[u8], loss: &StreamLoss) {
    let StreamLoss { gaps, unread, rows, has_lost_tail } = loss;
    for &(after, before) in gaps {
        losses.push(Loss::Entries { db, key: key.into(), after, before, count: None });
    }
    for block in unread.iter().filter(|block| block.is_lost) {
        let (after, count) = (Some(block.first_id), Some(u64::from(block.live)));
        losses.push(Loss::Entries { db, key: key.into(), after, before: None, count });
    }
    for (group, count) in rows {
        losses.push(Loss::Pending { db, key: key.into(), group: group.clone(), count: *count });
    }
    if *has_lost_tail {
        losses.push(Loss::Groups { db, key: key.into() });
    }
}

/// Checks FORMAT; an unknown format cannot be checked, one that is gone or senseless is damage.
fn check_format(folder: &Path, disk: &dyn Disk) -> Result<CheckedFile, CheckError> {
    let path = folder.join("FORMAT");
    let flaw = match disk.read(&path) {
        Ok(found) if found == FORMAT.as_bytes() => None,
        Ok(found) => {
            let found = String::from_utf8_lossy(&found).trim_end().escape_default().to_string();
            if is_format(&found) {
                let known = FORMAT.trim_end();
                return Err(OpenError::Format { path, found, known }.into());
            }
            Some(format!("it says \"{found}\""))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some("it is missing".into()),
        Err(error) => return Err(Failure::new(Action::Read, &path, &error).into()),
    };
    let flaws = flaw.iter().map(|flaw| Found::new(0, flaw)).collect();
    Ok(CheckedFile {
        path,
        holds: "the format".to_owned(),
        is_missing: false,
        flaws,
        notes: Vec::new(),
    })
}

/// Says whether a text names some format of ours.
fn is_format(text: &str) -> bool {
    text.strip_prefix("firth ").is_some_and(|number| number.parse::<u32>().is_ok())
}

fn find_checkpoints(folder: &Path, disk: &dyn Disk) -> Result<Vec<Checkpoint>, CheckError> {
    let folder = folder.join("checkpoints");
    let names = match disk.list(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        names => names.map_err(|error| Failure::new(Action::Read, &folder, &error))?,
    };
    let found = names.iter().filter_map(|name| {
        let lsn = parse_name(name)?;
        Some(Checkpoint { lsn, path: folder.join(name), is_sound: false })
    });
    Ok(found.collect())
}

pub(super) fn read(disk: &dyn Disk, path: &Path) -> Result<Vec<u8>, Failure> {
    disk.read(path).map_err(|error| Failure::new(Action::Read, path, &error))
}

fn open_blocks(folder: &Path, disk: &Arc<dyn Disk>) -> Result<Option<BlockStore>, CheckError> {
    let folder = folder.join("blocks");
    if disk.list(&folder).unwrap_or_default().is_empty() {
        return Ok(None);
    }
    Ok(Some(BlockStore::open(folder, Arc::clone(disk), StoreOptions::default())?))
}

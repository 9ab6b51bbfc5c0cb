//! The keeper: the work on a data folder that no command waits for.
//!
//! It has no thread and no time of its own. Whoever drives it calls [`Engine::keep`] again and
//! again: the server from a thread, the simulation by hand. Each call does one piece that takes a
//! moment, holds a shard's lock only for a part of that, and says whether there is more to do.

use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::Mutex;

use crate::backup::{Backup, BackupError, Wholeness, check_is_free};
use crate::checkpoint::{CheckpointError, Job, Made, Progress};
use crate::engine::Engine;
use crate::storage::Storage;

/// How long after a checkpoint that failed the next one is tried, unless somebody asks for it; twice
/// as long each time, up to [`RETRY_MS_MAX`].
const RETRY_MS: u64 = 5_000;
const RETRY_MS_MAX: u64 = 300_000;

/// A checkpoint at the end is worth it from so much log on.
const LOGGED_BYTES_MIN: u64 = 1 << 20;
/// A checkpoint is cheap if the one before was no longer than this.
const CHEAP_BYTES: u64 = 64 << 20;

/// Whether there is more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// There is.
    Busy,
    /// There is not, as things are.
    Idle,
}

/// What there is to say about checkpoints.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Saves {
    /// When the one that is being made was begun or asked for, on the monotonic clock.
    pub running_since_ms: Option<u64>,
    /// When the last one was made, or the engine was opened, in Unix milliseconds.
    pub last_ms: u64,
    /// How long the last one took, if there has been one.
    pub last_took_ms: Option<u64>,
    /// Why the last one failed, if it did.
    pub last_error: Option<CheckpointError>,
    /// How many were made since the engine was opened.
    pub made: u64,
    /// How many could not be made.
    pub failed: u64,
    /// The length of the newest one.
    pub bytes: u64,
    /// How many batches have been committed since the newest one.
    pub batches_since: u64,
}

/// What there is to say about backups.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Backups {
    /// Where the one goes that is being made or was asked for.
    pub running: Option<PathBuf>,
    /// Where the last one has gone, or why it could not be made.
    pub last: Option<Result<PathBuf, BackupError>>,
}

/// What the keeper is asked and what it tells.
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    work: Mutex<Work>,
    desk: Mutex<Desk>,
}

/// What is under way. Locked throughout a step, before the desk.
#[derive(Debug, Default)]
struct Work {
    job: Option<Job>,
    /// Where a backup of the checkpoint that is being made is to go.
    backup_to: Option<PathBuf>,
    backup: Option<Backup>,
    failures: u32,
    /// Not before this time is a checkpoint made unasked.
    retry_at_ms: u64,
    /// How much had been logged when the newest checkpoint was begun.
    logged_before: u64,
    /// How much of block files was dead that the newest checkpoint could not remove.
    dead_before: u64,
}

#[derive(Debug, Default)]
struct Desk {
    saves: Saves,
    newest: Made,
    is_wanted: bool,
    backup_wanted: Option<PathBuf>,
    backups: Backups,
}

impl Keeper {
    /// Notes the checkpoint that was found when the folder was opened, if there was one.
    pub(crate) fn opened(&self, newest: Option<Made>, now_ms: u64) {
        let mut desk = self.desk.lock();
        desk.newest = newest.unwrap_or_default();
        desk.saves.bytes = desk.newest.bytes;
        desk.saves.last_ms = now_ms;
    }

    fn step(&self, engine: &Engine, storage: &Storage) -> Pace {
        let mut work = self.work.lock();
        if work.is_busy() {
            self.go_on(&mut work, engine, storage);
            return Pace::Busy;
        }
        if !self.is_due(&work, engine, storage) {
            return Pace::Idle;
        }
        self.begin(&mut work, engine, storage);
        Pace::Busy
    }

    fn is_due(&self, work: &Work, engine: &Engine, storage: &Storage) -> bool {
        let desk = self.desk.lock();
        let limit = storage.checkpoint_after_bytes().max(desk.newest.bytes / 2);
        let logged = storage.logged_bytes().saturating_sub(work.logged_before);
        let may_try = engine.clock().monotonic_ms() >= work.retry_at_ms;
        // Dead block files go with a checkpoint that does not refer to them.
        let dead = storage.blocks().stats().dead_bytes.saturating_sub(work.dead_before);
        let is_worth_it = logged > limit || dead > limit;
        desk.is_wanted || desk.backup_wanted.is_some() || (may_try && is_worth_it)
    }

    fn begin(&self, work: &mut Work, engine: &Engine, storage: &Storage) {
        let mut desk = self.desk.lock();
        desk.is_wanted = false;
        work.backup_to = desk.backup_wanted.take();
        desk.saves.running_since_ms.get_or_insert(engine.clock().monotonic_ms());
        drop(desk);
        work.logged_before = storage.logged_bytes();
        work.job = Some(Job::begin(storage));
    }

    fn go_on(&self, work: &mut Work, engine: &Engine, storage: &Storage) {
        // Before the next checkpoint, which may remove what the backup takes over.
        if let Some(backup) = &mut work.backup {
            match backup.step(storage) {
                Ok(Wholeness::Partial) => {}
                Ok(Wholeness::Whole) => self.end_backup(work, Ok(())),
                Err(error) => self.end_backup(work, Err(error)),
            }
            return;
        }
        let Some(job) = &mut work.job else { return };
        match job.step(engine, storage) {
            Progress::Working => {}
            Progress::Done(made, files) => {
                work.job = None;
                let backup_to = work.backup_to.take();
                work.backup = backup_to.map(|to| Backup::new(to, made.lsn, files));
                work.failures = 0;
                work.dead_before = storage.blocks().stats().dead_bytes;
                let mut desk = self.desk.lock();
                desk.newest = made;
                let now_ms = engine.clock().now_ms();
                desk.end(engine, None);
                desk.saves.last_ms = now_ms;
                desk.saves.bytes = made.bytes;
                desk.saves.made += 1;
            }
            Progress::Failed(error) => {
                work.job = None;
                if work.backup_to.take().is_some() {
                    self.end_backup(work, Err(BackupError::Checkpoint(error.to_string())));
                }
                self.fail(work, engine, error);
            }
        }
    }

    fn end_backup(&self, work: &mut Work, outcome: Result<(), BackupError>) {
        work.backup = None;
        let mut desk = self.desk.lock();
        let to = desk.backups.running.take().unwrap_or_default();
        desk.backups.last = Some(outcome.map(|()| to));
    }

    fn fail(&self, work: &mut Work, engine: &Engine, error: CheckpointError) {
        let wait_ms = RETRY_MS.checked_shl(work.failures).unwrap_or(RETRY_MS_MAX);
        work.retry_at_ms = engine.clock().monotonic_ms() + wait_ms.min(RETRY_MS_MAX);
        work.failures = (work.failures + 1).min(16);
        // What had been logged still waits for its checkpoint.
        work.logged_before = 0;
        self.desk.lock().end(engine, Some(error));
    }

    /// Makes a checkpoint from the beginning to the end.
    fn save(&self, engine: &Engine, storage: &Storage) -> Result<(), CheckpointError> {
        let mut work = self.work.lock();
        while work.is_busy() {
            self.go_on(&mut work, engine, storage);
        }
        self.begin(&mut work, engine, storage);
        while work.is_busy() {
            self.go_on(&mut work, engine, storage);
        }
        self.desk.lock().saves.last_error.clone().map_or(Ok(()), Err)
    }
}

impl Work {
    fn is_busy(&self) -> bool {
        self.job.is_some() || self.backup.is_some()
    }
}

impl Desk {
    /// Notes that a checkpoint has come to its end.
    fn end(&mut self, engine: &Engine, error: Option<CheckpointError>) {
        let now_ms = engine.clock().monotonic_ms();
        let since_ms = self.saves.running_since_ms.take().unwrap_or(now_ms);
        // The next one that is asked for counts as begun.
        self.saves.running_since_ms = self.is_wanted.then_some(now_ms);
        self.saves.last_took_ms = Some(now_ms.saturating_sub(since_ms));
        self.saves.failed += u64::from(error.is_some());
        self.saves.last_error = error;
    }
}

impl Engine {
    /// Does a piece of the work on the data folder that no command waits for, if there is any.
    pub fn keep(&self) -> Pace {
        let upkeep = self.upkeep().lock().step(self);
        let keeping =
            self.storage().map_or(Pace::Idle, |storage| storage.keeper().step(self, storage));
        if upkeep == Pace::Busy { upkeep } else { keeping }
    }

    /// Waits until something is asked of the keeper, or for so long. Only a thread that has nothing
    /// else to do calls this.
    pub fn await_keeping(&self, at_most: Duration) {
        self.bell().wait(at_most);
    }

    /// Ends the waiting of who waits to keep.
    pub fn ring_keeper(&self) {
        self.bell().ring();
    }

    /// Asks for a checkpoint, which the keeper makes. Without a data folder there is nothing to do.
    pub fn request_checkpoint(&self) {
        let Some(keeper) = self.storage().map(Storage::keeper) else { return };
        let now_ms = self.clock().monotonic_ms();
        {
            let mut desk = keeper.desk.lock();
            desk.is_wanted = true;
            desk.saves.running_since_ms.get_or_insert(now_ms);
        }
        self.ring_keeper();
    }

    /// Makes a checkpoint, on this thread and from its beginning to its end, whoever else keeps.
    /// Without a data folder there is nothing to do.
    ///
    /// # Errors
    /// It could not be made; the one before is still there.
    pub fn checkpoint(&self) -> Result<(), CheckpointError> {
        self.storage().map_or(Ok(()), |storage| storage.keeper().save(self, storage))
    }

    /// Makes a checkpoint if much of the log would have to be read without it, and if that takes
    /// little time: for who is about to stop.
    ///
    /// # Errors
    /// It could not be made; the one before is still there.
    pub fn checkpoint_if_cheap(&self) -> Result<(), CheckpointError> {
        let Some(storage) = self.storage() else { return Ok(()) };
        let logged_before = storage.keeper().work.lock().logged_before;
        let logged = storage.logged_bytes().saturating_sub(logged_before);
        let is_cheap = storage.keeper().desk.lock().newest.bytes <= CHEAP_BYTES;
        if is_cheap && logged >= LOGGED_BYTES_MIN { self.checkpoint() } else { Ok(()) }
    }

    /// Asks for a backup: a data folder at this path, which must be free, that holds the state as it
    /// is a little later. The keeper makes it.
    ///
    /// # Errors
    /// Another one is being made, there is something at the path, or there is no data folder.
    pub fn request_backup(&self, to: &Path) -> Result<(), BackupError> {
        let storage = self.storage().ok_or(BackupError::NoFolder)?;
        let keeper = storage.keeper();
        check_is_free(&**storage.disk(), to)?;
        {
            let mut desk = keeper.desk.lock();
            if desk.backups.running.is_some() {
                return Err(BackupError::Busy);
            }
            desk.backups.running = Some(to.to_owned());
            desk.backup_wanted = Some(to.to_owned());
        }
        self.ring_keeper();
        Ok(())
    }

    /// Returns what there is to say about backups.
    pub fn backups(&self) -> Backups {
        let keeper = self.storage().map(Storage::keeper);
        keeper.map_or_else(Backups::default, |keeper| keeper.desk.lock().backups.clone())
    }

    /// Returns what there is to say about checkpoints.
    pub fn saves(&self) -> Saves {
        let Some(keeper) = self.storage().map(Storage::keeper) else { return Saves::default() };
        let desk = keeper.desk.lock();
        let batches_since = self.journal().last().0.saturating_sub(desk.newest.lsn.0);
        Saves { batches_since, ..desk.saves.clone() }
    }
}

//! What the appending threads and the writer share.
//!
//! Two locks. The front has the open batch and is held for the time of one append; the writer is
//! held while it writes and syncs. Who takes both takes the writer first.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::batch::Batch;
use crate::failure::{AppendError, Failure};
use crate::log::{Driving, Durability, LogState};
use crate::lsn::Lsn;
use crate::segments::Segments;
use crate::stats::{Counters, Stats};
use crate::writer::{Fault, Writer};

type Callback = dyn Fn(Lsn, &LogState) + Send + Sync;

/// Whether the second of [`Durability::Everysec`] is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncDue {
    /// It is not.
    NotYet,
    /// It is: whatever was written is to be synced, unless that is left to the system.
    Now,
}

pub(crate) struct Shared {
    pub(crate) driving: Driving,
    pub(crate) batch_bytes_max: usize,
    pub(crate) front: Mutex<Front>,
    pub(crate) writer: Mutex<Writer>,
    /// The writer's thread waits here for work.
    pub(crate) work: Condvar,
    /// Appending threads wait here for room in the batch.
    room: Condvar,
    /// Others wait here for a position to become durable.
    progress: Condvar,
    written: AtomicU64,
    durable: AtomicU64,
    durability: AtomicU8,
    /// Whether a record would be taken without waiting; written under the lock of the front.
    admits: AtomicBool,
    callback: Mutex<Option<Arc<Callback>>>,
    pub(crate) segments: Arc<Segments>,
    counters: Arc<Counters>,
}

/// What is decided under the short lock.
#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) batch: Batch,
    pub(crate) state: LogState,
    /// Whether the writer has been asked to write.
    pub(crate) requested: bool,
    /// Whether it is to try again although there was no room.
    pub(crate) retry: bool,
    pub(crate) phase: Phase,
    /// The last record that somebody waits for, whatever the durability.
    sync_wanted: Lsn,
    /// The record that completes the company that the writer's thread waits for.
    pub(crate) gathers_until: Option<Lsn>,
}

/// How far the end of the log has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It has not been asked for.
    Open,
    /// Nothing is taken any more, and the writer is about to write the rest.
    Closing,
    /// The writer will not write again.
    Ended,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("front", &self.front).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(
        writer: Writer,
        driving: Driving,
        durability: Durability,
        batch_bytes_max: usize,
    ) -> Self {
        let front = Front {
            batch: Batch::new(writer.written),
            state: LogState::Running,
            requested: false,
            retry: false,
            phase: Phase::Open,
            sync_wanted: Lsn::ZERO,
            gathers_until: None,
        };
        Shared {
            driving,
            batch_bytes_max,
            front: Mutex::new(front),
            work: Condvar::new(),
            room: Condvar::new(),
            progress: Condvar::new(),
            written: AtomicU64::new(writer.written.0),
            durable: AtomicU64::new(writer.durable.0),
            durability: AtomicU8::new(durability as u8),
            admits: AtomicBool::new(true),
            callback: Mutex::new(None),
            segments: Arc::clone(&writer.segments),
            counters: Arc::clone(&writer.counters),
            writer: Mutex::new(writer),
        }
    }

    pub(crate) fn written(&self) -> Lsn {
        Lsn(self.written.load(Ordering::Acquire))
    }

    pub(crate) fn durable(&self) -> Lsn {
        Lsn(self.durable.load(Ordering::Acquire))
    }

    #[inline]
    pub(crate) fn admits(&self) -> bool {
        self.admits.load(Ordering::Relaxed)
    }

    /// Notes whether records are taken, after anything has changed that decides it.
    pub(crate) fn note_admission(&self, front: &Front) {
        let admits = front.check().is_ok() && front.batch.len() < self.batch_bytes_max;
        self.admits.store(admits, Ordering::Relaxed);
    }

    pub(crate) fn durability(&self) -> Durability {
        match self.durability.load(Ordering::Relaxed) {
            0 => Durability::Always,
            1 => Durability::Everysec,
            _ => Durability::Never,
        }
    }

    pub(crate) fn set_durability(&self, durability: Durability) {
        // Under the lock, so that the writer's thread does not miss it on its way to sleep.
        let _front = self.front.lock();
        self.durability.store(durability as u8, Ordering::Relaxed);
        self.work.notify_one();
    }

    pub(crate) fn set_callback(&self, callback: Arc<Callback>) {
        *self.callback.lock() = Some(callback);
    }

    pub(crate) fn stats(&self) -> Stats {
        let (segments, segment_bytes) = self.segments.size();
        let open_bytes = self.front.lock().batch.len();
        Stats { segments, segment_bytes, open_bytes, ..self.counters.snapshot() }
    }

    /// Waits until the batch has room; the guard is held again when this returns.
    pub(crate) fn wait_for_room(
        &self,
        front: &mut MutexGuard<'_, Front>,
    ) -> Result<(), AppendError> {
        loop {
            front.check()?;
            if front.batch.len() < self.batch_bytes_max {
                return Ok(());
            }
            front.requested = true;
            front.gathers_until = None;
            match self.driving {
                Driving::Caller => MutexGuard::unlocked(front, || self.step(SyncDue::NotYet)),
                Driving::Thread => {
                    self.work.notify_one();
                    self.room.wait(front);
                }
            }
        }
    }

    /// Asks for a write.
    pub(crate) fn request(&self, front: &mut Front) {
        let is_complete = front.gathers_until.is_some_and(|until| front.batch.last() >= until);
        if !front.requested || is_complete {
            front.requested = true;
            front.gathers_until = None;
            self.work.notify_one();
        }
    }

    /// Asks for a write and a sync, whatever the durability.
    pub(crate) fn request_sync(&self, lsn: Lsn) {
        let mut front = self.front.lock();
        front.sync_wanted = front.sync_wanted.max(lsn);
        if self.durable() < lsn {
            self.request(&mut front);
        }
    }

    /// Waits until a record is durable, and makes it so whatever the durability.
    pub(crate) fn wait_durable(&self, lsn: Lsn) -> Result<(), AppendError> {
        let mut front = self.front.lock();
        front.sync_wanted = front.sync_wanted.max(lsn);
        while self.durable() < lsn {
            match (&front.state, self.driving) {
                (LogState::Poisoned(why), _) => return Err(AppendError::Poisoned(why.clone())),
                (LogState::Full(why), _) if front.phase == Phase::Ended => {
                    return Err(AppendError::Full(why.clone()));
                }
                (LogState::Closed, _) => return Err(AppendError::Closed),
                (_, Driving::Thread) => {
                    self.request(&mut front);
                    self.progress.wait(&mut front);
                }
                (_, Driving::Caller) => {
                    MutexGuard::unlocked(&mut front, || self.step(SyncDue::NotYet));
                    if self.durable() < lsn {
                        return front.check().and(Err(AppendError::Closed));
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes what is open, and syncs it if that is asked for or due.
    pub(crate) fn step(&self, due: SyncDue) {
        self.with_writer(|writer| {
            let written = self.write(writer);
            if matches!(written, Err(Fault::Fatal(_))) {
                return written;
            }
            // What was written before the disk was full is owed its sync all the same.
            if writer.is_unsynced() && self.wants_sync(writer, due) {
                writer.sync()?;
            }
            written
        });
    }

    /// Writes what is open, and goes on in a new segment.
    pub(crate) fn rotate(&self) {
        self.with_writer(|writer| {
            self.write(writer)?;
            writer.rotate()
        });
    }

    /// Takes nothing more.
    pub(crate) fn close_front(&self) {
        let mut front = self.front.lock();
        if front.phase == Phase::Open {
            front.phase = Phase::Closing;
        }
        self.note_admission(&front);
    }

    /// Writes and syncs everything, and ends the log.
    pub(crate) fn finish(&self) {
        self.with_writer(|writer| {
            self.write(writer)?;
            match writer.close() {
                // The last mark is worth having, but nothing is lost without it.
                Err(Fault::Full(_)) => Ok(()),
                closed => closed,
            }
        });
        let mut front = self.front.lock();
        front.phase = Phase::Ended;
        if front.state == LogState::Running {
            front.state = LogState::Closed;
        }
        self.progress.notify_all();
    }

    /// Lets nothing be appended any more, for this reason.
    pub(crate) fn poison(&self, failure: Failure) {
        {
            let mut front = self.front.lock();
            front.state = LogState::Poisoned(failure);
            self.note_admission(&front);
        }
        self.work.notify_one();
        self.room.notify_all();
        self.progress.notify_all();
        self.tell();
    }

    fn with_writer(&self, work: impl FnOnce(&mut Writer) -> Result<(), Fault>) {
        let mut writer = self.writer.lock();
        if matches!(self.front.lock().state, LogState::Poisoned(_) | LogState::Closed) {
            return;
        }
        let outcome = work(&mut writer);
        let changed = self.publish(&writer, outcome);
        drop(writer);
        if changed {
            self.tell();
        }
    }

    /// Writes what a full disk has left over, then the open batch.
    fn write(&self, writer: &mut Writer) -> Result<(), Fault> {
        writer.write()?;
        writer.refill(|spare| {
            let mut front = self.front.lock();
            front.requested = false;
            // One long record must not keep its memory for ever.
            let keep = spare.capacity() <= self.batch_bytes_max.saturating_mul(2);
            let frames = front.batch.take(if keep { spare } else { Vec::new() });
            self.note_admission(&front);
            self.room.notify_all();
            frames
        });
        writer.write()
    }

    fn wants_sync(&self, writer: &Writer, due: SyncDue) -> bool {
        let always = match self.durability() {
            Durability::Always => true,
            Durability::Everysec => due == SyncDue::Now,
            Durability::Never => false,
        };
        always || self.front.lock().sync_wanted > writer.durable
    }

    /// Tells how far the writer is; says whether that is news.
    fn publish(&self, writer: &Writer, outcome: Result<(), Fault>) -> bool {
        let state = match outcome {
            Ok(()) => LogState::Running,
            Err(Fault::Full(failure)) => LogState::Full(failure),
            Err(Fault::Fatal(failure)) => LogState::Poisoned(failure),
        };
        let mut front = self.front.lock();
        let news = self.written.swap(writer.written.0, Ordering::AcqRel) != writer.written.0;
        let news =
            self.durable.swap(writer.durable.0, Ordering::AcqRel) != writer.durable.0 || news;
        // Another thread may have poisoned the log meanwhile, and that is for good.
        let poisoned = matches!(front.state, LogState::Poisoned(_));
        let news = (front.state != state && !poisoned) || news;
        if !poisoned {
            front.state = state;
        }
        self.note_admission(&front);
        // Who waits asks for a write each time it wakes: waking it for nothing would never end.
        if news {
            self.room.notify_all();
            self.progress.notify_all();
        }
        news
    }

    fn tell(&self) {
        let callback = self.callback.lock().clone();
        if let Some(callback) = callback {
            let state = self.front.lock().state.clone();
            callback(self.durable(), &state);
        }
    }
}

impl Front {
    /// Says whether the log takes records.
    pub(crate) fn check(&self) -> Result<(), AppendError> {
        match &self.state {
            LogState::Full(failure) => Err(AppendError::Full(failure.clone())),
            _ => self.check_admitted(),
        }
    }

    /// Says whether the log takes records of those who were let in before.
    pub(crate) fn check_admitted(&self) -> Result<(), AppendError> {
        match &self.state {
            LogState::Poisoned(failure) => Err(AppendError::Poisoned(failure.clone())),
            _ if self.phase == Phase::Open => Ok(()),
            _ => Err(AppendError::Closed),
        }
    }
}

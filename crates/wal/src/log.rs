//! The log: takes records, says how far they are durable.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;

use crate::disk::Disk;
use crate::failure::{Action, AppendError, Failure, OpenError};
use crate::lsn::Lsn;
use crate::recovery::{Recovery, Tail};
use crate::segment::{self, Segment};
use crate::segments::{Entry, Segments};
use crate::shared::{Shared, SyncDue};
use crate::stats::{Counters, Stats};
use crate::thread;
use crate::writer::Writer;

/// When a written record is synced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Durability {
    /// Every write, before the next one: a record that is durable survives a loss of power.
    #[default]
    Always = 0,
    /// Once per second: a loss of power takes the last second, a killed process nothing that was
    /// written.
    Everysec = 1,
    /// When the system likes, and at the end of every segment.
    Never = 2,
}

/// Who runs the writer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Driving {
    /// A thread of the log's own.
    #[default]
    Thread,
    /// The caller, by [`Log::drive`]: the same calls then make the same bytes.
    Caller,
}

/// What a log can be told when it is opened.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// When a written record is synced; the default is `Always`.
    pub durability: Durability,
    /// Who runs the writer; the default is a thread.
    pub driving: Driving,
    /// The length that a segment does not exceed, unless by a single record; the default is 64 MiB.
    pub segment_bytes: u64,
    /// How much longer than it is the newest segment's file is made in advance, filled with zeros:
    /// a sync costs less where the length does not change. The default is 1 MiB, zero is none.
    pub reserve_bytes: u64,
    /// How many bytes may wait for the writer before appending waits too; the default is 8 MiB. As
    /// many again may be with the writer.
    pub batch_bytes_max: usize,
    /// The position of the first record, where there is no log yet; the default is 1.
    pub first_lsn: Lsn,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            durability: Durability::default(),
            driving: Driving::default(),
            segment_bytes: 64 << 20,
            reserve_bytes: 1 << 20,
            batch_bytes_max: 8 << 20,
            first_lsn: Lsn(1),
        }
    }
}

/// How a log is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogState {
    /// It takes records.
    Running,
    /// There is no room. Records that were taken are kept in memory and will be written; new ones
    /// are refused until a retry succeeds.
    Full(Failure),
    /// A write or sync has failed. All records behind [`Log::durable`] have failed with it: they
    /// may or may not be found when the log is opened anew.
    Poisoned(Failure),
    /// It was closed in order: everything is durable.
    Closed,
}

/// An ordered, durable sequence of records.
///
/// Closed when dropped. It can be used from many threads at once.
#[derive(Debug)]
pub struct Log {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Log {
    /// Opens the log in a folder, or begins one there.
    ///
    /// The caller sees to it that nobody else has the folder open. Only the end of the newest
    /// segment is checked, and cut if it is torn; reading the [`Recovery`] checks what it reads.
    ///
    /// # Errors
    /// The disk refuses a call, or the newest segment is damaged or of an unknown version.
    pub fn open(
        folder: impl Into<PathBuf>,
        disk: Arc<dyn Disk>,
        options: Options,
    ) -> Result<(Log, Recovery), OpenError> {
        let folder = folder.into();
        let (firsts, tail) = find(&folder, &*disk, options.first_lsn)?;
        let list = entries(&folder, &*disk, &firsts, &tail)?;
        let recovery = Recovery::new(Arc::clone(&disk), &folder, firsts, &tail);
        let segments = Arc::new(Segments::new(Arc::clone(&disk), folder.clone(), list));
        let writer = Writer {
            disk,
            folder,
            segment_bytes: options.segment_bytes,
            reserve_bytes: options.reserve_bytes,
            segments,
            counters: Arc::new(Counters::default()),
            segment: tail.segment,
            pending: Vec::new(),
            pending_at: 0,
            written: tail.last,
            durable: tail.last,
            marked: tail.marked,
        };
        let Options { driving, durability, batch_bytes_max, .. } = options;
        let shared = Arc::new(Shared::new(writer, driving, durability, batch_bytes_max.max(1)));
        let thread = match driving {
            Driving::Thread => Some(thread::start(Arc::clone(&shared)).map_err(OpenError::Thread)?),
            Driving::Caller => None,
        };
        Ok((Log { shared, thread: Mutex::new(thread) }, recovery))
    }

    /// Appends a record, and returns its position.
    ///
    /// It is written when somebody calls [`Log::commit`] or half a batch has gathered. Waits while
    /// the batch is full.
    ///
    /// # Errors
    /// The log is full, poisoned or closed, or the record is too long; then it has no position.
    pub fn append(&self, payload: &[u8]) -> Result<Lsn, AppendError> {
        self.append_with(|bytes| bytes.extend_from_slice(payload))
    }

    /// Appends a record that `encode` writes behind whatever stands in the bytes it is handed.
    ///
    /// `encode` runs under the lock of the open batch: it must be short and must not call the log.
    ///
    /// # Errors
    /// As [`Log::append`].
    pub fn append_with(&self, encode: impl FnOnce(&mut Vec<u8>)) -> Result<Lsn, AppendError> {
        let mut front = self.shared.front.lock();
        self.shared.wait_for_room(&mut front)?;
        let appended = front.batch.append(encode);
        if front.batch.len() >= self.shared.batch_bytes_max / 2 {
            self.shared.request(&mut front);
            self.shared.note_admission(&front);
        }
        appended
    }

    /// Says whether a record can be appended now without waiting: nothing but a look at one atomic.
    #[inline]
    pub fn admits(&self) -> bool {
        self.shared.admits()
    }

    /// Waits until the batch has room, and permits one record to be appended without waiting, by
    /// [`Log::append_admitted`].
    ///
    /// This is for those who hold locks when they append, or who have changed something by then
    /// that they cannot take back: whatever can be refused or waited for is so here, before that.
    /// The batch outgrows its bound by no more than the records that were permitted at once.
    ///
    /// # Errors
    /// The log is full, poisoned or closed.
    #[inline]
    pub fn admit(&self) -> Result<(), AppendError> {
        if self.admits() {
            return Ok(());
        }
        let mut front = self.shared.front.lock();
        self.shared.wait_for_room(&mut front)
    }

    /// Appends a record that was permitted before, without waiting, even if the disk has become
    /// full.
    ///
    /// # Errors
    /// The log has been poisoned or closed meanwhile, or the record is too long. What has been
    /// changed by then cannot be taken back, so a record that is too long poisons the log.
    pub fn append_admitted(&self, encode: impl FnOnce(&mut Vec<u8>)) -> Result<Lsn, AppendError> {
        let mut front = self.shared.front.lock();
        front.check_admitted()?;
        let appended = front.batch.append(encode);
        if front.batch.len() >= self.shared.batch_bytes_max / 2 {
            self.shared.request(&mut front);
            self.shared.note_admission(&front);
        }
        drop(front);
        if let Err(error @ AppendError::TooLong { .. }) = &appended {
            let error = std::io::Error::new(std::io::ErrorKind::InvalidInput, error.to_string());
            self.shared.poison(Failure::new(Action::Write, self.shared.segments.folder(), &error));
        }
        appended
    }

    /// Has everything written that was appended so far: to be called at the end of a tick.
    pub fn commit(&self) {
        let mut front = self.shared.front.lock();
        if front.batch.len() > 0 {
            self.shared.request(&mut front);
        }
    }

    /// Runs the writer once, on a log that is driven by its caller: writes what is open, and syncs
    /// it under `Always`, or if the second of `Everysec` is over. Tries again on a full disk.
    pub fn drive(&self, due: SyncDue) {
        self.shared.step(due);
    }

    /// Returns the position of the last record that was appended.
    pub fn last(&self) -> Lsn {
        self.shared.front.lock().batch.last()
    }

    /// Returns the position up to which everything has been handed to the system, and so outlives
    /// the process.
    pub fn written(&self) -> Lsn {
        self.shared.written()
    }

    /// Returns the position up to which everything has been synced, and so outlives the machine.
    pub fn durable(&self) -> Lsn {
        self.shared.durable()
    }

    /// Returns the position up to which a client may be told of its success: under `Always` what is
    /// durable, otherwise everything.
    pub fn settled(&self) -> Lsn {
        match self.shared.durability() {
            Durability::Always => self.shared.durable(),
            Durability::Everysec | Durability::Never => Lsn::MAX,
        }
    }

    /// Calls `callback` with [`Log::durable`] and the state whenever one of them or
    /// [`Log::written`] has changed, on the writer's thread; it replaces the one before. It must be
    /// short and must not close the log.
    pub fn on_durable(&self, callback: impl Fn(Lsn, &LogState) + Send + Sync + 'static) {
        self.shared.set_callback(Arc::new(callback));
    }

    /// Waits until a record is durable, and has it synced, whatever the durability. On a full disk
    /// it waits for room, unless the caller drives the log.
    ///
    /// # Errors
    /// The log is poisoned or closed, so the record will not become durable.
    pub fn wait_durable(&self, lsn: Lsn) -> Result<(), AppendError> {
        self.shared.wait_durable(lsn)
    }

    /// Has a record written and synced soon, whatever the durability; does not wait.
    pub fn request_sync(&self, lsn: Lsn) {
        self.shared.request_sync(lsn);
    }

    /// Returns how the log is.
    pub fn state(&self) -> LogState {
        self.shared.front.lock().state.clone()
    }

    /// Says whether a write or sync has failed, so that nothing more becomes durable.
    pub fn is_poisoned(&self) -> bool {
        matches!(self.shared.front.lock().state, LogState::Poisoned(_))
    }

    /// Has a full disk tried again at once; otherwise that happens every second.
    pub fn retry(&self) {
        self.shared.front.lock().retry = true;
        self.shared.work.notify_one();
    }

    /// Returns when a written record is synced.
    pub fn durability(&self) -> Durability {
        self.shared.durability()
    }

    /// Changes when a written record is synced, from the next write on.
    pub fn set_durability(&self, durability: Durability) {
        self.shared.set_durability(durability);
    }

    /// Writes and syncs what is open, goes on in a new segment, and returns the position that it
    /// begins with. Runs on the calling thread.
    ///
    /// # Errors
    /// The log is full, poisoned or closed.
    pub fn rotate(&self) -> Result<Lsn, AppendError> {
        self.shared.rotate();
        self.shared.front.lock().check()?;
        Ok(self.shared.writer.lock().segment.first)
    }

    /// Removes the segments that have only records before `lsn`, and returns how many. The newest
    /// one stays. Runs on the calling thread.
    ///
    /// # Errors
    /// The disk refuses to remove a file, which may be tried again; or a sync has failed, now or
    /// before, and the log is poisoned.
    pub fn remove_before(&self, lsn: Lsn) -> Result<usize, Failure> {
        if let LogState::Poisoned(failure) = self.state() {
            return Err(failure);
        }
        let removed = self.shared.segments.remove_before(lsn);
        if let Err(failure) = &removed
            && failure.action == Action::Sync
        {
            self.shared.poison(failure.clone());
        }
        removed
    }

    /// Returns the position of the oldest record there is or, in an empty log, of the first to
    /// come.
    pub fn first_lsn(&self) -> Lsn {
        self.shared.segments.first_lsn()
    }

    /// Returns numbers about the log.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// Writes and syncs everything, and closes the log; once more is fine.
    ///
    /// # Errors
    /// Not everything could be made durable.
    pub fn close(&self) -> Result<(), AppendError> {
        self.shared.close_front();
        self.shared.work.notify_one();
        // A thread that ends by itself, or by a panic, has left its state behind.
        match self.thread.lock().take() {
            Some(thread) if thread.thread().id() == std::thread::current().id() => {}
            Some(thread) => drop(thread.join()),
            None => self.shared.finish(),
        }
        match self.state() {
            LogState::Closed | LogState::Running => Ok(()),
            LogState::Full(failure) => Err(AppendError::Full(failure)),
            LogState::Poisoned(failure) => Err(AppendError::Poisoned(failure)),
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // Who wants to know whether this succeeds calls `close`.
        let _ = self.close();
    }
}

/// Finds the segments of a folder and the end of the newest, and begins a log where there is none.
fn find(folder: &Path, disk: &dyn Disk, first: Lsn) -> Result<(Vec<Lsn>, Tail), OpenError> {
    let fail = |action| move |error: std::io::Error| Failure::new(action, folder, &error);
    disk.create_folder(folder).map_err(fail(Action::Create))?;
    let names = disk.list(folder).map_err(fail(Action::Read))?;
    let firsts: Vec<Lsn> = names.iter().filter_map(|name| segment::parse_name(name)).collect();
    if let Some(&newest) = firsts.last() {
        let tail = Tail::open(disk, folder, newest)?;
        return Ok((firsts, tail));
    }
    let first = first.max(Lsn(1));
    let segment = Segment::create(disk, folder, first)
        .map_err(|(action, error)| Failure::new(action, &segment::path(folder, first), &error))?;
    // The folder itself is a name in the one above it.
    let above = folder.parent().unwrap_or(Path::new(""));
    disk.sync_folder(above).map_err(|error| Failure::new(Action::Sync, above, &error))?;
    let last = first.previous();
    Ok((vec![first], Tail { segment, last, marked: last, cut: None }))
}

fn entries(
    folder: &Path,
    disk: &dyn Disk,
    firsts: &[Lsn],
    tail: &Tail,
) -> Result<VecDeque<Entry>, OpenError> {
    let entry = |&first: &Lsn| {
        let path = segment::path(folder, first);
        let len = disk.open(&path).and_then(|file| file.len());
        let bytes = len.map_err(|error| Failure::new(Action::Read, &path, &error))?;
        Ok(Entry { first, bytes })
    };
    let mut list: VecDeque<Entry> = firsts.iter().map(entry).collect::<Result<_, OpenError>>()?;
    if let Some(newest) = list.back_mut() {
        newest.bytes = tail.segment.bytes;
    }
    Ok(list)
}

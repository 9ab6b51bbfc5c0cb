//! A disk in memory that fails on purpose, the same way for the same seed.
//!
//! It keeps what has been written and what has been synced apart. What it can do:
//!
//! - **Loss of power** ([`SimDisk::crash`]): synced bytes and names stay. By chance, everything
//!   else stays as well, or everything else is gone, or each write since the last sync is kept,
//!   dropped, or kept in a part that begins and ends at any byte; they arrive in any order; where a
//!   dropped write was, a longer file has zeros. Cuts of the length are kept or dropped likewise.
//!   Of the creations, renames and removals since the last sync of their folder each is kept or
//!   dropped, in their order.
//! - **A crash in the middle** ([`SimDisk::stop_at`]): the nth operation from now is the last one
//!   that has an effect, by chance a part of it or none; it and all that follow fail. What a restart
//!   finds is what [`SimDisk::crash`] returns then.
//! - **The end of a process** ([`SimDisk::reopen`]): nothing is lost, and nothing becomes durable.
//! - **Failed writes** ([`SimDisk::fail_write`]): the nth append fails, after a part of its bytes.
//! - **Failed syncs** ([`SimDisk::fail_sync`]): the nth sync of a file or folder fails. What was
//!   written to the file before stays readable, but no later sync makes it durable, as on a system
//!   that drops the pages it could not write.
//! - **Other failures** ([`SimDisk::fail`]): the nth read, creation, renaming, removal, change or
//!   reservation of a length fails without an effect.
//! - **A full disk** ([`SimDisk::set_capacity`]): beyond a number of bytes, writes are short, and
//!   fail when there is no room at all. Creating a file needs room for one byte.
//! - **Short writes** ([`SimDisk::set_short_writes`]): an append takes only a part, which is no
//!   error.
//! - **Short reads** ([`SimDisk::set_short_reads`]): a read brings only a part, which is no error.
//! - **Flipped bits** ([`SimDisk::flip_bit`]), in what was synced as well.
//! - **Slow syncs** ([`SimDisk::set_sync_delay`]), for tests with threads.
//!
//! What it does not do: lose or change what has been synced, but for flipped bits.

mod chance;
mod content;
mod faults;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::disk::{Disk, DiskFile, DiskLock};
pub use chance::Chance;
use content::{ChangeKind, File, Loss, NameChange};
pub use faults::Operation;
use faults::{Faults, Verdict};

/// A simulated disk; clones are the same disk.
#[derive(Clone, Debug)]
pub struct SimDisk {
    world: Arc<Mutex<World>>,
}

#[derive(Debug)]
struct World {
    chance: Chance,
    files: Vec<File>,
    /// Which file a name stands for, as programs see it.
    names: BTreeMap<PathBuf, usize>,
    names_synced: BTreeMap<PathBuf, usize>,
    names_pending: Vec<NameChange>,
    locks: BTreeSet<PathBuf>,
    faults: Faults,
}

impl SimDisk {
    /// Returns an empty disk whose chance begins with this seed.
    pub fn new(seed: u64) -> Self {
        SimDisk::with(World {
            chance: Chance::new(seed),
            files: Vec::new(),
            names: BTreeMap::new(),
            names_synced: BTreeMap::new(),
            names_pending: Vec::new(),
            locks: BTreeSet::new(),
            faults: Faults::default(),
        })
    }

    fn with(world: World) -> Self {
        SimDisk { world: Arc::new(Mutex::new(world)) }
    }

    /// Returns the disk as it is found after a loss of power now, without any faults set.
    ///
    /// This one goes on in a world of its own, so those who still hold it do no harm.
    #[must_use]
    pub fn crash(&self) -> SimDisk {
        let mut world = self.world.lock();
        let World { chance, files, names_synced, names_pending, .. } = &mut *world;
        let mode = Loss::draw(chance);
        let files: Vec<File> = files.iter().map(|file| file.after(mode, chance)).collect();
        let mut names = names_synced.clone();
        for change in names_pending.iter() {
            if mode.keeps(chance) {
                change.apply(&mut names);
            }
        }
        let after = SimDisk::new(chance.next());
        {
            let mut new = after.world.lock();
            new.files = files;
            new.names_synced.clone_from(&names);
            new.names = names;
        }
        after
    }

    /// Returns the disk as another process finds it when this one has ended now, without any faults
    /// set. What was not durable is not durable either there.
    #[must_use]
    pub fn reopen(&self) -> SimDisk {
        let mut world = self.world.lock();
        let after = SimDisk::new(world.chance.next());
        {
            let mut new = after.world.lock();
            new.files.clone_from(&world.files);
            new.names.clone_from(&world.names);
            new.names_synced.clone_from(&world.names_synced);
            new.names_pending.clone_from(&world.names_pending);
        }
        after
    }

    /// Has the nth operation from now be the last one, counted from 1.
    pub fn stop_at(&self, nth: u64) {
        self.world.lock().faults.stop_at(nth);
    }

    /// Says whether the disk has stopped.
    pub fn is_stopped(&self) -> bool {
        self.world.lock().faults.is_stopped()
    }

    /// Has the nth operation of a kind from now fail, counted from 1.
    pub fn fail(&self, operation: Operation, nth: u64, kind: io::ErrorKind) {
        self.world.lock().faults.plan(operation, nth, kind);
    }

    /// Has the nth append from now fail, counted from 1.
    pub fn fail_write(&self, nth: u64, kind: io::ErrorKind) {
        self.fail(Operation::Write, nth, kind);
    }

    /// Has the nth sync from now fail, counted from 1.
    pub fn fail_sync(&self, nth: u64, kind: io::ErrorKind) {
        self.fail(Operation::Sync, nth, kind);
    }

    /// Lets everything succeed that was to fail and has not yet, and the disk go on if it has not
    /// stopped.
    pub fn forget_failures(&self) {
        self.world.lock().faults.forget_planned();
    }

    /// Sets how many bytes all files together may have.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.world.lock().faults.capacity_bytes = bytes;
    }

    /// Makes one in so many appends short; zero makes none.
    pub fn set_short_writes(&self, one_in: u64) {
        self.world.lock().faults.short_writes_one_in = one_in;
    }

    /// Makes one in so many reads short; zero makes none. Reading a whole file is never short.
    pub fn set_short_reads(&self, one_in: u64) {
        self.world.lock().faults.short_reads_one_in = one_in;
    }

    /// Sets how long a sync takes.
    pub fn set_sync_delay(&self, delay: Duration) {
        self.world.lock().faults.sync_delay = delay;
    }

    /// Flips one bit of a file, counted from its front; does nothing where there is none.
    pub fn flip_bit(&self, path: &Path, bit: u64) {
        let world = &mut *self.world.lock();
        let Some(&file) = world.names.get(path) else { return };
        let File { live, synced, .. } = &mut world.files[file];
        let Ok(byte) = usize::try_from(bit / 8) else { return };
        for image in [live, synced] {
            if let Some(byte) = image.get_mut(byte) {
                *byte ^= 1 << (bit % 8);
            }
        }
    }

    /// Puts a file there, durably.
    pub fn put(&self, path: &Path, bytes: &[u8]) {
        self.world.lock().put(path, bytes);
    }

    /// Returns all files and what programs would read from them.
    pub fn contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let world = self.world.lock();
        let read =
            |(path, &file): (&PathBuf, &usize)| (path.clone(), world.files[file].live.clone());
        world.names.iter().map(read).collect()
    }

    /// Returns the number of appends so far, failed ones included.
    pub fn writes(&self) -> u64 {
        self.world.lock().faults.count(Operation::Write)
    }

    /// Returns the number of syncs so far, failed ones included.
    pub fn syncs(&self) -> u64 {
        self.world.lock().faults.count(Operation::Sync)
    }

    /// Returns the number of operations so far, failed ones included.
    pub fn operations(&self) -> u64 {
        self.world.lock().faults.operations()
    }

    fn file(&self, file: usize) -> Box<dyn DiskFile> {
        let end = self.world.lock().files[file].live.len();
        Box::new(SimFile { disk: self.clone(), file, end: AtomicUsize::new(end) })
    }
}

impl Disk for SimDisk {
    fn create_folder(&self, _path: &Path) -> io::Result<()> {
        self.world.lock().next(Operation::Name).result()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        if !self.world.lock().locks.insert(path.into()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(SimLock { disk: self.clone(), path: path.into() }))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let world = &mut *self.world.lock();
        let file = world.find(path)?;
        Ok(world.files[file].live.clone())
    }

    fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        {
            let world = &mut *self.world.lock();
            if world.room().is_some_and(|room| room < content.len() as u64) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let (written, told) = world.next(Operation::Write).draw(&mut world.chance);
            if written {
                world.put(path, content);
            }
            told?;
        }
        self.sync_folder(path.parent().unwrap_or(Path::new("")))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = {
            let world = &mut *self.world.lock();
            if world.names.contains_key(path) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            if world.room() == Some(0) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            world.files.push(File::default());
            let file = world.files.len() - 1;
            world.change_name(NameChange::Create(path.into(), file))?;
            file
        };
        Ok(self.file(file))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = self.world.lock().find(path)?;
        Ok(self.file(file))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let world = &mut *self.world.lock();
        world.next(Operation::Read).result()?;
        let inside = world.names.keys().filter(|path| path.parent() == Some(folder));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let world = &mut *self.world.lock();
        world.known(from)?;
        world.change_name(NameChange::Rename(from.into(), to.into()))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let world = &mut *self.world.lock();
        let file = world.known(from)?;
        if world.names.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        world.change_name(NameChange::Create(to.into(), file))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let world = &mut *self.world.lock();
        world.known(path)?;
        world.change_name(NameChange::Remove(path.into()))
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let world = &mut *self.world.lock();
        let (synced, told) = world.next(Operation::Sync).draw(&mut world.chance);
        let pending = std::mem::take(&mut world.names_pending);
        for change in pending {
            if synced && change.path().parent() == Some(folder) {
                change.apply(&mut world.names_synced);
            } else {
                world.names_pending.push(change);
            }
        }
        told
    }
}

impl World {
    fn next(&mut self, operation: Operation) -> Verdict {
        self.faults.next(operation)
    }

    fn known(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Finds a file in order to read it.
    fn find(&mut self, path: &Path) -> io::Result<usize> {
        let file = self.known(path)?;
        self.next(Operation::Read).result()?;
        Ok(file)
    }

    fn change_name(&mut self, change: NameChange) -> io::Result<()> {
        let (changed, told) = self.next(Operation::Name).draw(&mut self.chance);
        if changed {
            change.apply(&mut self.names);
            self.names_pending.push(change);
        }
        told
    }

    fn put(&mut self, path: &Path, bytes: &[u8]) {
        let file = File { live: bytes.to_vec(), synced: bytes.to_vec(), pending: Vec::new() };
        self.files.push(file);
        let change = NameChange::Create(path.into(), self.files.len() - 1);
        change.apply(&mut self.names);
        change.apply(&mut self.names_synced);
    }

    /// Returns how many bytes still fit, if there is a limit.
    fn room(&self) -> Option<u64> {
        let capacity_bytes = self.faults.capacity_bytes?;
        let used: usize = self.names.values().map(|&file| self.files[file].live.len()).sum();
        Some(capacity_bytes.saturating_sub(used as u64))
    }

    fn write(&mut self, file: usize, offset: usize, mut bytes: Vec<u8>) -> io::Result<usize> {
        let reserved = self.files[file].live.len().saturating_sub(offset);
        let room = self.room().map_or(bytes.len(), |room| {
            usize::try_from(room).unwrap_or(usize::MAX).saturating_add(reserved)
        });
        let told = match self.next(Operation::Write) {
            Verdict::Done => Ok(()),
            Verdict::Failed(error) | Verdict::Stopping(error) => Err(error),
            Verdict::Stopped(error) => return Err(error),
        };
        let one_in = self.faults.short_writes_one_in;
        if told.is_err() {
            bytes.truncate(self.chance.below(bytes.len() + 1));
        } else if one_in > 0 && self.chance.next().is_multiple_of(one_in) {
            bytes.truncate(1 + self.chance.below(bytes.len()));
        }
        if told.is_ok() && room == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        bytes.truncate(room);
        let taken = bytes.len();
        self.files[file].change(ChangeKind::Write { offset, bytes });
        told.map(|()| taken)
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    file: usize,
    /// Where appending goes on.
    end: AtomicUsize,
}

impl DiskFile for SimFile {
    fn len(&self) -> io::Result<u64> {
        let world = &mut *self.disk.world.lock();
        world.next(Operation::Read).result()?;
        Ok(world.files[self.file].live.len() as u64)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let world = &mut *self.disk.world.lock();
        world.next(Operation::Read).result()?;
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = world.files[self.file].live.get(offset..).unwrap_or_default();
        let taken = world.faults.read_len(&mut world.chance, rest.len().min(into.len()));
        into[..taken].copy_from_slice(&rest[..taken]);
        Ok(taken)
    }

    fn append(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let bytes = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let end = self.end.load(Ordering::Relaxed);
        let taken = self.disk.world.lock().write(self.file, end, bytes)?;
        self.end.fetch_add(taken, Ordering::Relaxed);
        Ok(taken)
    }

    fn sync_data(&self) -> io::Result<()> {
        let delay = self.disk.world.lock().faults.sync_delay;
        if !delay.is_zero() {
            std::thread::sleep(delay);
        }
        let world = &mut *self.disk.world.lock();
        let verdict = world.next(Operation::Sync);
        let has_failed = matches!(verdict, Verdict::Failed(_));
        let (synced, told) = verdict.draw(&mut world.chance);
        if synced {
            world.files[self.file].sync();
        } else if has_failed {
            world.files[self.file].abandon();
        }
        told
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let world = &mut *self.disk.world.lock();
        let (cut, told) = world.next(Operation::Cut).draw(&mut world.chance);
        if cut {
            world.files[self.file].change(ChangeKind::SetLen(len));
            self.end.store(len, Ordering::Relaxed);
        }
        told
    }

    fn reserve(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let world = &mut *self.disk.world.lock();
        let more = len.saturating_sub(world.files[self.file].live.len());
        if world.room().is_some_and(|room| room < more as u64) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let (reserved, told) = world.next(Operation::Reserve).draw(&mut world.chance);
        if reserved {
            world.files[self.file].change(ChangeKind::Extend(len));
        }
        told
    }
}

#[derive(Debug)]
struct SimLock {
    disk: SimDisk,
    path: PathBuf,
}

impl DiskLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.disk.world.lock().locks.remove(&self.path);
    }
}

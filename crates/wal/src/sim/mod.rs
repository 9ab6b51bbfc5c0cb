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
//! - **Failed writes** ([`SimDisk::fail_write`]): the nth append fails, after a part of its bytes.
//! - **Failed syncs** ([`SimDisk::fail_sync`]): the nth sync of a file or folder fails. What was
//!   written to the file before stays readable, but no later sync makes it durable, as on a system
//!   that drops the pages it could not write.
//! - **A full disk** ([`SimDisk::set_capacity`]): beyond a number of bytes, writes are short, and
//!   fail when there is no room at all. Creating a file needs room for one byte.
//! - **Short writes** ([`SimDisk::set_short_writes`]): an append takes only a part, which is no
//!   error.
//! - **Flipped bits** ([`SimDisk::flip_bit`]), in what was synced as well.
//! - **Slow syncs** ([`SimDisk::set_sync_delay`]), for tests with threads.
//!
//! What it does not do: fail to read, cut, rename or remove, lose or change what has been synced
//! (but for flipped bits), or crash in the middle of a call.

mod chance;
mod content;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::disk::{Disk, DiskFile, DiskLock};
use chance::Chance;
use content::{ChangeKind, File, Loss, NameChange};

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
    writes: u64,
    syncs: u64,
}

#[derive(Debug, Default)]
struct Faults {
    writes: BTreeMap<u64, io::ErrorKind>,
    syncs: BTreeMap<u64, io::ErrorKind>,
    capacity_bytes: Option<u64>,
    short_one_in: u64,
    sync_delay: Duration,
}

impl SimDisk {
    /// Returns an empty disk whose chance begins with this seed.
    pub fn new(seed: u64) -> Self {
        SimDisk::with(World {
            chance: Chance(seed),
            files: Vec::new(),
            names: BTreeMap::new(),
            names_synced: BTreeMap::new(),
            names_pending: Vec::new(),
            locks: BTreeSet::new(),
            faults: Faults::default(),
            writes: 0,
            syncs: 0,
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

    /// Has the nth append from now fail, counted from 1.
    pub fn fail_write(&self, nth: u64, kind: io::ErrorKind) {
        let world = &mut *self.world.lock();
        world.faults.writes.insert(world.writes + nth, kind);
    }

    /// Has the nth sync from now fail, counted from 1.
    pub fn fail_sync(&self, nth: u64, kind: io::ErrorKind) {
        let world = &mut *self.world.lock();
        world.faults.syncs.insert(world.syncs + nth, kind);
    }

    /// Sets how many bytes all files together may have.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.world.lock().faults.capacity_bytes = bytes;
    }

    /// Makes one in so many appends short; zero makes none.
    pub fn set_short_writes(&self, one_in: u64) {
        self.world.lock().faults.short_one_in = one_in;
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
        let world = &mut *self.world.lock();
        let file = File { live: bytes.to_vec(), synced: bytes.to_vec(), pending: Vec::new() };
        world.files.push(file);
        let change = NameChange::Create(path.into(), world.files.len() - 1);
        change.apply(&mut world.names);
        change.apply(&mut world.names_synced);
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
        self.world.lock().writes
    }

    /// Returns the number of syncs so far, failed ones included.
    pub fn syncs(&self) -> u64 {
        self.world.lock().syncs
    }

    fn file(&self, file: usize) -> Box<dyn DiskFile> {
        Box::new(SimFile { disk: self.clone(), file })
    }

    fn change_name(&self, change: NameChange) {
        let world = &mut *self.world.lock();
        change.apply(&mut world.names);
        world.names_pending.push(change);
    }
}

impl Disk for SimDisk {
    fn create_folder(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        if !self.world.lock().locks.insert(path.into()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(SimLock { disk: self.clone(), path: path.into() }))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let world = self.world.lock();
        Ok(world.files[world.find(path)?].live.clone())
    }

    fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        {
            let world = &mut *self.world.lock();
            world.next_write()?;
            world.next_sync()?;
            if world.room().is_some_and(|room| room < content.len() as u64) {
                return Err(io::ErrorKind::StorageFull.into());
            }
        }
        self.put(path, content);
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
            world.files.len() - 1
        };
        self.change_name(NameChange::Create(path.into(), file));
        Ok(self.file(file))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = self.world.lock().find(path)?;
        Ok(self.file(file))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let world = self.world.lock();
        let inside = world.names.keys().filter(|path| path.parent() == Some(folder));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.world.lock().find(from)?;
        self.change_name(NameChange::Rename(from.into(), to.into()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.world.lock().find(path)?;
        self.change_name(NameChange::Remove(path.into()));
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let world = &mut *self.world.lock();
        world.next_sync()?;
        let pending = std::mem::take(&mut world.names_pending);
        for change in pending {
            if change.path().parent() == Some(folder) {
                change.apply(&mut world.names_synced);
            } else {
                world.names_pending.push(change);
            }
        }
        Ok(())
    }
}

impl World {
    fn find(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Counts an append, which fails if that has been asked for.
    fn next_write(&mut self) -> io::Result<()> {
        self.writes += 1;
        self.faults.writes.remove(&self.writes).map_or(Ok(()), |kind| Err(kind.into()))
    }

    fn next_sync(&mut self) -> io::Result<()> {
        self.syncs += 1;
        self.faults.syncs.remove(&self.syncs).map_or(Ok(()), |kind| Err(kind.into()))
    }

    /// Returns how many bytes still fit, if there is a limit.
    fn room(&self) -> Option<u64> {
        let used: usize = self.names.values().map(|&file| self.files[file].live.len()).sum();
        self.faults.capacity_bytes.map(|bytes| bytes.saturating_sub(used as u64))
    }

    fn append(&mut self, file: usize, mut bytes: Vec<u8>) -> io::Result<usize> {
        let failed = self.next_write();
        let one_in = self.faults.short_one_in;
        if failed.is_err() {
            bytes.truncate(self.chance.below(bytes.len() + 1));
        } else if one_in > 0 && self.chance.next().is_multiple_of(one_in) {
            bytes.truncate(1 + self.chance.below(bytes.len()));
        }
        let room =
            self.room().map_or(bytes.len(), |room| usize::try_from(room).unwrap_or(usize::MAX));
        if failed.is_ok() && room == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        bytes.truncate(room);
        let taken = bytes.len();
        let offset = self.files[file].live.len();
        self.files[file].change(ChangeKind::Write { offset, bytes });
        failed.map(|()| taken)
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    file: usize,
}

impl DiskFile for SimFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.world.lock().files[self.file].live.len() as u64)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let world = self.disk.world.lock();
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = world.files[self.file].live.get(offset..).unwrap_or_default();
        let taken = rest.len().min(into.len());
        into[..taken].copy_from_slice(&rest[..taken]);
        Ok(taken)
    }

    fn append(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let bytes = parts.iter().flat_map(|part| part.iter().copied()).collect();
        self.disk.world.lock().append(self.file, bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        let delay = self.disk.world.lock().faults.sync_delay;
        if !delay.is_zero() {
            std::thread::sleep(delay);
        }
        let world = &mut *self.disk.world.lock();
        let synced = world.next_sync();
        match &synced {
            Ok(()) => world.files[self.file].sync(),
            Err(_) => world.files[self.file].abandon(),
        }
        synced
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.disk.world.lock().files[self.file].change(ChangeKind::SetLen(len));
        Ok(())
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

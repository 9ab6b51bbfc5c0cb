//! The folder of block files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use firth_wal::{Action, Disk, Failure};
use parking_lot::Mutex;

use super::error::{BlockFlaw, ReadError, StoreError};
use super::file::{self, BlockFile, HEADER_BYTES};
use super::frame::{self, Compression, Spot};
use super::place::Place;
use super::shelf::Shelf;

/// How many bytes of frames are handed to the disk at a time.
const WRITE_BYTES: usize = 1 << 20;

/// The newest file is not worth being rewritten before it has so many bytes.
const SPARSE_BYTES_MIN: u32 = 1 << 20;

/// How blocks are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// After how many bytes the next file is begun.
    pub file_bytes: u32,
    /// Whether blocks are compressed.
    pub compression: Compression,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions { file_bytes: 64 << 20, compression: Compression::default() }
    }
}

/// How much there is in block files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// The files that are open.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Those of them that blocks in memory refer to.
    pub live_bytes: u64,
    /// The bytes of full files to which nothing in memory refers.
    pub dead_bytes: u64,
    /// How many files were rewritten since little of them was alive.
    pub compactions: u64,
    /// How many bytes of blocks were written anew for that.
    pub moved_bytes: u64,
    /// How often the disk kept a file from being rewritten.
    pub failed_compactions: u64,
}

/// The block files of a data folder.
///
/// Writing and reading lock nothing that the other needs, so that a slow write stops no reader.
#[derive(Debug)]
pub struct BlockStore {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    options: StoreOptions,
    /// Taken behind `writer` by who takes both.
    files: Mutex<BTreeMap<u32, Arc<BlockFile>>>,
    writer: Mutex<Writer>,
    shelf: Arc<Shelf>,
    compactions: AtomicU64,
    moved_bytes: AtomicU64,
    failed_compactions: AtomicU64,
}

#[derive(Debug)]
struct Writer {
    /// The file that is appended to.
    newest: Option<Arc<BlockFile>>,
    next_number: u32,
    /// Files with bytes that have not been synced.
    unsynced: Vec<Arc<BlockFile>>,
    /// Whether there are names that have not been synced.
    has_new_names: bool,
    poisoned: Option<Failure>,
    frames: Vec<u8>,
}

impl BlockStore {
    /// Opens a folder, creating it if need be. The files that are there are read from when their
    /// places are asked for, and never written to.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn open(
        folder: impl Into<PathBuf>,
        disk: Arc<dyn Disk>,
        options: StoreOptions,
    ) -> Result<BlockStore, Failure> {
        let folder = folder.into();
        disk.create_folder(&folder)
            .map_err(|error| Failure::new(Action::Create, &folder, &error))?;
        let above = folder.parent().unwrap_or(Path::new(""));
        disk.sync_folder(above).map_err(|error| Failure::new(Action::Sync, above, &error))?;
        let newest = numbers(&*disk, &folder)?.last().copied().unwrap_or(0);
        let writer = Writer {
            newest: None,
            next_number: newest.saturating_add(1),
            unsynced: Vec::new(),
            has_new_names: false,
            poisoned: None,
            frames: Vec::new(),
        };
        Ok(BlockStore {
            disk,
            folder,
            options,
            files: Mutex::default(),
            writer: Mutex::new(writer),
            shelf: Arc::default(),
            compactions: AtomicU64::new(0),
            moved_bytes: AtomicU64::new(0),
            failed_compactions: AtomicU64::new(0),
        })
    }

    /// Writes blocks one behind the other, and returns where each lies. They outlive the process
    /// for sure only after [`BlockStore::sync`].
    ///
    /// # Errors
    /// Nothing was written that anybody will read: the disk refuses, or a sync has failed before.
    pub fn write(&self, blocks: &[&[u8]]) -> Result<Vec<Place>, StoreError> {
        let writer = &mut *self.writer.lock();
        if let Some(failure) = &writer.poisoned {
            return Err(StoreError::Poisoned(failure.clone()));
        }
        let mut places = Vec::with_capacity(blocks.len());
        let mut rest = blocks;
        while !rest.is_empty() {
            let file = self.newest(writer)?;
            let written = self.append_some(writer, &file, rest, &mut places)?;
            rest = rest.get(written..).unwrap_or_default();
        }
        Ok(places)
    }

    /// Makes all that was written durable, names included.
    ///
    /// # Errors
    /// A sync fails or has failed: nobody knows what is on the disk, so nothing more is written.
    pub fn sync(&self) -> Result<(), StoreError> {
        let writer = &mut *self.writer.lock();
        if let Some(failure) = &writer.poisoned {
            return Err(StoreError::Poisoned(failure.clone()));
        }
        let synced = self.sync_all(writer);
        synced.map_err(|failure| {
            writer.poisoned = Some(failure.clone());
            StoreError::Poisoned(failure)
        })
    }

    /// Returns a place that was noted elsewhere, in a file that is there.
    ///
    /// # Errors
    /// The file cannot be opened, or it is too short. Whether the block is sound is not looked at.
    pub fn place(&self, number: u32, offset: u32, stored_len: u32) -> Result<Place, ReadError> {
        let file = self.file(number)?;
        let end = u64::from(offset) + u64::from(stored_len);
        if (offset as usize) < HEADER_BYTES || end > file.byte_len() {
            let (path, offset) = (file.shared_path().clone(), u64::from(offset));
            return Err(ReadError::Damage { path, offset, flaw: BlockFlaw::Missing });
        }
        Ok(Place::new(file, offset, stored_len))
    }

    /// Reads a block of a file that cannot be opened, if the block itself is sound.
    pub(crate) fn read_headless(
        &self,
        number: u32,
        offset: u32,
        stored_len: u32,
    ) -> Option<Vec<u8>> {
        let bytes = self.disk.read(&file::path(&self.folder, number)).ok()?;
        let start = offset as usize;
        let frame = bytes.get(start..start.checked_add(stored_len as usize)?)?;
        frame::decode(frame, Spot { number, offset }).ok()
    }

    /// Removes the files that are neither among these, which something durable refers to, nor
    /// referred to by any place, nor being written to. Returns how many went.
    ///
    /// # Errors
    /// The disk refuses, which may be tried again.
    pub fn retain(&self, referenced: &BTreeSet<u32>) -> Result<usize, Failure> {
        // No file can be begun meanwhile, nor can one that is full have been left a moment ago
        // with its places not yet given out.
        let writer = self.writer.lock();
        let newest = writer.newest.as_ref().map(|file| file.number());
        let mut removed = 0;
        for number in numbers(&*self.disk, &self.folder)? {
            let mut files = self.files.lock();
            let is_live = files.get(&number).is_some_and(|file| file.live_bytes() > 0);
            if is_live || referenced.contains(&number) || newest == Some(number) {
                continue;
            }
            files.remove(&number);
            drop(files);
            let path = file::path(&self.folder, number);
            let gone = self.disk.remove(&path);
            gone.map_err(|error| Failure::new(Action::Remove, &path, &error))?;
            removed += 1;
        }
        if removed > 0 {
            let synced = self.disk.sync_folder(&self.folder);
            synced.map_err(|error| Failure::new(Action::Sync, &self.folder, &error))?;
        }
        Ok(removed)
    }

    /// Returns the path of the file with this number.
    pub(crate) fn path_of(&self, number: u32) -> PathBuf {
        file::path(&self.folder, number)
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns how much there is in the files.
    pub fn stats(&self) -> StoreStats {
        let files = self.files.lock();
        let mut stats = StoreStats {
            files: files.len(),
            compactions: self.compactions.load(Ordering::Relaxed),
            moved_bytes: self.moved_bytes.load(Ordering::Relaxed),
            failed_compactions: self.failed_compactions.load(Ordering::Relaxed),
            ..StoreStats::default()
        };
        for file in files.values() {
            let (bytes, live_bytes) = (file.byte_len(), file.live_bytes());
            stats.bytes += bytes;
            stats.live_bytes += live_bytes;
            let is_full = bytes >= self.sparse_bytes_min();
            stats.dead_bytes += if is_full && live_bytes == 0 { bytes } else { 0 };
        }
        stats
    }

    /// Returns the files of which some, but less than half is alive, with how much of each that is.
    /// Nothing is appended to them any more.
    pub(crate) fn sparse_files(&self) -> BTreeMap<u32, u64> {
        let mut writer = self.writer.lock();
        let is_sparse = |file: &BlockFile| file.live_bytes() < file.byte_len() / 2;
        let newest = writer.newest.as_ref();
        let newest =
            newest.filter(|file| file.byte_len() < self.sparse_bytes_min() || !is_sparse(file));
        let newest = newest.map(|file| file.number());
        if newest.is_none() {
            writer.newest = None;
        }
        drop(writer);
        let files = self.files.lock();
        let sparse = files.values().filter(|file| Some(file.number()) != newest && is_sparse(file));
        let sparse = sparse.map(|file| (file.number(), file.live_bytes()));
        sparse.filter(|(_, live_bytes)| *live_bytes > 0).collect()
    }

    /// Returns how many bytes of files are alive; nothing for those that are gone.
    pub(crate) fn live_bytes_of(&self, numbers: &BTreeSet<u32>) -> BTreeMap<u32, u64> {
        let files = self.files.lock();
        let live_bytes = |number: &u32| files.get(number).map_or(0, |file| file.live_bytes());
        numbers.iter().map(|number| (*number, live_bytes(number))).collect()
    }

    /// The length from which on the newest file is rewritten, too.
    fn sparse_bytes_min(&self) -> u64 {
        u64::from((self.options.file_bytes / 4).min(SPARSE_BYTES_MIN))
    }

    /// Notes that files were rewritten.
    pub(crate) fn note_compactions(&self, files: u64) {
        self.compactions.fetch_add(files, Ordering::Relaxed);
    }

    /// Notes that blocks were written anew.
    pub(crate) fn note_moved(&self, bytes: u64) {
        self.moved_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Notes that files could not be rewritten.
    pub(crate) fn note_failed_compaction(&self) {
        self.failed_compactions.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes how many bytes all memory may take, 0 for any number: what was read and not taken yet
    /// gets a part of that.
    pub(crate) fn share_memory(&self, limit_bytes: usize) {
        self.shelf.share_memory(limit_bytes);
    }

    /// Returns how many bytes of blocks were read and wait for those who wanted them.
    pub fn shelf_bytes(&self) -> usize {
        self.shelf.byte_len()
    }

    fn file(&self, number: u32) -> Result<Arc<BlockFile>, ReadError> {
        let mut files = self.files.lock();
        if let Some(file) = files.get(&number) {
            return Ok(file.clone());
        }
        let file =
            Arc::new(BlockFile::open(&*self.disk, &self.folder, number, self.shelf.clone())?);
        files.insert(number, file.clone());
        Ok(file)
    }

    /// Returns the file to append to, a new one if the last one is full.
    fn newest(&self, writer: &mut Writer) -> Result<Arc<BlockFile>, StoreError> {
        let is_full = |file: &&Arc<BlockFile>| file.byte_len() < u64::from(self.options.file_bytes);
        if let Some(file) = writer.newest.as_ref().filter(is_full) {
            return Ok(file.clone());
        }
        let number = writer.next_number;
        let created = BlockFile::create(&*self.disk, &self.folder, number, self.shelf.clone());
        writer.newest = None;
        writer.has_new_names = true;
        let file = Arc::new(created.map_err(|failure| {
            // Of a file without a header nothing is known; its number must not be used up either.
            if self.disk.remove(&file::path(&self.folder, number)).is_err() {
                writer.next_number = number.saturating_add(1);
            }
            StoreError::Disk(failure)
        })?);
        writer.next_number = number.saturating_add(1);
        writer.newest = Some(file.clone());
        writer.unsynced.push(file.clone());
        self.files.lock().insert(number, file.clone());
        Ok(file)
    }

    /// Appends as many of the blocks as make up one write; returns how many.
    fn append_some(
        &self,
        writer: &mut Writer,
        file: &Arc<BlockFile>,
        blocks: &[&[u8]],
        places: &mut Vec<Place>,
    ) -> Result<usize, StoreError> {
        let frames = &mut writer.frames;
        frames.clear();
        let begin = file.byte_len();
        let room = u64::from(self.options.file_bytes);
        let mut spans = Vec::new();
        for content in blocks {
            let offset = begin + frames.len() as u64;
            let Ok(offset) = u32::try_from(offset) else { break };
            if !spans.is_empty() && (u64::from(offset) >= room || frames.len() >= WRITE_BYTES) {
                break;
            }
            let spot = Spot { number: file.number(), offset };
            let len = frame::encode(frames, spot, content, self.options.compression)
                .ok_or(StoreError::TooLong { bytes: content.len() })?;
            spans.push((offset, len));
        }
        if let Err(failure) = file.append(frames) {
            if file.cut().is_err() {
                writer.newest = None;
            }
            return Err(StoreError::Disk(failure));
        }
        if frames.capacity() > 4 * WRITE_BYTES {
            *frames = Vec::new();
        }
        if !writer.unsynced.iter().any(|known| Arc::ptr_eq(known, file)) {
            writer.unsynced.push(file.clone());
        }
        let written = spans.len();
        places.extend(spans.into_iter().map(|(at, len)| Place::new(file.clone(), at, len)));
        Ok(written)
    }

    fn sync_all(&self, writer: &mut Writer) -> Result<(), Failure> {
        for file in &writer.unsynced {
            file.sync()?;
        }
        writer.unsynced.clear();
        if writer.has_new_names {
            let synced = self.disk.sync_folder(&self.folder);
            synced.map_err(|error| Failure::new(Action::Sync, &self.folder, &error))?;
            writer.has_new_names = false;
        }
        Ok(())
    }
}

/// Returns the numbers of the files in a folder, the oldest first.
fn numbers(disk: &dyn Disk, folder: &Path) -> Result<Vec<u32>, Failure> {
    let names = disk.list(folder).map_err(|error| Failure::new(Action::Read, folder, &error))?;
    let mut numbers: Vec<u32> = names.iter().filter_map(|name| file::parse_name(name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

//! The folder of checkpoints: names, and the one that is being written.
//!
//! A checkpoint is named by its position, `<16 hexadecimal digits>.ckp`. It is written under that
//! name with `.draft` behind it, synced, and only then renamed: what has its final name is whole.

use std::collections::BTreeSet;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use firth_wal::{Action, Disk, DiskFile, Failure, Lsn, append_all};

use super::reader::{ItemReader, ReadError};
use super::{Counts, Frames, Header, Items};

const SUFFIX: &str = ".ckp";
const DRAFT_SUFFIX: &str = ".ckp.draft";

/// So much is handed to the disk and synced at a time, so that no sync has much to do at once: the
/// log's syncs wait behind it. With 8 MiB, p99.9 of an append is nearly twice as long while a
/// checkpoint runs.
const SYNC_BYTES: usize = 256 << 10;

/// The checkpoints of a data folder.
#[derive(Clone, Debug)]
pub(crate) struct CheckpointFolder {
    disk: Arc<dyn Disk>,
    path: PathBuf,
}

impl CheckpointFolder {
    /// Opens the folder, creating it if need be, and removes what was never finished.
    ///
    /// # Errors
    /// The disk refuses.
    pub(crate) fn open(path: PathBuf, disk: Arc<dyn Disk>) -> Result<Self, Failure> {
        let fail = |action, at: &Path| {
            let at = at.to_owned();
            move |error: io::Error| Failure::new(action, &at, &error)
        };
        disk.create_folder(&path).map_err(fail(Action::Create, &path))?;
        let above = path.parent().unwrap_or(Path::new(""));
        disk.sync_folder(above).map_err(fail(Action::Sync, above))?;
        for name in disk.list(&path).map_err(fail(Action::Read, &path))? {
            if name.ends_with(DRAFT_SUFFIX) {
                let draft = path.join(name);
                disk.remove(&draft).map_err(fail(Action::Remove, &draft))?;
            }
        }
        Ok(CheckpointFolder { disk, path })
    }

    /// Returns the path of a checkpoint.
    pub(crate) fn path_of(&self, lsn: Lsn) -> PathBuf {
        self.path.join(format!("{:016x}{SUFFIX}", lsn.0))
    }

    /// Returns the positions of all checkpoints, the oldest first.
    ///
    /// # Errors
    /// The disk refuses.
    pub(crate) fn list(&self) -> Result<Vec<Lsn>, Failure> {
        let names = self.disk.list(&self.path);
        let names = names.map_err(|error| Failure::new(Action::Read, &self.path, &error))?;
        let mut lsns: Vec<Lsn> = names.iter().filter_map(|name| parse_name(name)).collect();
        lsns.sort_unstable();
        Ok(lsns)
    }

    /// Opens a checkpoint for reading.
    ///
    /// # Errors
    /// The disk refuses.
    pub(super) fn read(&self, lsn: Lsn) -> io::Result<Box<dyn DiskFile>> {
        self.disk.open(&self.path_of(lsn))
    }

    /// Begins to write a checkpoint.
    ///
    /// # Errors
    /// The disk refuses.
    pub(crate) fn begin(&self, lsn: Lsn) -> Result<Draft, Failure> {
        let path = self.path.join(format!("{:016x}{DRAFT_SUFFIX}", lsn.0));
        let fail = |error: io::Error| Failure::new(Action::Create, &path, &error);
        // One that failed may have been left behind.
        let file = match self.disk.create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.disk.remove(&path).and_then(|()| self.disk.create(&path))
            }
            created => created,
        };
        let file = file.map_err(fail)?;
        let frames = Frames::new(Header { lsn });
        let folder = self.clone();
        let (counts, files) = (Counts::default(), BTreeSet::new());
        let state = DraftState::Unpublished;
        Ok(Draft { folder, lsn, path, file, frames, counts, files, bytes: 0, state })
    }

    /// Removes a checkpoint.
    ///
    /// # Errors
    /// The disk refuses.
    pub(crate) fn remove(&self, lsn: Lsn) -> Result<(), Failure> {
        let path = self.path_of(lsn);
        self.disk.remove(&path).map_err(|error| Failure::new(Action::Remove, &path, &error))
    }

    /// Makes the names durable.
    ///
    /// # Errors
    /// The disk refuses.
    pub(crate) fn sync(&self) -> Result<(), Failure> {
        let synced = self.disk.sync_folder(&self.path);
        synced.map_err(|error| Failure::new(Action::Sync, &self.path, &error))
    }
}

/// Returns the position in a file's name, if it is that of a checkpoint.
pub(crate) fn parse_name(name: &str) -> Option<Lsn> {
    let digits = name.strip_suffix(SUFFIX)?;
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if digits.len() != 16 || !digits.bytes().all(is_digit) {
        return None;
    }
    u64::from_str_radix(digits, 16).ok().map(Lsn)
}

/// Whether a draft has been given its final name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DraftState {
    Unpublished,
    Published,
}

/// A checkpoint that is being written. Its file is removed when it is dropped unpublished.
#[derive(Debug)]
pub(crate) struct Draft {
    folder: CheckpointFolder,
    lsn: Lsn,
    path: PathBuf,
    file: Box<dyn DiskFile>,
    frames: Frames,
    counts: Counts,
    /// The block files that it names.
    files: BTreeSet<u32>,
    /// How much has been handed to the disk, and synced.
    bytes: u64,
    state: DraftState,
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.state == DraftState::Unpublished {
            // What stays behind is removed when the folder is opened again.
            let _ = self.folder.disk.remove(&self.path);
        }
    }
}

impl Draft {
    /// Adds items, and writes what has gathered if it is much.
    ///
    /// # Errors
    /// The disk refuses; the draft is of no use any more.
    pub(crate) fn push(&mut self, items: &Items) -> Result<(), Failure> {
        self.counts.add(items.counts());
        self.files.extend(items.files());
        self.frames.push(items.bytes());
        if self.frames.ready_bytes() >= SYNC_BYTES {
            self.write()?;
        }
        Ok(())
    }

    /// Ends the file and makes it durable; it has no name yet that counts.
    ///
    /// # Errors
    /// The disk refuses; the draft is of no use any more.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        let mut end = Items::default();
        end.end_of_all(self.counts);
        self.frames.push(end.bytes());
        self.frames.finish();
        self.write()
    }

    /// Gives the file its name, durably.
    ///
    /// # Errors
    /// The disk refuses; whether the checkpoint counts is seen when the folder is opened again.
    pub(crate) fn publish(&mut self) -> Result<(), Failure> {
        let path = self.folder.path_of(self.lsn);
        let renamed = self.folder.disk.rename(&self.path, &path);
        renamed.map_err(|error| Failure::new(Action::Write, &path, &error))?;
        self.state = DraftState::Published;
        self.folder.sync()
    }

    /// Opens the file for reading what was written.
    ///
    /// # Errors
    /// The disk refuses, or there is no sound header.
    pub(super) fn read_back(&self) -> Result<ItemReader, ReadError> {
        ItemReader::new(self.folder.disk.open(&self.path).map_err(ReadError::Disk)?)
    }

    /// Returns the path of the file as long as it is not published.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the position of the checkpoint.
    pub(crate) fn lsn(&self) -> Lsn {
        self.lsn
    }

    /// Returns the length of the file so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes the numbers of the block files that it names.
    pub(crate) fn take_files(&mut self) -> BTreeSet<u32> {
        std::mem::take(&mut self.files)
    }

    /// Returns what the file holds so far.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Writes what is ready, and makes it durable.
    fn write(&mut self) -> Result<(), Failure> {
        let bytes = self.frames.take_ready();
        append_all(&*self.file, &mut [IoSlice::new(&bytes)])
            .map_err(|error| Failure::new(Action::Write, &self.path, &error))?;
        let synced = self.file.sync_data();
        synced.map_err(|error| Failure::new(Action::Sync, &self.path, &error))?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sixteen_hexadecimal_digits() {
        for (name, expect) in [
            ("0000000000000001.ckp", Some(Lsn(1))),
            ("ffffffffffffffff.ckp", Some(Lsn::MAX)),
            ("00000000000000FF.ckp", None),
            ("0000000000000001.ckp.draft", None),
            ("1.ckp", None),
        ] {
            assert_eq!(parse_name(name), expect, "{name}");
        }
    }
}

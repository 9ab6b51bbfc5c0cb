//! The list of segments there are.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::disk::Disk;
use crate::failure::{Action, Failure};
use crate::lsn::Lsn;
use crate::segment;

/// All segments of a folder, the oldest first; the last one is written to.
#[derive(Debug)]
pub(crate) struct Segments {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    list: Mutex<VecDeque<Entry>>,
}

/// One file of the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) first: Lsn,
    pub(crate) bytes: u64,
}

impl Segments {
    pub(crate) fn new(disk: Arc<dyn Disk>, folder: PathBuf, list: VecDeque<Entry>) -> Self {
        Segments { disk, folder, list: Mutex::new(list) }
    }

    /// Returns the folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the position of the oldest record there is or, in an empty log, of the first to
    /// come.
    pub(crate) fn first_lsn(&self) -> Lsn {
        self.list.lock().front().map_or(Lsn(1), |entry| entry.first)
    }

    /// Returns the number of files and of bytes in them.
    pub(crate) fn size(&self) -> (usize, u64) {
        let list = self.list.lock();
        (list.len(), list.iter().map(|entry| entry.bytes).sum())
    }

    /// Takes a new segment into the list.
    pub(crate) fn push(&self, entry: Entry) {
        self.list.lock().push_back(entry);
    }

    /// Notes the length of the last segment.
    pub(crate) fn set_bytes(&self, bytes: u64) {
        if let Some(entry) = self.list.lock().back_mut() {
            entry.bytes = bytes;
        }
    }

    /// Removes the files all of whose records come before `lsn`, and returns how many.
    ///
    /// Oldest first, and each made durable before the next one, so that no crash leaves a gap.
    pub(crate) fn remove_before(&self, lsn: Lsn) -> Result<usize, Failure> {
        let mut removed = 0;
        while let Some(first) = self.removable(lsn) {
            let path = segment::path(&self.folder, first);
            self.disk.remove(&path).map_err(|e| Failure::new(Action::Remove, &path, &e))?;
            // From here on it is gone for everybody, whatever becomes of the folder.
            self.list.lock().pop_front();
            let synced = self.disk.sync_folder(&self.folder);
            synced.map_err(|e| Failure::new(Action::Sync, &self.folder, &e))?;
            removed += 1;
        }
        Ok(removed)
    }

    fn removable(&self, lsn: Lsn) -> Option<Lsn> {
        let list = self.list.lock();
        let (oldest, second) = (list.front()?, list.get(1)?);
        (second.first <= lsn).then_some(oldest.first)
    }
}

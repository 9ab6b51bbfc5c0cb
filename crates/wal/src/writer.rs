//! What turns batches into files: the only part that writes.
//!
//! A write that fails for want of room is undone and may be repeated. That is safe, because
//! - the file is cut back to the bytes before the write, and its length is read back to be sure;
//! - no sync has failed, so the system still owes us everything that was written before;
//! - the batch stays in memory and is written again at the same place, before anything that came
//!   later, so no record is lost or changes its position, and nobody has been told that it was
//!   written;
//! - a crash in between leaves a torn tail behind the last synced record, which recovery cuts off;
//! - a segment that could not be created is removed, durably, before anything else is written.
//!
//! Every other failure is final. After a failed sync the system may have dropped the bytes and call
//! the next sync a success, so there is no next one; after any other failed write nobody knows what
//! the file holds. Opened anew, the log shows what the system has in its memory; after a failed
//! sync that may be more than the disk has, and a sync that succeeds then proves nothing about it.
//! Records that were called durable are not concerned.

use std::io::IoSlice;
use std::path::PathBuf;
use std::sync::Arc;

use crate::disk::{self, Disk};
use crate::failure::{Action, Failure};
use crate::frame::{self, MARK_BYTES, Mark};
use crate::lsn::Lsn;
use crate::segment::{self, Segment};
use crate::segments::{Entry, Segments};
use crate::stats::Counters;

/// Why the writer stopped.
#[derive(Debug)]
pub(crate) enum Fault {
    /// No room; what was not written is kept, to be tried again.
    Full(Failure),
    /// Nothing can be written any more.
    Fatal(Failure),
}

/// The writing end of the log.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) folder: PathBuf,
    /// The length that a segment does not exceed, unless by a single record.
    pub(crate) segment_bytes: u64,
    /// How much longer a segment is made in advance.
    pub(crate) reserve_bytes: u64,
    pub(crate) segments: Arc<Segments>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) segment: Segment,
    /// What has been taken and not written yet: frames from `pending_at` on.
    pub(crate) pending: Vec<u8>,
    pub(crate) pending_at: usize,
    /// The last record that was handed to the system.
    pub(crate) written: Lsn,
    /// The last record that was synced.
    pub(crate) durable: Lsn,
    /// The last record that a mark calls durable.
    pub(crate) marked: Lsn,
}

impl Writer {
    /// Says whether everything that was taken has been written.
    pub(crate) fn is_idle(&self) -> bool {
        self.pending_at == self.pending.len()
    }

    /// Says whether something that was written is not synced.
    pub(crate) fn is_unsynced(&self) -> bool {
        self.written > self.durable
    }

    /// Takes the next batch; all before it must have been written.
    pub(crate) fn refill(&mut self, exchange: impl FnOnce(Vec<u8>) -> Vec<u8>) {
        debug_assert!(self.is_idle(), "the pending frames go first");
        self.pending = exchange(std::mem::take(&mut self.pending));
        self.pending_at = 0;
    }

    /// Writes everything that was taken, in as many segments as it needs.
    pub(crate) fn write(&mut self) -> Result<(), Fault> {
        while !self.is_idle() {
            match self.next_run() {
                Some((bytes, last)) => self.append(bytes, last)?,
                None => self.rotate()?,
            }
        }
        Ok(())
    }

    /// Makes everything that was written durable.
    pub(crate) fn sync(&mut self) -> Result<(), Fault> {
        let synced = self.segment.file.sync_data();
        synced.map_err(|e| Fault::Fatal(Failure::new(Action::Sync, &self.segment.path, &e)))?;
        self.durable = self.written;
        self.counters.synced();
        Ok(())
    }

    /// Goes on in a new segment; stays in one that has no records yet.
    pub(crate) fn rotate(&mut self) -> Result<(), Fault> {
        if self.segment_is_empty() {
            return Ok(());
        }
        if self.is_unsynced() {
            self.sync()?;
        }
        let first = self.written.next();
        self.segment.release();
        match Segment::create(&*self.disk, &self.folder, first) {
            Ok(segment) => {
                self.segments.push(Entry { first, bytes: segment.bytes });
                self.segment = segment;
                Ok(())
            }
            Err((action, error)) => {
                let path = segment::path(&self.folder, first);
                Err(self.undo_creation(Failure::new(action, &path, &error)))
            }
        }
    }

    /// Ends the log with a mark, if there are records that no mark calls durable yet.
    pub(crate) fn close(&mut self) -> Result<(), Fault> {
        if self.is_unsynced() {
            self.sync()?;
        }
        if self.marked < self.durable {
            self.append(0, self.written)?;
            self.sync()?;
        }
        self.segment.release();
        Ok(())
    }

    /// Finds what the next write takes: as many whole frames as the segment has room for, in an
    /// empty segment at least one.
    fn next_run(&self) -> Option<(usize, Lsn)> {
        let frames = self.pending.get(self.pending_at..)?;
        let used = self.segment.bytes + MARK_BYTES as u64;
        let fits = frame::fitting(frames, self.segment_bytes.saturating_sub(used));
        fits.or_else(|| self.segment_is_empty().then(|| frame::first(frames))?)
    }

    fn segment_is_empty(&self) -> bool {
        self.segment.first > self.written
    }

    /// Appends a mark and that many bytes of what is pending, which end with the record `last`.
    fn append(&mut self, bytes: usize, last: Lsn) -> Result<(), Fault> {
        let mark = Mark { durable: self.durable, offset: self.segment.bytes }.encode();
        let end = self.pending_at + bytes;
        let frames = self.pending.get(self.pending_at..end).unwrap_or_default();
        let more = (MARK_BYTES + bytes) as u64;
        self.segment.reserve(more, self.reserve_bytes, self.segment_bytes);
        let parts = &mut [IoSlice::new(&mark), IoSlice::new(frames)];
        if let Err(error) = disk::append_all(&*self.segment.file, parts) {
            return Err(self.undo_write(Failure::new(Action::Write, &self.segment.path, &error)));
        }
        let written = (MARK_BYTES + bytes) as u64;
        self.marked = self.durable;
        self.pending_at = end;
        self.written = last;
        self.segment.bytes += written;
        self.segments.set_bytes(self.segment.bytes);
        self.counters.wrote(written);
        Ok(())
    }

    fn undo_write(&mut self, failure: Failure) -> Fault {
        if !failure.is_full() {
            return Fault::Fatal(failure);
        }
        self.segment.reserved = self.segment.bytes;
        let Segment { file, path, bytes, .. } = &self.segment;
        match file.set_len(*bytes).and_then(|()| file.len()) {
            Ok(len) if len == *bytes => Fault::Full(failure),
            Ok(_) => Fault::Fatal(failure),
            Err(error) => Fault::Fatal(Failure::new(Action::Cut, path, &error)),
        }
    }

    fn undo_creation(&self, failure: Failure) -> Fault {
        if !failure.is_full() || failure.action == Action::Sync {
            return Fault::Fatal(failure);
        }
        match self.disk.remove(&failure.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Fault::Fatal(Failure::new(Action::Remove, &failure.path, &error));
            }
            _ => {}
        }
        // The old segment may take more records now. If the name came back after a crash, it would
        // say that they do not exist.
        match self.disk.sync_folder(&self.folder) {
            Ok(()) => Fault::Full(failure),
            Err(error) => Fault::Fatal(Failure::new(Action::Sync, &self.folder, &error)),
        }
    }
}

//! What goes wrong on a simulated disk, and when.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use super::chance::Chance;

/// What programs do to a disk, in the kinds that fail apart from each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Reading a file or its length, opening it, listing a folder.
    Read,
    /// Appending to a file, or replacing it.
    Write,
    /// Making a file or a folder durable.
    Sync,
    /// Creating, renaming or removing a file.
    Name,
    /// Setting a file's length.
    Cut,
    /// Making a file longer in advance.
    Reserve,
}

/// What an operation is to do.
#[derive(Debug)]
pub(super) enum Verdict {
    /// What it was asked for.
    Done,
    /// Fail in the way of its kind.
    Failed(io::Error),
    /// Fail because the disk stops just now, by chance with its effect.
    Stopping(io::Error),
    /// Fail because the disk has stopped before.
    Stopped(io::Error),
}

#[derive(Debug, Default)]
pub(super) struct Faults {
    planned: BTreeMap<(Operation, u64), io::ErrorKind>,
    counts: BTreeMap<Operation, u64>,
    operations: u64,
    stop_at: Option<u64>,
    is_stopped: bool,
    pub(super) capacity_bytes: Option<u64>,
    pub(super) short_writes_one_in: u64,
    pub(super) short_reads_one_in: u64,
    pub(super) sync_delay: Duration,
}

impl Faults {
    /// Has the nth operation of a kind from now fail, counted from 1.
    pub(super) fn plan(&mut self, operation: Operation, nth: u64, kind: io::ErrorKind) {
        self.planned.insert((operation, self.count(operation) + nth), kind);
    }

    pub(super) fn forget_planned(&mut self) {
        self.planned.clear();
        self.stop_at = None;
    }

    pub(super) fn stop_at(&mut self, nth: u64) {
        self.stop_at = Some(self.operations + nth);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    pub(super) fn operations(&self) -> u64 {
        self.operations
    }

    pub(super) fn count(&self, operation: Operation) -> u64 {
        self.counts.get(&operation).copied().unwrap_or_default()
    }

    /// Counts an operation and says what becomes of it.
    pub(super) fn next(&mut self, operation: Operation) -> Verdict {
        if self.is_stopped {
            return Verdict::Stopped(stopped());
        }
        self.operations += 1;
        let count = self.counts.entry(operation).or_default();
        *count += 1;
        let planned = self.planned.remove(&(operation, *count));
        if self.stop_at.is_some_and(|at| self.operations >= at) {
            self.is_stopped = true;
            return Verdict::Stopping(stopped());
        }
        planned.map_or(Verdict::Done, |kind| Verdict::Failed(kind.into()))
    }

    /// Returns how much of a read of this many bytes is done.
    pub(super) fn read_len(&self, chance: &mut Chance, len: usize) -> usize {
        let is_short = self.short_reads_one_in > 0
            && len > 1
            && chance.next().is_multiple_of(self.short_reads_one_in);
        if is_short { 1 + chance.below(len - 1) } else { len }
    }
}

impl Verdict {
    /// For operations that have no effect unless they succeed, or by chance as the disk stops.
    /// Says whether the effect comes about, beside what the program is told.
    pub(super) fn draw(self, chance: &mut Chance) -> (bool, io::Result<()>) {
        match self {
            Verdict::Done => (true, Ok(())),
            Verdict::Failed(error) | Verdict::Stopped(error) => (false, Err(error)),
            Verdict::Stopping(error) => (chance.coin(), Err(error)),
        }
    }

    /// For operations without an effect.
    pub(super) fn result(self) -> io::Result<()> {
        match self {
            Verdict::Done => Ok(()),
            Verdict::Failed(error) | Verdict::Stopping(error) | Verdict::Stopped(error) => {
                Err(error)
            }
        }
    }
}

fn stopped() -> io::Error {
    io::Error::other("the disk has stopped")
}

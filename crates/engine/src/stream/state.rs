//! A stream: its entries, its counters and its groups.

use std::sync::Arc;

use super::group::Groups;
use super::idempotence::Idempotence;
use super::policy::{Retained, Retention};
use super::{Entries, EntryId};
use crate::blocks::Memory;

/// An append-only log of entries with groups that read it.
///
/// It is changed through a [`StreamMut`](super::StreamMut) only.
#[derive(Clone, Debug)]
pub struct Stream {
    pub(crate) entries: Entries,
    pub(crate) last_id: EntryId,
    pub(crate) max_deleted_id: EntryId,
    pub(crate) entries_added: u64,
    pub(crate) groups: Groups,
    pub(crate) idempotence: Option<Box<Idempotence>>,
    pub(crate) idempotence_limits: (u32, u32),
    pub(crate) retained: Option<Box<Retained>>,
}

impl Stream {
    /// Returns an empty stream that remembers idempotent ids for so many seconds and so many of
    /// each producer.
    pub(crate) fn new(duration_s: u32, entries_max: u32) -> Self {
        Stream {
            entries: Entries::new(),
            last_id: EntryId::MIN,
            max_deleted_id: EntryId::MIN,
            entries_added: 0,
            groups: Groups::default(),
            idempotence: None,
            idempotence_limits: (duration_s, entries_max),
            retained: None,
        }
    }

    /// Counts what is in memory of the entries for these totals as well from now on.
    pub(crate) fn count_in(&mut self, memory: &Arc<Memory>) {
        self.entries.count_in(memory);
    }

    /// Returns the entries.
    pub fn entries(&self) -> &Entries {
        &self.entries
    }

    /// Returns how many entries there are.
    pub fn len(&self) -> u64 {
        self.entries.len()
    }

    /// Says whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the last id that was ever given.
    pub fn last_id(&self) -> EntryId {
        self.last_id
    }

    /// Returns the highest id that was ever deleted, trimming aside.
    pub fn max_deleted_id(&self) -> EntryId {
        self.max_deleted_id
    }

    /// Returns how many entries were ever added.
    pub fn entries_added(&self) -> u64 {
        self.entries_added
    }

    /// Returns the groups.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// Returns what is remembered of idempotent producers, if anything was.
    pub fn idempotence(&self) -> Option<&Idempotence> {
        self.idempotence.as_deref()
    }

    /// Returns for how many seconds, and how many of each producer, idempotent ids are remembered.
    pub fn idempotence_limits(&self) -> (u32, u32) {
        self.idempotence_limits
    }

    /// Returns the retention policy, if there is one.
    pub fn retention(&self) -> Option<Retention> {
        self.retained.as_ref().map(|retained| retained.policy)
    }

    /// Returns about how many bytes of memory the stream takes.
    pub fn memory_bytes(&self) -> usize {
        let idempotence = self.idempotence.as_ref().map_or(0, |known| known.heap_bytes());
        let retained = self.retained.as_ref().map_or(0, |_| size_of::<Retained>());
        let parts = self.entries.memory_bytes() + self.groups.heap_bytes();
        size_of::<Stream>() + parts + idempotence + retained
    }
}

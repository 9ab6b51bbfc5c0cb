//! Giving pending entries back, for anybody to take.

use smallvec::SmallVec;

use super::group_admin::NoGroup;
use super::pending::DELIVERIES_FATAL;
use super::{EntryId, StreamEffect, StreamMut};

/// Why entries are given back, which decides what their delivery counts for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NackMode {
    /// For reasons that have nothing to do with them: the delivery does not count.
    Silent,
    /// They could not be worked on: the delivery counts.
    Fail,
    /// They never can be: they count as delivered as often as can be counted.
    Fatal,
}

/// Which entries can be given back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NackScope {
    /// Those that are pending.
    Pending,
    /// All that are in the stream (FORCE).
    Existing,
}

/// What is given back and how.
#[derive(Clone, Copy, Debug)]
pub struct Nack<'n> {
    /// The group.
    pub group: &'n [u8],
    /// Why.
    pub mode: NackMode,
    /// What the delivery counts become, whatever the reason.
    pub deliveries: Option<u64>,
    /// Which entries can be given back.
    pub scope: NackScope,
}

impl StreamMut<'_, '_> {
    /// Gives entries back in the order of their ids' list; returns how many.
    ///
    /// # Errors
    /// There is no such group.
    pub fn nack(&mut self, nack: &Nack<'_>, ids: &[EntryId]) -> Result<u64, NoGroup> {
        self.stream.groups.get(nack.group).ok_or(NoGroup)?;
        if nack.scope == NackScope::Existing {
            self.stream.entries.prepare(ids);
        }
        let mut released = 0;
        // Within an ascending run no id comes twice, so that the run can be decided as a whole.
        for run in ids.chunk_by(|a, b| a < b) {
            let rows = self.released_rows(nack, run);
            if !rows.is_empty() {
                self.commit(StreamEffect::Release { group: nack.group, rows: &rows });
                released += rows.len() as u64;
            }
        }
        if released > 0 {
            self.wake();
        }
        Ok(released)
    }

    fn released_rows(&self, nack: &Nack<'_>, ids: &[EntryId]) -> SmallVec<[(EntryId, u64); 10]> {
        let Some(group) = self.stream.groups.get(nack.group) else { return SmallVec::new() };
        let mut entries = self.stream.entries.cursor();
        let mut pending = group.pending.cursor();
        let mut row = |&id: &EntryId| {
            let deliveries = match (pending.seek(id), nack.scope) {
                (Some(row), _) => row.deliveries,
                (None, NackScope::Existing) if entries.seek(id).is_some() => 0,
                (None, _) => return None,
            };
            let by_mode = match nack.mode {
                NackMode::Silent => deliveries.saturating_sub(1),
                NackMode::Fail => deliveries,
                NackMode::Fatal => DELIVERIES_FATAL,
            };
            Some((id, nack.deliveries.unwrap_or(by_mode)))
        };
        ids.iter().filter_map(&mut row).collect()
    }
}

//! Taking over pending entries by name.

use smallvec::SmallVec;

use super::group_admin::{Activity, NoGroup};
use super::pending::Pending;
use super::{EntryId, StreamEffect, StreamMut};

/// What a claim does to the number of deliveries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recount {
    /// The claim is one more delivery.
    Add,
    /// The number stays: only ids are handed out (JUSTID).
    Keep,
    /// The number is set.
    Set(u64),
}

/// Which entries can be claimed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClaimScope {
    /// Those that are pending.
    Pending,
    /// All that are in the stream (FORCE).
    Existing,
}

/// What is claimed and how.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'c> {
    /// The group.
    pub group: &'c [u8],
    /// The new owner, created if need be.
    pub consumer: &'c [u8],
    /// For how long an entry has to have been pending; those that nobody owns are free at once.
    pub min_idle_ms: u64,
    /// When the entries count as delivered, in Unix milliseconds.
    pub delivered_ms: u64,
    /// What becomes of the numbers of deliveries.
    pub recount: Recount,
    /// Which entries can be claimed.
    pub scope: ClaimScope,
    /// The group's cursor moves forward to here, if it is not there yet.
    pub last_delivered: Option<EntryId>,
}

/// Ids and delivery numbers of claimed entries.
pub(super) type Rows = SmallVec<[(EntryId, u64); 10]>;

impl StreamMut<'_, '_> {
    /// Takes entries over and returns their ids. Pending ones that are no longer in the stream are
    /// forgotten.
    ///
    /// # Errors
    /// There is no such group.
    pub fn claim(&mut self, claim: &Claim<'_>, ids: &[EntryId]) -> Result<Vec<EntryId>, NoGroup> {
        let Claim { group, consumer, delivered_ms, .. } = *claim;
        let found = self.stream.groups.get(group).ok_or(NoGroup)?;
        self.stream.entries.prepare(ids);
        let entries_read = found.entries_read;
        let forward = claim.last_delivered.filter(|&id| id > found.last_delivered);
        if let Some(last_delivered) = forward {
            self.commit(StreamEffect::SetGroup { group, last_delivered, entries_read });
        }
        self.see_consumer(group, consumer, Activity::Asks);
        let mut claimed = Vec::with_capacity(ids.len());
        // Within an ascending run no id comes twice, so that the run can be decided as a whole.
        for run in ids.chunk_by(|a, b| a < b) {
            let (rows, gone) = self.claimable(claim, run);
            self.purge(group, &gone);
            if !rows.is_empty() {
                self.commit(StreamEffect::Own { group, consumer, delivered_ms, rows: &rows });
                claimed.extend(rows.iter().map(|&(id, _)| id));
            }
        }
        if !claimed.is_empty() {
            self.see_consumer(group, consumer, Activity::Receives);
        }
        Ok(claimed)
    }

    /// Forgets pending entries that are no longer in the stream.
    pub(super) fn purge(&mut self, group: &[u8], gone: &[EntryId]) {
        if !gone.is_empty() {
            self.commit(StreamEffect::Forget { group, ids: gone });
        }
    }

    /// Returns which of these entries can be claimed, and which are pending but gone.
    fn claimable(&self, claim: &Claim<'_>, ids: &[EntryId]) -> (Rows, SmallVec<[EntryId; 4]>) {
        let (mut rows, mut gone) = (Rows::new(), SmallVec::new());
        let Some(group) = self.stream.groups.get(claim.group) else { return (rows, gone) };
        let mut entries = self.stream.entries.cursor();
        let mut pending = group.pending.cursor();
        for &id in ids {
            match (pending.seek(id), entries.seek(id)) {
                (Some(_), None) => gone.push(id),
                (Some(row), Some(_)) if is_idle(&row, claim.min_idle_ms, self.now_ms) => {
                    rows.push((id, claim.recount.of(row.deliveries)));
                }
                (None, Some(_)) if claim.scope == ClaimScope::Existing => {
                    rows.push((id, claim.recount.of(1)));
                }
                _ => {}
            }
        }
        (rows, gone)
    }
}

impl Recount {
    /// Returns the number of deliveries of an entry that had so many.
    pub(super) fn of(self, deliveries: u64) -> u64 {
        match self {
            Recount::Add => deliveries.saturating_add(1),
            Recount::Keep => deliveries,
            Recount::Set(deliveries) => deliveries,
        }
    }
}

/// Says whether an entry has been pending for so long; one that nobody owns always has.
pub(super) fn is_idle(row: &Pending, min_idle_ms: u64, now_ms: u64) -> bool {
    row.owner.is_none() || now_ms.saturating_sub(row.delivered_ms) >= min_idle_ms
}

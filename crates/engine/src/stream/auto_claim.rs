//! Taking over whatever has been pending for too long, in portions.

use super::claim::{Recount, Rows, is_idle};
use super::group_admin::{Activity, NoGroup};
use super::{EntryId, StreamEffect, StreamMut};

/// How many pending entries a portion may look at for each one that it may return.
const LOOKS_PER_ENTRY: usize = 10;

/// What is taken over and how.
#[derive(Clone, Copy, Debug)]
pub struct AutoClaim<'c> {
    /// The group.
    pub group: &'c [u8],
    /// The new owner, created if need be.
    pub consumer: &'c [u8],
    /// For how long an entry has to have been pending; those that nobody owns are free at once.
    pub min_idle_ms: u64,
    /// Where the portion begins.
    pub start: EntryId,
    /// The most entries that are returned, gone ones included. At most ten times as many are
    /// looked at.
    pub count_max: usize,
    /// What becomes of the numbers of deliveries.
    pub recount: Recount,
}

/// One portion.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AutoClaimed {
    /// Where the next portion begins; `None` after the last one.
    pub next: Option<EntryId>,
    /// The entries that were taken over.
    pub claimed: Vec<EntryId>,
    /// The entries that were pending but are no longer in the stream. They are forgotten.
    pub gone: Vec<EntryId>,
}

impl StreamMut<'_, '_> {
    /// Takes over one portion of what has been pending for long enough.
    ///
    /// # Errors
    /// There is no such group.
    pub fn auto_claim(&mut self, claim: &AutoClaim<'_>) -> Result<AutoClaimed, NoGroup> {
        let AutoClaim { group, consumer, .. } = *claim;
        self.stream.groups.get(group).ok_or(NoGroup)?;
        let (rows, portion) = self.overdue_portion(claim);
        self.purge(group, &portion.gone);
        if rows.is_empty() {
            self.see_consumer(group, consumer, Activity::Asks);
            return Ok(portion);
        }
        self.see_consumer(group, consumer, Activity::Receives);
        let delivered_ms = self.now_ms;
        self.commit(StreamEffect::Own { group, consumer, delivered_ms, rows: &rows });
        let claimed = rows.iter().map(|&(id, _)| id).collect();
        Ok(AutoClaimed { claimed, ..portion })
    }

    /// Decides what a portion takes over, without changing anything.
    fn overdue_portion(&self, claim: &AutoClaim<'_>) -> (Rows, AutoClaimed) {
        let (mut rows, mut portion) = (Rows::new(), AutoClaimed::default());
        let Some(group) = self.stream.groups.get(claim.group) else { return (rows, portion) };
        let mut entries = self.stream.entries.cursor();
        let mut looks = claim.count_max.saturating_mul(LOOKS_PER_ENTRY);
        for row in group.pending.iter_from(claim.start) {
            if looks == 0 || rows.len() + portion.gone.len() >= claim.count_max {
                portion.next = Some(row.id);
                break;
            }
            looks -= 1;
            if entries.seek(row.id).is_none() {
                portion.gone.push(row.id);
            } else if is_idle(&row, claim.min_idle_ms, self.now_ms) {
                rows.push((row.id, claim.recount.of(row.deliveries)));
            }
        }
        (rows, portion)
    }
}

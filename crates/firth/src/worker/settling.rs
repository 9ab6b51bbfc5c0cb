//! What a worker tells the backend: what is done, what is dead, what it still works on.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::counters::add;
use super::desk::{Burial, Held};
use super::shift::Shift;
use crate::backend::{Batch, Handing, Outcome, PendingQuery, Which, Write};
use crate::dead_letters::{self, Death};
use crate::{EntryId, Error};

/// How much earlier than others a worker may take an entry again that it has parked itself.
const HEAD_START: Duration = Duration::from_millis(20);

/// The most rows of pending entries that are asked for at once.
pub(super) const ROWS_MAX: usize = 10_000;

/// How often a worker that leaves tries to tell what is done.
const LAST_TRIES: u32 = 5;

impl<T: Send + 'static> Shift<T> {
    /// Acknowledges what is done, and moves to the dead letters what is dead.
    pub(super) async fn settle(&mut self) -> Result<(), Error> {
        if !self.desk.acks.is_empty() {
            let outcomes = self.backend.write(Batch::of(self.acknowledge(self.desk.acks.clone())));
            let count = match outcomes.await?.first() {
                Some(Outcome::Count(count)) => usize::try_from(*count).unwrap_or(usize::MAX),
                _ => 0,
            };
            // Somebody else may have acknowledged some of them, having taken them over.
            let acknowledged = count.min(self.desk.acks.len());
            for id in std::mem::take(&mut self.desk.acks) {
                self.desk.settled(id);
            }
            add(&self.counters.processed, acknowledged);
        }
        while let Some(burial) = self.desk.burials.pop() {
            if let Err(error) = self.bury(&burial).await {
                self.desk.burials.push(Burial { is_doubtful: true, ..burial });
                return Err(error);
            }
            self.desk.settled(burial.id);
        }
        Ok(())
    }

    fn acknowledge(&self, ids: Vec<EntryId>) -> Write {
        let (stream, group) = (Arc::clone(&self.stream), Arc::clone(&self.settings.group));
        Write::Acknowledge { stream, group, ids }
    }

    async fn bury(&self, burial: &Burial) -> Result<(), Error> {
        let whoever = PendingQuery { consumer: None, ..self.own_pending(burial.id, burial.id, 1) };
        match self.backend.pending(whoever).await?.first() {
            Some(row) if row.consumer.as_ref() != &*self.settings.consumer => {
                // Who has taken it over decides what becomes of it.
                return Ok(());
            }
            None if burial.is_doubtful => {
                // The answer was lost, not what it would have told.
                add(&self.counters.dead, 1);
                return Ok(());
            }
            // If nobody has it, rather one letter too many than none.
            _ => {}
        }
        let append = dead_letters::letter(
            &self.settings.dead_letters,
            &Death {
                stream: &self.stream,
                group: &self.settings.group,
                id: burial.id,
                reason: &burial.reason,
                deliveries: burial.deliveries,
            },
            &burial.fields,
        );
        dead_letters::check_place(&*self.backend, &self.settings.dead_letters).await?;
        let batch = Batch::of(Write::Append(append)).and(self.acknowledge(vec![burial.id]));
        self.backend.write(batch).await?;
        add(&self.counters.dead, 1);
        Ok(())
    }

    /// Keeps the lease of what is worked on, as far as nobody has taken it over.
    pub(super) async fn renew(&mut self) -> Result<(), Error> {
        let ids = self.desk.leased();
        let (Some(&first), Some(&last)) = (ids.first(), ids.last()) else { return Ok(()) };
        let pending = self.backend.pending(self.own_pending(first, last, ROWS_MAX)).await?;
        let own: HashSet<EntryId> = pending.into_iter().map(|row| row.id).collect();
        let kept: Vec<EntryId> = ids.iter().copied().filter(|id| own.contains(id)).collect();
        if own.len() < ROWS_MAX {
            let (lanes, retries) = (&mut self.desk.lanes, &mut self.desk.retries);
            retries.retain(|id, retry| {
                let is_kept = retry.is_parked || own.contains(id);
                if !is_kept {
                    lanes.lose(*id);
                }
                is_kept
            });
        }
        self.lease(kept, Duration::ZERO).await
    }

    /// Lets the lease of entries begin anew, as if they had been idle for so long.
    async fn lease(&self, ids: Vec<EntryId>, idle: Duration) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        let claim = self.claim(Which::Ids(ids), Duration::ZERO, Handing::Lease { idle });
        self.backend.claim(claim).await.map(drop)
    }

    /// Tells the backend when entries are to be delivered again, so that somebody else does it if
    /// this worker is gone by then: their lease ends at that moment.
    pub(super) async fn park_retries(&mut self) -> Result<(), Error> {
        for id in self.desk.unparked(&self.settings, Instant::now()) {
            let Some(retry) = self.desk.retries.get(&id) else { continue };
            let left = retry.due.saturating_duration_since(Instant::now());
            self.lease(vec![id], self.settings.lease.saturating_sub(left)).await?;
            self.desk.retries.entry(id).and_modify(|retry| retry.is_parked = true);
        }
        Ok(())
    }

    /// Takes entries again whose time has come.
    pub(super) async fn deliver_again(&mut self) -> Result<(), Error> {
        for id in self.desk.due(Instant::now()) {
            if self.desk.free(&self.settings) == 0 {
                return Ok(());
            }
            let Some(retry) = self.desk.retries.get(&id).copied() else { continue };
            let min_idle = self.settings.lease.saturating_sub(HEAD_START);
            let claim = self.claim(Which::Ids(vec![id]), min_idle, Handing::Entries);
            let mut claimed = self.backend.claim(claim).await?;
            if claimed.entries.is_empty() && self.is_own(id).await? {
                // It was claimed before, and the answer was lost; or the server's clock is behind.
                let claim = self.claim(Which::Ids(vec![id]), Duration::ZERO, Handing::Entries);
                claimed = self.backend.claim(claim).await?;
            }
            // If it is not there, somebody else has taken it, or will when its lease has run out.
            self.desk.retries.remove(&id);
            if claimed.entries.is_empty() {
                self.desk.lanes.lose(id);
            }
            for entry in claimed.entries {
                let held = Held { entry, deliveries: retry.deliveries + 1 };
                self.desk.take(held, &self.settings);
            }
        }
        Ok(())
    }

    async fn is_own(&self, id: EntryId) -> Result<bool, Error> {
        Ok(!self.backend.pending(self.own_pending(id, id, 1)).await?.is_empty())
    }

    /// Takes again what was delivered to this consumer and never arrived: its answer was lost, or it
    /// was delivered to an earlier worker of this name.
    pub(super) async fn recover(&mut self) -> Result<(), Error> {
        let all = self.own_pending(EntryId::MIN, EntryId::MAX, ROWS_MAX);
        let pending = self.backend.pending(all).await?;
        let is_lost = |id| !self.desk.holds(id) && !self.desk.retries.contains_key(&id);
        let lost: HashMap<EntryId, u64> = pending
            .into_iter()
            .filter(|row| is_lost(row.id))
            .map(|row| (row.id, row.deliveries))
            .collect();
        if lost.is_empty() {
            return Ok(());
        }
        let mut ids: Vec<EntryId> = lost.keys().copied().collect();
        ids.sort_unstable();
        let claim = self.claim(Which::Ids(ids), Duration::ZERO, Handing::Entries);
        for entry in self.backend.claim(claim).await?.entries {
            let deliveries = lost.get(&entry.id).map_or(1, |before| before + 1);
            self.desk.take(Held { entry, deliveries }, &self.settings);
        }
        Ok(())
    }

    /// Takes over what others have left.
    pub(super) async fn take_over(&mut self) -> Result<(), Error> {
        let free = self.desk.free(&self.settings);
        if free == 0 {
            return Ok(());
        }
        let which = match self.desk.lanes.waiting().len() < self.settings.held_back_max {
            true => Which::From { from: self.claim_from, limit: free },
            // There is room for nothing but what holds back what is here.
            false => {
                let blockers = self.desk.lanes.blockers();
                Which::Ids(blockers.into_iter().take(free).collect())
            }
        };
        let claim = self.claim(which, self.settings.lease, Handing::Entries);
        let claimed = self.backend.claim(claim).await?;
        self.claim_from = claimed.next.unwrap_or(EntryId::MIN);
        self.next_claim = match claimed.next {
            Some(_) => Instant::now(),
            None => Instant::now() + self.settings.lease / 2,
        };
        let (Some(&first), Some(&last)) = (claimed.ids.first(), claimed.ids.last()) else {
            return Ok(());
        };
        let pending = self.backend.pending(self.own_pending(first, last, ROWS_MAX)).await?;
        let deliveries: HashMap<EntryId, u64> =
            pending.into_iter().map(|row| (row.id, row.deliveries)).collect();
        add(&self.counters.taken_over, claimed.entries.len());
        for entry in claimed.entries {
            let deliveries = deliveries.get(&entry.id).copied().unwrap_or(1);
            self.desk.take(Held { entry, deliveries }, &self.settings);
        }
        Ok(())
    }

    /// Settles what is done, hands back what is not, and goes.
    pub(super) async fn leave(mut self) {
        self.tasks.abort_all();
        while let Some(done) = self.tasks.join_next().await {
            self.finished(done);
        }
        for attempt in 0..LAST_TRIES {
            match self.hand_over().await {
                Ok(()) => return,
                Err(Error::Unavailable { .. }) if attempt + 1 < LAST_TRIES => {
                    tokio::time::sleep(crate::Backoff::connecting().pause(attempt)).await;
                }
                Err(error) => {
                    // Others take over what is left when its lease has run out.
                    tracing::warn!(stream = %self.stream, %error, "a worker left without a word");
                    return;
                }
            }
        }
    }

    async fn hand_over(&mut self) -> Result<(), Error> {
        self.settle().await?;
        let undone: Vec<EntryId> = self.desk.undone().collect();
        self.lease(undone, self.settings.lease).await?;
        self.park_retries().await?;
        let pending = self.own_pending(EntryId::MIN, EntryId::MAX, 1);
        if self.backend.pending(pending).await?.is_empty() {
            // Somebody may hand it entries in this moment, as the heir of another consumer.
            self.remove(Arc::clone(&self.settings.consumer)).await?;
        }
        Ok(())
    }
}

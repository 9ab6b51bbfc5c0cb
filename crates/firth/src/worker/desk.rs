//! What a worker has before it: which entries wait, run, and are to be acknowledged or buried.
//!
//! Nothing here waits or asks anybody; time is handed in.

use std::collections::{HashMap, VecDeque};

use tokio::time::Instant;

use super::lanes::{Key, Lanes};
use super::settings::Settings;
use super::verdict::Verdict;
use crate::EntryId;
use crate::backend::{Entry, Fields};

/// An entry that was delivered to this worker.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) entry: Entry,
    pub(super) deliveries: u64,
}

/// An entry that is delivered again later.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retry {
    pub(super) due: Instant,
    /// Whether the backend knows when it is due.
    pub(super) is_parked: bool,
    pub(super) deliveries: u64,
}

/// An entry that is to be moved to the dead letters.
#[derive(Clone, Debug)]
pub(super) struct Burial {
    pub(super) id: EntryId,
    pub(super) fields: Fields,
    pub(super) deliveries: u64,
    pub(super) reason: String,
    /// Whether it has been tried already, with an unknown effect.
    pub(super) is_doubtful: bool,
}

/// The entries before a worker. Each is in one place.
#[derive(Debug, Default)]
pub(super) struct Desk {
    /// To be handled, as soon as a handler is free.
    pub(super) queue: VecDeque<Held>,
    /// Being handled.
    pub(super) running: HashMap<EntryId, Held>,
    /// To be delivered again.
    pub(super) retries: HashMap<EntryId, Retry>,
    /// Handled, and to be acknowledged.
    pub(super) acks: Vec<EntryId>,
    /// To be moved to the dead letters.
    pub(super) burials: Vec<Burial>,
    /// With order by key: entries whose place is not known yet.
    pub(super) unplaced: Vec<Held>,
    /// With order by key: what holds back what.
    pub(super) lanes: Lanes,
}

impl Desk {
    /// Returns how many more entries can be handled at once.
    pub(super) fn free(&self, settings: &Settings) -> usize {
        settings.concurrency.saturating_sub(self.running.len() + self.queue.len())
    }

    /// Returns how many new entries may come.
    pub(super) fn room(&self, settings: &Settings) -> usize {
        let held_back = self.lanes.waiting().len() + self.unplaced.len();
        let free = self.free(settings).saturating_sub(self.unplaced.len());
        free.min(settings.held_back_max.saturating_sub(held_back))
    }

    /// Says whether an entry is here, other than waiting for its next delivery.
    pub(super) fn holds(&self, id: EntryId) -> bool {
        let is_waiting = |held: &Held| held.entry.id == id;
        self.running.contains_key(&id)
            || self.queue.iter().any(is_waiting)
            || self.unplaced.iter().any(is_waiting)
            || self.lanes.waiting().contains_key(&id)
            || self.acks.contains(&id)
            || self.burials.iter().any(|burial| burial.id == id)
    }

    /// Returns the entries that are not handled yet.
    pub(super) fn undone(&self) -> impl Iterator<Item = EntryId> {
        let queue = self.queue.iter().chain(&self.unplaced).map(|held| held.entry.id);
        queue.chain(self.lanes.waiting().keys().copied()).chain(self.running.keys().copied())
    }

    /// Returns all entries whose lease is to be kept.
    pub(super) fn leased(&self) -> Vec<EntryId> {
        let unparked = self.retries.iter().filter(|(_, retry)| !retry.is_parked);
        let mut ids: Vec<EntryId> = self
            .undone()
            .chain(self.acks.iter().copied())
            .chain(self.burials.iter().map(|burial| burial.id))
            .chain(unparked.map(|(id, _)| *id))
            .collect();
        ids.sort_unstable();
        ids
    }

    /// Takes an entry that was delivered; one that was delivered too often is buried.
    pub(super) fn take(&mut self, held: Held, settings: &Settings) {
        let id = held.entry.id;
        if self.holds(id) {
            return;
        }
        self.retries.remove(&id);
        if held.deliveries > settings.max_deliveries {
            let before = held.deliveries - 1;
            let reason = format!("delivered {before} times, and never finished");
            self.bury(held, reason);
        } else if self.lanes.has(id) {
            self.queue.extend(self.lanes.run_or_wait(held));
        } else if settings.is_ordered {
            self.unplaced.push(held);
        } else {
            self.queue.push_back(held);
        }
    }

    /// Returns the next entry that may run.
    pub(super) fn next(&mut self) -> Option<Held> {
        while let Some(held) = self.queue.pop_front() {
            // Something older may have come meanwhile.
            if let Some(held) = self.lanes.run_or_wait(held) {
                return Some(held);
            }
        }
        None
    }

    /// Gives an entry its place among those of its key.
    pub(super) fn place(&mut self, held: Held, key: Key) {
        self.queue.extend(self.lanes.enter(held, key));
    }

    /// Notes that an entry is acknowledged or among the dead letters.
    pub(super) fn settled(&mut self, id: EntryId) {
        self.queue.extend(self.lanes.settle(id));
    }

    /// Notes what is pending for others.
    pub(super) fn set_others(&mut self, others: HashMap<EntryId, Option<Key>>) {
        self.queue.extend(self.lanes.set_others(others));
    }

    /// Says whether it matters what is pending for others.
    pub(super) fn has_to_look(&self) -> bool {
        !self.unplaced.is_empty() || !self.lanes.blockers().is_empty()
    }

    /// Returns the newest entry that is held back or has no place yet.
    pub(super) fn newest_held_back(&self) -> EntryId {
        let unplaced = self.unplaced.iter().map(|held| held.entry.id);
        unplaced.chain(self.lanes.waiting().keys().copied()).max().unwrap_or(EntryId::MIN)
    }

    /// Notes what a handler has said.
    pub(super) fn finish(
        &mut self,
        id: EntryId,
        verdict: Verdict,
        settings: &Settings,
        now: Instant,
    ) {
        let Some(held) = self.running.remove(&id) else { return };
        match verdict {
            Verdict::Done => self.acks.push(id),
            Verdict::Reject { reason } => self.bury(held, reason),
            Verdict::Retry { reason, .. } if held.deliveries >= settings.max_deliveries => {
                self.bury(held, reason);
            }
            Verdict::Retry { after, .. } => {
                let deliveries = held.deliveries;
                let failures = u32::try_from(deliveries.saturating_sub(1)).unwrap_or(u32::MAX);
                let pause = after.unwrap_or_else(|| settings.backoff.pause(failures));
                let retry = Retry { due: now + pause, is_parked: false, deliveries };
                self.retries.insert(id, retry);
            }
        }
    }

    /// Has an entry moved to the dead letters.
    pub(super) fn bury(&mut self, held: Held, reason: String) {
        let Held { entry: Entry { id, fields }, deliveries } = held;
        self.burials.push(Burial { id, fields, deliveries, reason, is_doubtful: false });
    }

    /// Returns the retries that the backend is to be told of, with the time left until they are due:
    /// those that are due within the lease, after which others might take them.
    pub(super) fn unparked(&self, settings: &Settings, now: Instant) -> Vec<EntryId> {
        let is_near = |retry: &Retry| !retry.is_parked && retry.due <= now + settings.lease;
        self.retries.iter().filter(|(_, retry)| is_near(retry)).map(|(id, _)| *id).collect()
    }

    /// Returns the retries that are due, the longest due first.
    pub(super) fn due(&self, now: Instant) -> Vec<EntryId> {
        let is_due = |retry: &Retry| retry.is_parked && retry.due <= now;
        let mut due: Vec<(Instant, EntryId)> = self
            .retries
            .iter()
            .filter(|(_, retry)| is_due(retry))
            .map(|(id, retry)| (retry.due, *id))
            .collect();
        due.sort_unstable();
        due.into_iter().map(|(_, id)| id).collect()
    }

    /// Returns when the next retry wants something.
    pub(super) fn next_retry(&self, settings: &Settings, now: Instant) -> Option<Instant> {
        let when = |retry: &Retry| match retry.is_parked {
            true => retry.due,
            false => retry.due.checked_sub(settings.lease).unwrap_or(now),
        };
        self.retries.values().map(when).min()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Backoff;

    fn held(ms: u64, deliveries: u64) -> Held {
        let entry = Entry { id: EntryId::new(ms, 0), fields: Fields::from([("a", "1")]) };
        Held { entry, deliveries }
    }

    fn settings() -> Settings {
        let second = Duration::from_secs(1);
        let mut settings = Settings::new("g".into(), "dead".into());
        settings.concurrency = 2;
        settings.max_deliveries = 3;
        settings.backoff = Backoff::list([second, 100 * second]);
        settings
    }

    /// Runs an entry and finishes it with this verdict.
    fn finish(desk: &mut Desk, held: Held, verdict: Verdict, now: Instant) {
        let id = held.entry.id;
        desk.running.insert(id, held);
        desk.finish(id, verdict, &settings(), now);
    }

    #[tokio::test]
    async fn what_is_done_is_acknowledged() {
        let (mut desk, now) = (Desk::default(), Instant::now());
        finish(&mut desk, held(1, 1), Verdict::Done, now);
        assert_eq!(desk.acks, [EntryId::new(1, 0)]);
        assert!(desk.running.is_empty());
    }

    #[tokio::test]
    async fn failures_come_again_until_they_are_buried() {
        let (mut desk, now) = (Desk::default(), Instant::now());
        let (first, second) = (EntryId::new(1, 0), EntryId::new(2, 0));
        finish(&mut desk, held(1, 1), Verdict::retry("no"), now);
        finish(&mut desk, held(2, 2), Verdict::retry("no"), now);
        finish(&mut desk, held(3, 3), Verdict::retry("no"), now);
        finish(&mut desk, held(4, 1), Verdict::reject("never"), now);
        assert_eq!(desk.retries[&first].due, now + Duration::from_secs(1));
        assert_eq!(desk.retries[&second].due, now + Duration::from_secs(100));
        let reasons: Vec<&str> = desk.burials.iter().map(|burial| &*burial.reason).collect();
        assert_eq!(reasons, ["no", "never"]);
        // The second is due after the lease: its lease is kept meanwhile.
        assert_eq!(desk.unparked(&settings(), now), [first]);
        assert!(desk.leased().contains(&second));
        desk.retries.entry(first).and_modify(|retry| retry.is_parked = true);
        assert!(desk.due(now).is_empty());
        assert_eq!(desk.due(now + Duration::from_secs(1)), [first]);
    }

    #[tokio::test]
    async fn what_is_here_already_is_not_taken_twice() {
        let mut desk = Desk::default();
        desk.take(held(1, 1), &settings());
        desk.take(held(1, 2), &settings());
        assert_eq!((desk.queue.len(), desk.free(&settings())), (1, 1));
    }

    #[tokio::test]
    async fn what_kills_its_workers_is_buried() {
        let mut desk = Desk::default();
        desk.take(held(1, 4), &settings());
        assert_eq!(desk.burials[0].reason, "delivered 3 times, and never finished");
    }
}

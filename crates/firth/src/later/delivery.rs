//! One task that adds to a stream what is due.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::Keys;
use super::due::Due;
use super::running::Counters;
use crate::backend::{Append, Backend, Batch, Condition, Entry, Fields, Range, Write};
use crate::dead_letters::check_place;
use crate::tail::{read, wait_out};
use crate::turn::Turn;
use crate::{EntryId, Error, Refusal, chance, clock};

/// After what silence somebody else takes the turn.
const LEASE: Duration = Duration::from_secs(10);

/// How often whoever waits for the turn asks for it.
const PAUSE: Duration = Duration::from_millis(500);

/// How many entries are read at once.
const PAGE: usize = 1000;

/// The most messages that are delivered in one step.
const STEP_MAX: usize = 100;

/// One task that delivers.
pub(super) struct Delivery {
    backend: Arc<dyn Backend>,
    keys: Keys,
    counters: Arc<Counters>,
    /// A name that nobody else has.
    name: String,
    /// What waits, by the time at which it is due.
    agenda: BTreeSet<(u64, EntryId)>,
    /// Up to where the entries that wait are known.
    after: EntryId,
    /// How many messages the next step delivers: fewer after a failure, since each needs a request.
    step: usize,
}

/// A message that is due.
struct Ready {
    id: EntryId,
    due: Due,
    fields: Fields,
}

impl Delivery {
    pub(super) fn new(backend: Arc<dyn Backend>, keys: Keys, counters: Arc<Counters>) -> Self {
        let (name, agenda) = (chance::name(), BTreeSet::new());
        let (after, step) = (EntryId::MIN, STEP_MAX);
        Delivery { backend, keys, counters, name, agenda, after, step }
    }

    /// Delivers whenever it has the turn, until it is told to stop, or something is wrong that time does not mend.
    pub(super) async fn run(mut self, mut stopping: watch::Receiver<bool>) -> Result<(), Error> {
        while !*stopping.borrow_and_update() {
            let key = Arc::clone(&self.keys.turn);
            let worked = match Turn::take(&*self.backend, key, &self.name, LEASE).await {
                Ok(Some(turn)) => self.work(turn, &mut stopping).await,
                Ok(None) => {
                    self.forget();
                    tokio::select! {
                        _ = stopping.changed() => {}
                        () = sleep(PAUSE) => {}
                    }
                    Ok(())
                }
                Err(error) => Err(error),
            };
            match worked {
                Ok(()) => {}
                Err(Error::Refused(Refusal::Conflict { .. })) => {
                    tracing::warn!(stream = %self.keys.target, "somebody else delivers now");
                }
                Err(error) => {
                    self.step = (self.step / 2).max(1);
                    wait_out(error).await?;
                }
            }
        }
        Ok(())
    }

    /// Forgets what waits, which is somebody else's business now.
    fn forget(&mut self) {
        self.agenda.clear();
        self.after = EntryId::MIN;
        self.note();
    }

    /// Delivers as long as the turn is its own.
    async fn work(
        &mut self,
        turn: Turn,
        stopping: &mut watch::Receiver<bool>,
    ) -> Result<(), Error> {
        let mut renewal = Instant::now() + LEASE / 3;
        while !*stopping.borrow_and_update() {
            let is_all = tokio::select! {
                _ = stopping.changed() => continue,
                learned = self.learn(renewal) => learned?,
            };
            if Instant::now() >= renewal {
                renewal = Instant::now() + LEASE / 3;
                let batch = Batch::of(turn.renewal()).only_if(turn.condition());
                self.backend.write(batch).await?;
            }
            // Only then is it known what is due first.
            if is_all {
                self.deliver(&turn).await?;
            }
        }
        turn.end(&*self.backend).await;
        Ok(())
    }

    /// Reads what has been put there, and waits for it until something is due; says whether that is all.
    async fn learn(&mut self, renewal: Instant) -> Result<bool, Error> {
        let mut wait = renewal.saturating_duration_since(Instant::now());
        if let Some((due_ms, _)) = self.agenda.first() {
            wait = wait.min(Duration::from_millis(due_ms.saturating_sub(clock::now_ms())));
        }
        let wait = Some(wait).filter(|wait| !wait.is_zero());
        let found = read(&*self.backend, &self.keys.waiting, self.after, PAGE, wait).await?;
        let is_all = found.len() < PAGE;
        for Entry { id, fields } in found {
            self.after = id;
            match Due::split(&fields) {
                Some((due, _)) => _ = self.agenda.insert((due.at_ms, id)),
                None => tracing::warn!(stream = %self.keys.waiting, entry = %id, "is no message"),
            }
        }
        self.note();
        Ok(is_all)
    }

    /// Delivers some of what is due.
    async fn deliver(&mut self, turn: &Turn) -> Result<(), Error> {
        let now_ms = clock::now_ms();
        let due = self.agenda.iter().take_while(|(due_ms, _)| *due_ms <= now_ms);
        let step: Vec<(u64, EntryId)> = due.take(self.step).copied().collect();
        if step.is_empty() {
            return Ok(());
        }
        check_place(&*self.backend, &self.keys.target).await?;
        // Whatever is cancelled from here on changes this value.
        let key = Arc::clone(&self.keys.cancelled);
        let value = self.backend.value(Arc::clone(&key)).await?;
        let uncancelled = Condition::Value { key, value };
        let looks = step
            .iter()
            .map(|(_, id)| self.backend.range(Range::one(Arc::clone(&self.keys.waiting), *id)));
        let found = try_join_all(looks).await?.into_iter().flatten();
        let ready = found.filter_map(|entry| {
            let (due, fields) = Due::split(&entry.fields)?;
            Some(Ready { id: entry.id, due, fields })
        });
        let (repeated, single): (Vec<Ready>, Vec<Ready>) =
            ready.partition(|ready| ready.due.repeated.is_some());
        match self.move_all(single, uncancelled, turn).await {
            // Something was cancelled: it is looked again what is still there.
            Err(Error::Refused(Refusal::Conflict { key })) if key == self.keys.cancelled => {
                return Ok(());
            }
            moved => moved?,
        }
        for ready in repeated {
            self.move_repeated(ready, turn).await?;
        }
        // What was not found has been cancelled.
        step.iter().for_each(|row| _ = self.agenda.remove(row));
        self.step = (self.step * 2).min(STEP_MAX);
        self.note();
        Ok(())
    }

    async fn move_all(
        &self,
        ready: Vec<Ready>,
        uncancelled: Condition,
        turn: &Turn,
    ) -> Result<(), Error> {
        if ready.is_empty() {
            return Ok(());
        }
        let count = ready.len() as u64;
        let ids = ready.iter().map(|ready| ready.id).collect();
        let batch = Batch::default().only_if(turn.condition()).only_if(uncancelled);
        let batch = ready.into_iter().fold(batch, |batch, ready| batch.and(self.add(ready.fields)));
        self.backend.write(batch.and(self.remove(ids))).await?;
        self.counters.delivered.fetch_add(count, Ordering::Relaxed);
        Ok(())
    }

    /// Delivers what is repeated and lets it wait again; if the repetition has ended, it goes.
    async fn move_repeated(&self, ready: Ready, turn: &Turn) -> Result<(), Error> {
        let Ready { id, due, fields } = ready;
        let (Some(repeated), Some(next)) = (&due.repeated, due.next(clock::now_ms())) else {
            return Ok(());
        };
        let removal = Batch::of(self.remove(vec![id])).only_if(turn.condition());
        let Some(unchanged) = self.keys.unchanged(&*self.backend, repeated).await? else {
            return self.backend.write(removal).await.map(drop);
        };
        let again = Append::new(Arc::clone(&self.keys.waiting), next.before(&fields)?);
        let move_on = removal.clone().only_if(unchanged);
        match self.backend.write(move_on.and(self.add(fields)).and(Write::Append(again))).await {
            // It was cancelled or replaced in this moment.
            Err(Error::Refused(Refusal::Conflict { key })) if key != self.keys.turn => {
                self.backend.write(removal).await.map(drop)
            }
            moved => {
                moved?;
                self.counters.delivered.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    fn add(&self, fields: Fields) -> Write {
        Write::Append(Append::new(Arc::clone(&self.keys.target), fields))
    }

    fn remove(&self, ids: Vec<EntryId>) -> Write {
        Write::Delete { stream: Arc::clone(&self.keys.waiting), ids }
    }

    fn note(&self) {
        self.counters.waiting.store(self.agenda.len() as u64, Ordering::Relaxed);
    }
}

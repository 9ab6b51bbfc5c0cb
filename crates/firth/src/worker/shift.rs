//! A worker at work: one task that reads, hands out, and settles.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::Instrument as _;

use super::counters::{Counters, add};
use super::desk::{Desk, Held};
use super::lanes::Key;
use super::order::{KeyOf, LOOK_EVERY};
use super::settings::Settings;
use super::verdict::{Delivery, Verdict};
use crate::backend::{
    Backend, Batch, Claim, Condition, Entry, GroupChange, GroupRead, Handing, PendingQuery, Start,
    Which, Write,
};
use crate::format::Format;
use crate::{Backoff, EntryId, Error, Refusal, Stream};

/// What runs a handler.
pub(super) type Handler<T> = Arc<dyn Fn(Delivery<T>) -> BoxFuture<'static, Verdict> + Send + Sync>;

type Reading = BoxFuture<'static, Result<Vec<Entry>, Error>>;

/// A worker at work.
pub(super) struct Shift<T> {
    pub(super) backend: Arc<dyn Backend>,
    pub(super) stream: Arc<str>,
    pub(super) settings: Settings,
    pub(super) counters: Arc<Counters>,
    pub(super) desk: Desk,
    pub(super) tasks: JoinSet<(EntryId, Verdict)>,
    pub(super) format: Format<T>,
    pub(super) key_of: Option<KeyOf<T>>,
    handler: Handler<T>,
    /// The newest entry that was delivered.
    last_seen: EntryId,
    /// Whether entries may be pending for this worker of which it knows nothing.
    must_recover: bool,
    /// How often in a row the backend could not be reached.
    failures: u32,
    /// Before this the backend is not asked again.
    not_before: Instant,
    pub(super) next_claim: Instant,
    pub(super) claim_from: EntryId,
    /// When consumers are looked for that are of no more use.
    pub(super) next_sweep: Instant,
    pub(super) next_look: Instant,
    pub(super) look_pause: Duration,
    /// Keys of entries of others, from looks that have failed.
    pub(super) keys_read: HashMap<EntryId, Option<Key>>,
    /// Whether more is pending for others than can be looked at.
    pub(super) is_crowded: bool,
    next_renewal: Instant,
}

impl<T: Send + 'static> Shift<T> {
    pub(super) fn new(
        stream: &Stream<T>,
        settings: Settings,
        key_of: Option<KeyOf<T>>,
        handler: Handler<T>,
        counters: Arc<Counters>,
    ) -> Self {
        let now = Instant::now();
        Shift {
            backend: Arc::clone(stream.backend()),
            stream: Arc::clone(stream.name()),
            settings,
            counters,
            desk: Desk::default(),
            tasks: JoinSet::new(),
            format: stream.format,
            key_of,
            handler,
            last_seen: EntryId::MIN,
            must_recover: true,
            failures: 0,
            not_before: now,
            next_claim: now,
            claim_from: EntryId::MIN,
            next_sweep: now,
            next_look: now,
            look_pause: LOOK_EVERY,
            keys_read: HashMap::new(),
            is_crowded: false,
            next_renewal: now,
        }
    }

    /// Works until it is told to stop, or something is wrong that time does not mend.
    pub(super) async fn work(mut self, mut stopping: watch::Receiver<bool>) -> Result<(), Error> {
        let mut is_ready = false;
        let mut reading: Option<Reading> = None;
        let mut grace_end = None;
        self.next_renewal = Instant::now() + renewal(self.settings.lease);
        loop {
            let is_stopping = *stopping.borrow_and_update();
            let now = Instant::now();
            if is_stopping {
                let end = *grace_end.get_or_insert(now + self.settings.grace);
                if reading.is_none() && (self.tasks.is_empty() || now >= end) {
                    break;
                }
            }
            if now >= self.not_before {
                if !is_stopping {
                    self.go_on(&mut is_ready, &mut reading).await?;
                }
                // The read is under way meanwhile. Whatever fails here may fail for long, and keeps
                // nobody from reading.
                if is_ready {
                    let kept = beside(&mut reading, self.keep_house(is_stopping)).await;
                    if let Some(answer) = kept.1 {
                        self.take_new(answer)?;
                    }
                    self.bear(kept.0)?;
                }
            }
            if !is_stopping {
                self.start_queued();
            }
            let wake = self.next_wake(is_stopping, grace_end);
            let mut found = None;
            tokio::select! {
                biased;
                _ = stopping.changed(), if !is_stopping => {}
                Some(done) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    self.finished(done);
                }
                answer = next(&mut reading) => found = Some(answer),
                () = sleep_until(wake) => {}
            }
            if let Some(answer) = found {
                self.take_new(answer)?;
            }
            while let Some(done) = self.tasks.try_join_next() {
                self.finished(done);
            }
        }
        self.leave().await;
        Ok(())
    }

    /// Does what comes before reading, and begins to read if there is room.
    async fn go_on(
        &mut self,
        is_ready: &mut bool,
        reading: &mut Option<Reading>,
    ) -> Result<(), Error> {
        if !*is_ready {
            let begun = self.begin().await;
            *is_ready = self.bear(begun)?;
        }
        if !*is_ready || reading.is_some() {
            return Ok(());
        }
        if self.must_recover {
            let recovered = self.recover().await;
            self.must_recover = !self.bear(recovered)?;
        }
        let room = self.desk.room(&self.settings);
        if !self.must_recover && room > 0 {
            *reading = Some(self.read(room));
        }
        Ok(())
    }

    /// Does what is due besides reading.
    async fn keep_house(&mut self, is_stopping: bool) -> Result<(), Error> {
        self.settle().await?;
        if Instant::now() >= self.next_renewal {
            self.next_renewal = Instant::now() + renewal(self.settings.lease);
            self.renew().await?;
        }
        self.park_retries().await?;
        if !is_stopping {
            self.deliver_again().await?;
            if Instant::now() >= self.next_claim {
                let taken = self.take_over().await;
                // What was claimed may have been lost with the answer.
                self.must_recover |= taken.is_err();
                taken?;
            }
            self.sweep().await?;
            // What was delivered and never arrived may hold back what has.
            if !self.must_recover {
                self.place().await?;
            }
        }
        Ok(())
    }

    /// Bears what time mends, and says whether all is well; creates the group anew if it is gone.
    fn bear(&mut self, result: Result<(), Error>) -> Result<bool, Error> {
        match result {
            Ok(()) => {
                self.failures = 0;
                Ok(true)
            }
            Err(error @ Error::Unavailable { .. }) => {
                tracing::warn!(stream = %self.stream, %error, "the worker goes on trying");
                self.not_before = Instant::now() + Backoff::connecting().pause(self.failures);
                self.failures = self.failures.saturating_add(1);
                Ok(false)
            }
            // The next read finds out, and has it created.
            Err(Error::Refused(Refusal::NoGroup)) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Checks that the dead letters lie where they can be moved to in one step, and creates the
    /// group.
    async fn begin(&mut self) -> Result<(), Error> {
        let impossible =
            |stream: &Arc<str>| Condition::LastId { stream: Arc::clone(stream), id: EntryId::MAX };
        let nothing = Write::Delete { stream: Arc::clone(&self.stream), ids: Vec::new() };
        let probe = Batch::of(nothing)
            .only_if(impossible(&self.stream))
            .only_if(impossible(&self.settings.dead_letters));
        match self.backend.write(probe).await {
            Ok(_) | Err(Error::Refused(Refusal::Conflict { .. })) => {}
            Err(error) => return Err(error),
        }
        self.create_group(self.settings.start).await
    }

    async fn create_group(&self, start: Start) -> Result<(), Error> {
        let (stream, group) = (Arc::clone(&self.stream), Arc::clone(&self.settings.group));
        let create = GroupChange::Create { stream, group, start };
        self.backend.change_group(create).await.map(drop)
    }

    fn read(&self, limit: usize) -> Reading {
        let (backend, stream) = (Arc::clone(&self.backend), Arc::clone(&self.stream));
        let Settings { group, consumer, wait, .. } = &self.settings;
        let (group, consumer) = (Arc::clone(group), Arc::clone(consumer));
        let (last_seen, start) = (self.last_seen, self.settings.start);
        let read = GroupRead { stream, group, consumer, limit, wait: Some(*wait) };
        async move {
            match backend.read_group(read.clone()).await {
                Err(Error::Refused(Refusal::NoGroup)) => {
                    tracing::warn!(stream = %read.stream, "the group is gone, and is created anew");
                    create_anew(&*backend, &read, last_seen, start).await?;
                    Ok(Vec::new())
                }
                answer => answer,
            }
        }
        .boxed()
    }

    fn take_new(&mut self, answer: Result<Vec<Entry>, Error>) -> Result<(), Error> {
        match answer {
            Ok(entries) => {
                self.failures = 0;
                for entry in entries {
                    self.last_seen = self.last_seen.max(entry.id);
                    self.desk.take(Held { entry, deliveries: 1 }, &self.settings);
                }
                Ok(())
            }
            Err(error) => {
                // What was delivered may have been lost with the answer.
                self.must_recover = true;
                self.bear(Err(error)).map(drop)
            }
        }
    }

    /// Starts handlers for what waits for one.
    fn start_queued(&mut self) {
        while self.desk.running.len() < self.settings.concurrency {
            let Some(held) = self.desk.next() else { return };
            let value = match (self.format.decode)(&held.entry.fields) {
                Ok(value) => value,
                Err(error) => {
                    add(&self.counters.unreadable, 1);
                    self.desk.bury(held, format!("unreadable: {error}"));
                    continue;
                }
            };
            let id = held.entry.id;
            let deliveries = held.deliveries;
            let delivery = Delivery { value, id, stream: Arc::clone(&self.stream), deliveries };
            let Settings { group, consumer, .. } = &self.settings;
            let span = tracing::info_span!("handle", stream = %self.stream, %group, %consumer, entry = %id, deliveries);
            let handling = handle(Arc::clone(&self.handler), delivery, self.settings.time_limit);
            self.tasks.spawn(async move { (id, handling.instrument(span).await) });
            add(&self.counters.retried, usize::from(deliveries > 1));
            self.counters.in_flight.fetch_add(1, Ordering::Relaxed);
            self.desk.running.insert(id, held);
        }
    }

    pub(super) fn finished(&mut self, done: Result<(EntryId, Verdict), JoinError>) {
        self.counters.in_flight.fetch_sub(1, Ordering::Relaxed);
        // A handler's panic has been caught, so this one was aborted, and is still running here.
        let Ok((id, verdict)) = done else { return };
        if let Verdict::Retry { reason, .. } | Verdict::Reject { reason } = &verdict {
            tracing::warn!(stream = %self.stream, entry = %id, reason, "an entry was not handled");
            let is_rejected = matches!(verdict, Verdict::Reject { .. });
            let counters = &self.counters;
            add(if is_rejected { &counters.rejected } else { &counters.failed }, 1);
        }
        self.desk.finish(id, verdict, &self.settings, Instant::now());
    }

    fn next_wake(&self, is_stopping: bool, grace_end: Option<Instant>) -> Instant {
        let now = Instant::now();
        if now < self.not_before {
            return self.not_before;
        }
        let mut wake = self.next_renewal;
        if is_stopping {
            wake = wake.min(grace_end.unwrap_or(wake));
        } else if self.desk.free(&self.settings) > 0 {
            wake = wake.min(self.next_claim);
            wake = self.desk.next_retry(&self.settings, now).map_or(wake, |retry| wake.min(retry));
        }
        if let Some(look_at) = self.look_at()
            && !is_stopping
            && !self.must_recover
        {
            wake = wake.min(look_at);
        }
        if !self.desk.acks.is_empty() || !self.desk.burials.is_empty() {
            wake = now;
        }
        wake
    }

    pub(super) fn claim(&self, which: Which, min_idle: Duration, handing: Handing) -> Claim {
        let Settings { group, consumer, .. } = &self.settings;
        let (group, consumer) = (Arc::clone(group), Arc::clone(consumer));
        Claim { stream: Arc::clone(&self.stream), group, consumer, min_idle, which, handing }
    }

    /// Returns a query of what is pending for this worker.
    pub(super) fn own_pending(&self, from: EntryId, to: EntryId, limit: usize) -> PendingQuery {
        let Settings { group, consumer, .. } = &self.settings;
        PendingQuery {
            stream: Arc::clone(&self.stream),
            group: Arc::clone(group),
            from,
            to,
            limit,
            min_idle: Duration::ZERO,
            consumer: Some(Arc::clone(consumer)),
        }
    }
}

/// Waits for a read, if there is one, which is then over.
async fn next(reading: &mut Option<Reading>) -> Result<Vec<Entry>, Error> {
    let answer = match reading {
        Some(reading) => reading.await,
        None => std::future::pending().await,
    };
    *reading = None;
    answer
}

/// Does something to its end while a read is under way, and returns what came of both.
async fn beside<W>(
    reading: &mut Option<Reading>,
    work: impl Future<Output = W>,
) -> (W, Option<Result<Vec<Entry>, Error>>) {
    let mut work = std::pin::pin!(work);
    let mut answer = None;
    loop {
        tokio::select! {
            done = &mut work => return (done, answer),
            found = next(reading), if answer.is_none() => answer = Some(found),
        }
    }
}

/// Creates a group that somebody has destroyed: behind the last entry that was seen if the stream
/// still goes that far, else where a new one begins.
async fn create_anew(
    backend: &dyn Backend,
    read: &GroupRead,
    last_seen: EntryId,
    start: Start,
) -> Result<(), Error> {
    let info = backend.stream_info(Arc::clone(&read.stream)).await?;
    let start = match info {
        Some(info) if last_seen > EntryId::MIN && info.last_id >= last_seen => {
            Start::After(last_seen)
        }
        Some(_) if last_seen == EntryId::MIN => start,
        _ => Start::Beginning,
    };
    let (stream, group) = (Arc::clone(&read.stream), Arc::clone(&read.group));
    backend.change_group(GroupChange::Create { stream, group, start }).await.map(drop)
}

/// Runs a handler to its verdict, whatever it does.
async fn handle<T>(
    handler: Handler<T>,
    delivery: Delivery<T>,
    time_limit: Option<Duration>,
) -> Verdict {
    let handling = AssertUnwindSafe(async move { handler(delivery).await }).catch_unwind();
    let verdict = match time_limit {
        None => handling.await,
        Some(limit) => match timeout(limit, handling).await {
            Ok(verdict) => verdict,
            Err(_) => return Verdict::retry(format_args!("not handled within {limit:?}")),
        },
    };
    verdict.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Verdict::retry(format_args!("the handler panicked: {}", text.unwrap_or_default()))
    })
}

/// Returns how often leases are renewed.
fn renewal(lease: Duration) -> Duration {
    lease / 3
}

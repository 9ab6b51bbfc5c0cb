//! A backend that loses answers, and counts what it is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use firth::backend::{
    Answer, Backend, Batch, Claim, Claimed, Condition, ConsumerInfo, Entry, Features, GroupChange,
    GroupChanged, GroupRead, HealthWatch, Inbox, Inspected, Inspection, Outcome, Pending,
    PendingQuery, Range, Read, StreamEntries, StreamInfo, Subscription, Topic, Write,
};
use firth::{Effect, Error, Refusal};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

/// What happens to writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writes {
    Work,
    /// Of four writes one is carried out and its answer is lost, and one is lost itself.
    LoseAnswers,
    /// A batch must be about one key, as on a Cluster whose keys share no hash tag; what is about a stream of
    /// dead letters counts as one. After so many batches nothing works any more.
    Apart(u64),
}

/// Another backend with faults.
#[derive(Debug)]
pub(crate) struct Faulty {
    inner: Arc<dyn Backend>,
    writes: Writes,
    asked: AtomicU64,
    done: AtomicU64,
    counts: Arc<Counts>,
}

/// What was asked.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// How many requests there were.
    pub(crate) requests: AtomicU64,
    /// How many entries they returned.
    pub(crate) entries: AtomicU64,
}

impl Faulty {
    pub(crate) fn new(inner: &Arc<dyn Backend>, writes: Writes) -> Self {
        let (inner, counts) = (Arc::clone(inner), Arc::default());
        Faulty { inner, writes, asked: AtomicU64::new(0), done: AtomicU64::new(0), counts }
    }

    pub(crate) fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    fn count(&self) {
        self.counts.requests.fetch_add(1, Ordering::Relaxed);
    }
}

/// Says whether all keys of a batch begin alike.
fn is_together(batch: &Batch) -> bool {
    let conditions = batch.conditions.iter().map(Condition::key);
    let mut keys = conditions.chain(batch.writes.iter().map(Write::key));
    let is_dead = |key: &str| key.contains(":dead");
    let first = keys.next().map(|key| is_dead(key));
    keys.all(|key| Some(is_dead(key)) == first)
}

impl Backend for Faulty {
    fn features(&self) -> Features {
        self.inner.features()
    }

    fn health(&self) -> HealthWatch {
        self.inner.health()
    }

    fn write(&self, batch: Batch) -> Answer<'_, Vec<Outcome>> {
        self.count();
        let turn = self.asked.fetch_add(1, Ordering::Relaxed) % 4;
        let done = &self.done;
        let lost =
            || Error::Unavailable { reason: "the answer is lost".into(), effect: Effect::Unknown };
        async move {
            match (self.writes, turn) {
                (Writes::Apart(_), _) if !is_together(&batch) => Err(Refusal::CrossSlot.into()),
                (Writes::Apart(count), _) if done.fetch_add(1, Ordering::Relaxed) >= count => {
                    Err(Error::Closed)
                }
                (Writes::LoseAnswers, 1) => Err(lost()),
                (Writes::LoseAnswers, 3) => {
                    let answer = self.inner.write(batch).await;
                    answer.and_then(|_| Err(lost()))
                }
                _ => self.inner.write(batch).await,
            }
        }
        .boxed()
    }

    fn range(&self, range: Range) -> Answer<'_, Vec<Entry>> {
        self.count();
        async move {
            let entries = self.inner.range(range).await?;
            self.counts.entries.fetch_add(entries.len() as u64, Ordering::Relaxed);
            Ok(entries)
        }
        .boxed()
    }

    fn read(&self, read: Read) -> Answer<'_, Vec<StreamEntries>> {
        self.count();
        self.inner.read(read)
    }

    fn read_group(&self, read: GroupRead) -> Answer<'_, Vec<Entry>> {
        self.count();
        self.inner.read_group(read)
    }

    fn change_group(&self, change: GroupChange) -> Answer<'_, GroupChanged> {
        self.count();
        self.inner.change_group(change)
    }

    fn claim(&self, claim: Claim) -> Answer<'_, Claimed> {
        self.count();
        self.inner.claim(claim)
    }

    fn pending(&self, query: PendingQuery) -> Answer<'_, Vec<Pending>> {
        self.count();
        self.inner.pending(query)
    }

    fn stream_info(&self, stream: Arc<str>) -> Answer<'_, Option<StreamInfo>> {
        self.count();
        self.inner.stream_info(stream)
    }

    fn consumers(&self, stream: Arc<str>, group: Arc<str>) -> Answer<'_, Vec<ConsumerInfo>> {
        self.count();
        self.inner.consumers(stream, group)
    }

    fn value(&self, key: Arc<str>) -> Answer<'_, Option<Bytes>> {
        self.count();
        self.inner.value(key)
    }

    fn publish(&self, channel: Arc<str>, payload: Bytes) -> Answer<'_, u64> {
        self.count();
        self.inner.publish(channel, payload)
    }

    fn subscribe(&self, topics: Vec<Topic>, inbox: Arc<Inbox>) -> Answer<'_, Subscription> {
        self.count();
        self.inner.subscribe(topics, inbox)
    }

    fn inspect(&self, inspection: Inspection) -> Answer<'_, Inspected> {
        self.count();
        self.inner.inspect(inspection)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}

//! What has happened to the entries of a stream, as it was seen from outside.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::proof::{Lives, Sequence, Summary, Violations};
use super::story::Story;
use super::witness::Witness;
use crate::backend::{Fields, Order, Range};
use crate::{Broker, Delivery, EntryId, Error, Verdict};

/// Records what happens to the entries of one stream in one group, and proves from the record that
/// they were treated as they should be. Clones are one history.
///
/// Appends and acknowledgements are recorded by a broker that it [watches](History::watch), what
/// handlers do by the handlers that it [wraps](History::handler), dead letters when they are
/// [read](History::read_dead_letters). Programs that are elsewhere record what they see by hand.
/// It keeps a hundred or two bytes for each entry in memory: it is for tests.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use firth::test_kit::{History, Sequence};
/// use firth::{Broker, Delivery, Verdict};
///
/// let history = History::new("orders", "packers");
/// let broker = history.watch(&Broker::connect("memory:").await?);
/// let orders = broker.stream::<u32>("orders");
/// let worker = broker.worker(&orders, "packers").start(history.handler(
///     |order: Delivery<u32>| async move {
///         if order.value == 7 { Verdict::reject("no stock") } else { Verdict::Done }
///     },
/// ));
/// orders.append_all(&(0..10).collect::<Vec<_>>()).await?;
/// history.all_handled().await;
/// worker.stop().await?;
///
/// history.read_dead_letters(&broker, "{orders}:dead").await?;
/// let summary = history.check(Sequence::Any)?;
/// assert_eq!((summary.handled, summary.dead, summary.duplicates), (9, 1, 0));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct History {
    record: Arc<Record>,
}

#[derive(Debug)]
struct Record {
    stream: Arc<str>,
    group: Arc<str>,
    lives: Mutex<Lives>,
    changed: watch::Sender<()>,
}

/// Something that has happened, in the order of the recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The backend has answered with the id of a new entry.
    Appended(EntryId),
    /// An append got no answer: there may be an entry of which nobody knows the id.
    Uncertain,
    /// A handler has got an entry.
    Begun { id: EntryId, key: Option<Arc<str>> },
    /// A handler has said what is to become of it.
    Ended { id: EntryId, end: End },
    /// The backend has confirmed that it is not pending any more.
    Acknowledged(EntryId),
    /// The dead letters that were there have been read.
    LettersRead(Vec<EntryId>),
}

/// How a handler ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Done,
    Again,
    Rejected,
    /// It panicked, or was dropped where it waited.
    Dropped,
}

/// A handler that runs: dropped before it has ended, it says so.
struct Run {
    history: History,
    id: EntryId,
    has_ended: bool,
}

impl Drop for Run {
    fn drop(&mut self) {
        if !self.has_ended {
            self.history.record(&Event::Ended { id: self.id, end: End::Dropped });
        }
    }
}

impl History {
    /// Returns an empty history of a group of a stream.
    pub fn new(stream: impl Into<Arc<str>>, group: impl Into<Arc<str>>) -> Self {
        let (lives, changed) = (Mutex::default(), watch::Sender::default());
        let record = Record { stream: stream.into(), group: group.into(), lives, changed };
        History { record: Arc::new(record) }
    }

    /// Returns a broker on the backend of another one that records what is appended to the stream, and
    /// what is acknowledged in the group. It changes nothing.
    pub fn watch(&self, broker: &Broker) -> Broker {
        Broker::on(Witness::new(Arc::clone(broker.backend()), self.clone()))
    }

    pub(super) fn stream(&self) -> &Arc<str> {
        &self.record.stream
    }

    pub(super) fn group(&self) -> &Arc<str> {
        &self.record.group
    }

    /// Returns a handler that records when it begins and how it ends: with a verdict, or by a panic, or
    /// dropped since it took too long or its worker had to go.
    pub fn handler<T, H, F, V>(
        &self,
        handler: H,
    ) -> impl Fn(Delivery<T>) -> BoxFuture<'static, Verdict> + Send + Sync + 'static
    where
        T: Send + 'static,
        H: Fn(Delivery<T>) -> F + Send + Sync + 'static,
        F: Future<Output = V> + Send + 'static,
        V: Into<Verdict> + 'static,
    {
        self.recorded(|_| None, handler)
    }

    /// Returns a handler as [`handler`](History::handler) does, which records the key of each entry,
    /// too: what has the same key is to be handled in the order of its appending.
    pub fn handler_by_key<T, K, H, F, V>(
        &self,
        key: impl Fn(&T) -> K + Send + Sync + 'static,
        handler: H,
    ) -> impl Fn(Delivery<T>) -> BoxFuture<'static, Verdict> + Send + Sync + 'static
    where
        T: Send + 'static,
        K: ToString,
        H: Fn(Delivery<T>) -> F + Send + Sync + 'static,
        F: Future<Output = V> + Send + 'static,
        V: Into<Verdict> + 'static,
    {
        self.recorded(move |value| Some(key(value).to_string().into()), handler)
    }

    fn recorded<T, H, F, V>(
        &self,
        key: impl Fn(&T) -> Option<Arc<str>> + Send + Sync + 'static,
        handler: H,
    ) -> impl Fn(Delivery<T>) -> BoxFuture<'static, Verdict> + Send + Sync + 'static
    where
        T: Send + 'static,
        H: Fn(Delivery<T>) -> F + Send + Sync + 'static,
        F: Future<Output = V> + Send + 'static,
        V: Into<Verdict> + 'static,
    {
        let history = self.clone();
        move |delivery: Delivery<T>| {
            let (history, id) = (history.clone(), delivery.id);
            history.record(&Event::Begun { id, key: key(&delivery.value) });
            let mut run = Run { history, id, has_ended: false };
            let handling = handler(delivery);
            async move {
                let verdict = handling.await.into();
                run.has_ended = true;
                run.history.ended(id, &verdict);
                verdict
            }
            .boxed()
        }
    }

    /// Records that an append was answered with this id.
    pub fn appended(&self, id: EntryId) {
        self.record(&Event::Appended(id));
    }

    /// Records that an append got no answer, so that it may have been carried out.
    pub fn append_uncertain(&self) {
        self.record(&Event::Uncertain);
    }

    /// Records that a handler has got an entry.
    pub fn begun(&self, id: EntryId, key: Option<&str>) {
        self.record(&Event::Begun { id, key: key.map(Arc::from) });
    }

    /// Records what a handler has said of an entry.
    pub fn ended(&self, id: EntryId, verdict: &Verdict) {
        let end = match verdict {
            Verdict::Done => End::Done,
            Verdict::Retry { .. } => End::Again,
            Verdict::Reject { .. } => End::Rejected,
        };
        self.record(&Event::Ended { id, end });
    }

    /// Records that the acknowledgement of an entry was confirmed.
    pub fn acknowledged(&self, id: EntryId) {
        self.record(&Event::Acknowledged(id));
    }

    /// Reads all dead letters of a stream of them, and records those of the history's own stream and
    /// group. What is read later takes the place of what was read before.
    ///
    /// # Errors
    /// Those of the broker, and [`Error::Payload`] for an entry that is no dead letter, since it does
    /// not say what it was: nothing is recorded then.
    pub async fn read_dead_letters(
        &self,
        broker: &Broker,
        stream: impl Into<Arc<str>>,
    ) -> Result<(), Error> {
        const STEP: usize = 1000;
        let stream = stream.into();
        let (mut from, to, order, limit) = (EntryId::MIN, EntryId::MAX, Order::Forward, STEP);
        let mut letters = Vec::new();
        loop {
            let range = Range { stream: Arc::clone(&stream), from, to, order, limit };
            let entries = broker.backend().range(range).await?;
            for letter in entries.iter().map(|entry| &entry.fields) {
                let (stream, group) = (original(letter, "stream")?, original(letter, "group")?);
                let id = original(letter, "id")?.parse().map_err(|error| Error::payload(&error))?;
                if *stream == *self.record.stream && *group == *self.record.group {
                    letters.push(id);
                }
            }
            match entries.last().and_then(|entry| entry.id.next()) {
                Some(next) if entries.len() == STEP => from = next,
                _ => break,
            }
        }
        self.record(&Event::LettersRead(letters));
        Ok(())
    }

    /// Waits until every entry whose append was answered has been handled to its end: done, rejected,
    /// or found among the dead letters. Cancel-safe.
    pub async fn all_handled(&self) {
        self.until(|lives| lives.unfinished() == 0).await;
    }

    /// Waits until handlers have ended so often in all, whatever they said. Cancel-safe.
    pub async fn handled(&self, times: u64) {
        self.until(|lives| lives.ends() >= times).await;
    }

    /// Returns how often handlers have ended so far.
    pub fn ended_so_far(&self) -> u64 {
        self.record.lives.lock().ends()
    }

    async fn until(&self, is_so: impl Fn(&Lives) -> bool) {
        let mut changed = self.record.changed.subscribe();
        while !is_so(&self.record.lives.lock()) {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    /// Returns what has happened to an entry so far, if anything has.
    pub fn story(&self, id: EntryId) -> Option<Story> {
        self.record.lives.lock().story(id).cloned()
    }

    /// Checks everything that has been recorded.
    ///
    /// It proves that each entry whose append was answered was handled to its end at least once, and
    /// none was lost; that nothing was handled that nobody appended; that nothing was acknowledged
    /// before it was handled; that, if dead letters were read, they are exactly the entries that were
    /// never done, each of them once; and with [`Sequence::ByKey`] that no entry was begun before all
    /// earlier ones of its key had ended for good. What was handled more than once is counted.
    ///
    /// # Errors
    /// All that is wrong, with all that happened to the entries in question.
    pub fn check(&self, sequence: Sequence) -> Result<Summary, Violations> {
        self.record.lives.lock().check(sequence)
    }

    pub(super) fn record(&self, event: &Event) {
        self.record.lives.lock().add(event);
        self.record.changed.send_replace(());
    }
}

/// Returns what a dead letter says of its entry.
fn original<'l>(letter: &'l Fields, what: &str) -> Result<&'l str, Error> {
    let missing = || Error::payload(&format_args!("a dead letter without original_{what}"));
    letter.text(&format!("original_{what}")).ok_or_else(missing)
}

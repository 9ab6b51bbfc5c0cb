//! Workers: handlers that are given the entries of a stream, each until it is done with.

mod counters;
mod desk;
mod lanes;
mod order;
mod running;
mod settings;
mod settling;
mod shift;
mod sweeping;
mod verdict;

use std::fmt;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;

use crate::backend::Start;
use crate::{Backoff, Broker, Error, Stream, key};

use self::order::KeyOf;
use self::running::Place;
use self::settings::Settings;
use self::shift::Shift;

pub use counters::WorkerStats;
pub use running::RunningWorker;
pub use verdict::{Delivery, Verdict};

/// A worker that has not been started yet.
///
/// Entries of a stream are delivered to the workers of a group, each to one of them, and are pending
/// until they are acknowledged. This worker
///
/// - runs so many handlers at once ([`concurrency`](Worker::concurrency)), and acknowledges an entry
///   when its handler is done;
/// - delivers an entry again when its handler failed, panicked or took too long, after a pause
///   ([`retry`](Worker::retry)); the count of deliveries and the moment of the next one are kept by
///   the backend, so another worker goes on if this one ends;
/// - moves an entry to the dead letters, in one step, when it was delivered
///   [`max_deliveries`](Worker::max_deliveries) times, is [rejected](Verdict::Reject), or cannot be
///   read as a value;
/// - keeps the lease of what its handlers work on, however long that takes, and takes over what other
///   workers have left when their [`lease`](Worker::lease) has run out;
/// - goes on when its server was unreachable or restarted, and when somebody has destroyed its group
///   or stream (the group is then created anew, behind the last entry that was seen if it is still
///   there). It ends with an error when something else is wrong, such as a missing permission.
///
/// So each entry is handled at least once; twice if a worker dies between the end of its handler and
/// the acknowledgement, or loses contact for longer than the lease. Handlers must bear that.
///
/// # What happens when
///
/// | event | outcome | test |
/// |---|---|---|
/// | the handler fails, panics, or takes too long | the entry comes again | `worker::failures_come_again`, `worker::a_panic_is_a_failure` |
/// | it fails for the last time, or rejects | the entry is a dead letter | `worker::what_always_fails_is_a_dead_letter`, `worker::what_is_rejected_or_unreadable_is_a_dead_letter` |
/// | the entry is no value | the entry is a dead letter, and no handler sees it | `worker::what_is_rejected_or_unreadable_is_a_dead_letter` |
/// | the worker is killed | others take its entries over, and later remove its consumer | `worker::what_others_have_left_is_taken_over`, `removed::what_nobody_needs_any_more_is_removed` |
/// | the worker is stopped | what is done is acknowledged, the rest handed back | `worker::what_is_not_done_is_handed_back` |
/// | the server is killed and comes back, or the connection is cut | it goes on | `faults: restart, cut` |
/// | the primary fails over | it goes on with the new one | `faults: failover, sentinel` |
/// | an answer is lost | what was done all the same is found at once | `faults: answers` |
/// | the group is destroyed | it is created anew, behind what was seen | `removed::a_destroyed_group_is_created_anew` |
/// | the stream is removed | the new one is handled from its beginning | `removed::a_removed_stream_is_begun_anew` |
/// | its consumer is removed | it comes back with the next read; what was pending for it is lost if `XGROUP DELCONSUMER` removed it | `removed::a_consumer_that_was_removed_comes_back` |
/// | an entry is trimmed before it comes again | it is let go, and is no dead letter | `removed::what_was_trimmed_is_let_go` |
/// | an entry is removed while it is handled | it is acknowledged as any other | `removed::what_is_trimmed_while_it_is_handled_is_done_with` |
///
/// What survives a crash is what the backend keeps: entries, and whose they are. What is lost with a
/// destroyed group are its pending entries, and with a consumer that somebody removes by
/// `XGROUP DELCONSUMER` those that were to come again for it;
/// [`Group::remove_consumer`](crate::group::Group::remove_consumer) hands them to an heir instead.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), firth::Error> {
/// use std::time::Duration;
/// use firth::{Backoff, Broker, Delivery};
///
/// let broker = Broker::connect("memory:").await?;
/// let orders = broker.stream::<String>("orders");
/// orders.append(&"tea".to_owned()).await?;
///
/// let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
/// let worker = broker
///     .worker(&orders, "order-processors")
///     .concurrency(8)
///     .retry(Backoff::exponential(Duration::from_secs(1)))
///     .max_deliveries(5)
///     .start(move |order: Delivery<String>| {
///         let sender = sender.clone();
///         async move { sender.send(order.value).await }
///     });
/// assert_eq!(receiver.recv().await.as_deref(), Some("tea"));
/// let stats = worker.stop().await?;
/// assert_eq!(stats.processed, 1);
/// # Ok(())
/// # }
/// ```
#[must_use = "a worker does nothing until it is started"]
pub struct Worker<T> {
    stream: Stream<T>,
    settings: Settings,
    key_of: Option<KeyOf<T>>,
}

impl Broker {
    /// Returns a worker for a group of a stream, which is created if need be.
    pub fn worker<T>(&self, stream: &Stream<T>, group: impl Into<Arc<str>>) -> Worker<T> {
        let dead_letters = key::beside(stream.name(), "dead");
        let settings = Settings::new(group.into(), dead_letters);
        Worker { stream: stream.clone(), settings, key_of: None }
    }
}

impl<T> Worker<T> {
    /// Sets how many handlers run at once. Default: 1.
    pub fn concurrency(mut self, handlers: usize) -> Self {
        self.settings.concurrency = handlers.max(1);
        self
    }

    /// Sets the name of the consumer, which must be this worker's alone. A worker takes up at once what
    /// an earlier one of its name has left. Default: one that nobody
    /// else has, which is removed when the worker stops with nothing left.
    pub fn consumer(mut self, name: impl Into<Arc<str>>) -> Self {
        self.settings.consumer = name.into();
        self
    }

    /// Sets the pauses before an entry is delivered again. Default: from one second on, doubling.
    pub fn retry(mut self, backoff: Backoff) -> Self {
        self.settings.backoff = backoff;
        self
    }

    /// Sets how often an entry is delivered before it goes to the dead letters. Default: 5.
    pub fn max_deliveries(mut self, deliveries: u64) -> Self {
        self.settings.max_deliveries = deliveries.max(1);
        self
    }

    /// Sets the stream of dead letters. On a Cluster it must share the hash slot of the worker's
    /// stream, as the default does: `{orders}:dead` for `orders`.
    pub fn dead_letters(mut self, stream: impl Into<Arc<str>>) -> Self {
        self.settings.dead_letters = stream.into();
        self
    }

    /// Has entries with the same key handled one at a time and in the order of their ids, others in
    /// parallel. Default: no order.
    ///
    /// The next entry of a key is begun when the one before it is acknowledged or among the dead
    /// letters. One that waits for its next delivery holds back its key, and only that; so does one that
    /// is pending for another consumer of the group: for another worker, or for one that has died, until
    /// its lease has run out and the entry was taken over. So the order holds across failures,
    /// restarts, and all workers of the group that order by the same key. What it does not hold across:
    ///
    /// - a handler that still runs when its worker has lost contact for longer than the lease: the entry
    ///   is then handled elsewhere, too, and others of its key after it;
    /// - consumers of the group that do not order, or by another key;
    /// - dead letters: once an entry is there, the next one of its key goes on, and what is brought back
    ///   from there comes last;
    /// - entries that are pending in a group that is destroyed or moved back;
    /// - entries that cannot be read, which have no key.
    ///
    /// Several workers find out by asking every 50 milliseconds, or up to a second while nothing changes,
    /// and with each batch they read. Where
    /// throughput matters one worker with more [`concurrency`](Worker::concurrency) is better than
    /// several. A worker holds back up to 1,000 entries; beyond that it takes no more until some have
    /// gone on, those of other keys neither.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), firth::Error> {
    /// # use firth::{Broker, Delivery};
    /// # let broker = Broker::connect("memory:").await?;
    /// let moves = broker.stream::<(String, i64)>("moves"); // an account, and an amount
    /// let worker = broker
    ///     .worker(&moves, "balances")
    ///     .concurrency(16)
    ///     .order_by(|(account, _)| account.clone())
    ///     .start(|_: Delivery<(String, i64)>| async {});
    /// # worker.stop().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn order_by<K: Hash>(mut self, key: impl Fn(&T) -> K + Send + Sync + 'static) -> Self {
        let chance = RandomState::new();
        self.key_of = Some(Arc::new(move |value| chance.hash_one(key(value))));
        self.settings.is_ordered = true;
        self
    }

    /// Sets after what silence of a worker others take its entries over. The same for all workers of
    /// a group. Default: 30 seconds.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease.max(Duration::from_millis(10));
        self
    }

    /// Sets after what idleness a consumer of the group is removed that has nothing pending: in most
    /// cases one that a worker which was killed has left behind. The worker looks when it starts and then
    /// twice in that time, but at most once in a lease. A consumer that is still needed comes back with
    /// its next read, and what it is given while it is removed is not lost. Default: a day.
    pub fn forget_consumers_after(mut self, idle: Duration) -> Self {
        self.settings.forget_after = idle;
        self
    }

    /// Sets how long a handler may take; later it is dropped where it waits, and the entry counts as
    /// failed. Default: as long as it likes.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.settings.time_limit = Some(limit);
        self
    }

    /// Sets where a group begins that is not there yet. Default: at the first entry.
    pub fn start_at(mut self, start: Start) -> Self {
        self.settings.start = start;
        self
    }

    /// Sets how long a worker that stops waits for its handlers; what is not done by then is handed
    /// back. Default: 30 seconds.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.settings.grace = grace;
        self
    }
}

impl<T: Send + 'static> Worker<T> {
    /// Starts the worker on the runtime of the caller.
    ///
    /// A handler returns what can be turned into a [`Verdict`]: nothing, a `Result`, or one.
    pub fn start<H, F, V>(self, handler: H) -> RunningWorker
    where
        H: Fn(Delivery<T>) -> F + Send + Sync + 'static,
        F: Future<Output = V> + Send + 'static,
        V: Into<Verdict> + 'static,
    {
        let handler = Arc::new(move |delivery: Delivery<T>| handler(delivery).map(V::into).boxed());
        let place = Place {
            backend: Arc::clone(self.stream.backend()),
            stream: Arc::clone(self.stream.name()),
            group: Arc::clone(&self.settings.group),
        };
        RunningWorker::start(place, |counters, stopping| {
            Shift::new(&self.stream, self.settings, self.key_of, handler, counters).work(stopping)
        })
    }

    /// Runs the worker until `shutdown` is ready, or something is wrong that time does not mend.
    ///
    /// Then it stops as [`RunningWorker::stop`] does. If this future is dropped, the worker stops in
    /// the background.
    ///
    /// # Errors
    /// Those that end a worker; see [`RunningWorker::stop`].
    pub async fn run_until<H, F, V>(
        self,
        shutdown: impl Future<Output = ()>,
        handler: H,
    ) -> Result<WorkerStats, Error>
    where
        H: Fn(Delivery<T>) -> F + Send + Sync + 'static,
        F: Future<Output = V> + Send + 'static,
        V: Into<Verdict> + 'static,
    {
        let mut running = self.start(handler);
        tokio::select! {
            ended = running.ended() => ended,
            () = shutdown => running.stop().await,
        }
    }
}

impl<T> fmt::Debug for Worker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Worker { stream, settings, key_of: _ } = self;
        f.debug_struct("Worker").field("stream", stream).field("settings", settings).finish()
    }
}

//! Handlers of events.

use std::fmt::{self, Display};
use std::future::IntoFuture;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::listen::{Heard, Listen, Listener, Published};
use crate::Error;
use crate::backend::{Gap, QueueLimits};

/// What a handler answers: nothing, or a result whose error is logged.
pub trait Handled: sealed::Sealed {
    /// Returns what went wrong, for the log.
    fn failure(self) -> Option<String>;
}

mod sealed {
    /// Keeps others from adding answers.
    pub trait Sealed {}
    impl Sealed for () {}
    impl<E> Sealed for Result<(), E> {}
}

impl Handled for () {
    fn failure(self) -> Option<String> {
        None
    }
}

impl<E: Display> Handled for Result<(), E> {
    fn failure(self) -> Option<String> {
        self.err().map(|error| error.to_string())
    }
}

/// What has become of the events that a handler was to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Handled well.
    pub handled: u64,
    /// The handler answered an error.
    pub failed: u64,
    /// The handler panicked.
    pub panicked: u64,
    /// Messages that are not an event of its type; the handler has not seen them.
    pub malformed: u64,
    /// How often events may have been missed.
    pub gaps: u64,
}

/// A wish to handle events: `.await` begins it.
#[must_use = "nothing is handled before it is awaited"]
pub struct Subscribe<E> {
    listen: Listen<E>,
    handler: Handler<E>,
    on_gap: Option<Box<dyn Fn(Gap) + Send + Sync>>,
}

type Handler<E> = Box<dyn Fn(Published<E>) -> BoxFuture<'static, Option<String>> + Send + Sync>;

/// A handler that is at work. Dropping it ends the subscription; an event that is being handled is handled to the end,
/// those that wait are not.
#[derive(Debug)]
#[must_use = "dropping it ends the subscription"]
pub struct BusSubscription {
    counters: Arc<Counters>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Counters {
    handled: AtomicU64,
    failed: AtomicU64,
    panicked: AtomicU64,
    malformed: AtomicU64,
    gaps: AtomicU64,
}

impl<E> Subscribe<E> {
    pub(super) fn new<F>(
        listen: Listen<E>,
        handler: impl Fn(Published<E>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        E: Send + 'static,
        F: Future<Output: Handled> + Send + 'static,
    {
        let handler = Box::new(move |published| handler(published).map(Handled::failure).boxed());
        Subscribe { listen, handler, on_gap: None }
    }

    /// Sets how many events wait while the handler is busy, and what happens to what is too much. If nothing is said:
    /// 1024, and the oldest goes.
    pub fn queue(mut self, limits: QueueLimits) -> Self {
        self.listen = self.listen.queue(limits);
        self
    }

    /// Sets what is called when events may have been missed: after the connection was lost, or when the queue was full.
    /// It is called between the events where the gap is.
    pub fn on_gap(mut self, on_gap: impl Fn(Gap) + Send + Sync + 'static) -> Self {
        self.on_gap = Some(Box::new(on_gap));
        self
    }
}

impl<E: DeserializeOwned + Send + 'static> IntoFuture for Subscribe<E> {
    type Output = Result<BusSubscription, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        async move {
            let name = format!("{:?}", self.listen.topics());
            let listener = self.listen.await?;
            let counters = Arc::<Counters>::default();
            let (stop, stopped) = oneshot::channel();
            let (handler, on_gap) = (self.handler, self.on_gap);
            let work = Work { name, handler, on_gap, counters: Arc::clone(&counters) };
            let task = tokio::spawn(work.run(listener, stopped));
            Ok(BusSubscription { counters, stop, task })
        }
        .boxed()
    }
}

impl BusSubscription {
    /// Returns what has become of the events so far.
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            handled: read(&self.counters.handled),
            failed: read(&self.counters.failed),
            panicked: read(&self.counters.panicked),
            malformed: read(&self.counters.malformed),
            gaps: read(&self.counters.gaps),
        }
    }

    /// Says whether it has ended: the broker was closed, or its queue was full and that is what was asked for.
    pub fn is_ended(&self) -> bool {
        self.task.is_finished()
    }

    /// Ends the subscription, and waits until the event that is being handled is done.
    pub async fn unsubscribe(self) {
        drop(self.stop);
        // A handler that panics is caught, so nothing else is to be told.
        let _done = self.task.await;
    }

    /// Lets the handler work for as long as the broker is open.
    pub fn detach(self) {
        tokio::spawn(async move {
            let _stop = self.stop;
            let _done = self.task.await;
        });
    }
}

/// What the task of a subscription has.
struct Work<E> {
    name: String,
    handler: Handler<E>,
    on_gap: Option<Box<dyn Fn(Gap) + Send + Sync>>,
    counters: Arc<Counters>,
}

impl<E: DeserializeOwned> Work<E> {
    async fn run(self, mut listener: Listener<E>, mut stopped: oneshot::Receiver<()>) {
        loop {
            let heard = tokio::select! {
                biased;
                _ = &mut stopped => return,
                heard = listener.next() => heard,
            };
            match heard {
                Some(Heard::Event(published)) => self.handle(published).await,
                Some(Heard::Malformed(malformed)) => {
                    self.count(|counters| &counters.malformed);
                    let error = malformed.error;
                    tracing::warn!(channel = %malformed.channel, %error, "not an event, left out");
                }
                Some(Heard::Gap(gap)) => self.note(gap),
                None => return,
            }
        }
    }

    async fn handle(&self, published: Published<E>) {
        let channel = Arc::clone(&published.channel);
        let handled = async { (self.handler)(published).await };
        match AssertUnwindSafe(handled).catch_unwind().await {
            Ok(None) => self.count(|counters| &counters.handled),
            Ok(Some(failure)) => {
                self.count(|counters| &counters.failed);
                tracing::error!(%channel, failure, "an event could not be handled");
            }
            Err(_) => {
                self.count(|counters| &counters.panicked);
                tracing::error!(%channel, "the handler of an event has panicked");
            }
        }
    }

    fn note(&self, gap: Gap) {
        self.count(|counters| &counters.gaps);
        tracing::warn!(topics = self.name, ?gap, "events may have been missed");
        let Some(on_gap) = &self.on_gap else { return };
        if std::panic::catch_unwind(AssertUnwindSafe(|| on_gap(gap))).is_err() {
            tracing::error!(topics = self.name, "the handler of gaps has panicked");
        }
    }

    fn count(&self, counter: impl Fn(&Counters) -> &AtomicU64) {
        counter(&self.counters).fetch_add(1, Ordering::Relaxed);
    }
}

impl<E> fmt::Debug for Subscribe<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribe").field("listen", &self.listen).finish_non_exhaustive()
    }
}

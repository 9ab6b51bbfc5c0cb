//! Messages for later: entries that are added to a stream when their time has come, once or again and again.
//!
//! What waits is kept beside the stream, in `{orders}:later` for `orders`, each as one entry: its first field,
//! `later`, says when it is due, in JSON, and the others are those of the entry that it will be. So it
//! survives what a stream survives. It is moved by whoever has [started](Later::start) the delivery:
//! any number of processes may, one of them moves, and another takes over within seconds when that one is gone.
//!
//! An entry is added to the stream and taken from what waits in one step, on the condition that the turn
//! is still the mover's own and that it was not cancelled: it is delivered once, and never after a cancel that said so.

mod delivery;
mod due;
mod repetition;
mod running;
mod waiting;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::stream::BoxStream;

use crate::backend::{Backend, Batch, Outcome, Range, SetValue, When, Write};
use crate::clock::{self, millis};
use crate::{AppendRequest, EntryId, Error, Stream, chance, key};

use self::delivery::Delivery;
use self::due::Due;

pub use running::{LaterStats, RunningLater};
pub use waiting::{Repeated, Waiting};

/// For how long it is remembered that something was cancelled: longer than any step of a delivery takes.
const CANCEL_MEMORY: Duration = Duration::from_secs(600);

/// The messages for a stream whose time has not come yet.
///
/// Handles are cheap to clone. Times are Unix times by the clock of the machine that delivers; a message is
/// never early by that clock, and is late when nobody delivers or the backend is away. Messages that are due
/// are delivered in the order of their times. Whoever delivers keeps 24 bytes in memory for each
/// that waits.
///
/// Every method may be dropped at any time; what it asked for is then done or not done.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), firth::Error> {
/// use std::time::Duration;
/// use firth::{Broker, TailStart};
/// use futures_util::StreamExt as _;
///
/// let broker = Broker::connect("memory:").await?;
/// let reminders = broker.stream::<String>("reminders");
/// let later = reminders.later();
/// later.append_after(&"tea is ready".to_owned(), Duration::from_millis(20)).await?;
/// let coffee = later.append_after(&"coffee".to_owned(), Duration::from_secs(3600)).await?;
/// assert!(later.cancel(coffee).await?);
///
/// let delivery = later.start();
/// let mut tail = reminders.tail(TailStart::Beginning);
/// assert_eq!(tail.next().await.unwrap()?.value.as_deref(), Ok("tea is ready"));
/// assert_eq!(delivery.stop().await?.delivered, 1);
/// # Ok(())
/// # }
/// ```
pub struct Later<T> {
    stream: Stream<T>,
    keys: Keys,
}

/// Where everything is kept: on a Cluster all of it on one node.
#[derive(Clone, Debug)]
struct Keys {
    /// The stream that messages are for.
    target: Arc<str>,
    /// The stream of those that wait.
    waiting: Arc<str>,
    /// Who delivers.
    turn: Arc<str>,
    /// What changes with each cancel.
    cancelled: Arc<str>,
}

impl<T> Stream<T> {
    /// Returns a handle on the messages for this stream whose time has not come yet.
    pub fn later(&self) -> Later<T> {
        let beside = |suffix| key::beside(self.name(), suffix);
        let keys = Keys {
            target: Arc::clone(self.name()),
            waiting: beside("later"),
            turn: beside("later:turn"),
            cancelled: beside("later:cancelled"),
        };
        Later { stream: self.clone(), keys }
    }

    /// Adds a value when its time has come, provided that somebody [delivers](Later::start); the same as
    /// [`Later::append_at`].
    ///
    /// # Errors
    /// As there.
    pub async fn append_at(&self, value: &T, at: SystemTime) -> Result<EntryId, Error> {
        self.later().append_at(value, at).await
    }
}

impl<T> Later<T> {
    /// Lets a value be added to the stream at a time, and returns the name under which it waits, for
    /// [`cancel`](Later::cancel). The entry that it becomes has an id of its own. If the time is over, it is due
    /// now.
    ///
    /// # Errors
    /// The value cannot be written ([`Error::Payload`]), or those of the backend. If the connection breaks
    /// ([`Effect::Unknown`](crate::Effect::Unknown)), it may be waiting.
    pub async fn append_at(&self, value: &T, at: SystemTime) -> Result<EntryId, Error> {
        self.put(value, millis(at.duration_since(UNIX_EPOCH).unwrap_or_default())).await
    }

    /// Lets a value be added to the stream after a time.
    ///
    /// # Errors
    /// As for [`append_at`](Later::append_at).
    pub async fn append_after(&self, value: &T, after: Duration) -> Result<EntryId, Error> {
        self.put(value, clock::now_ms().saturating_add(millis(after))).await
    }

    async fn put(&self, value: &T, at_ms: u64) -> Result<EntryId, Error> {
        let fields = (self.stream.format.encode)(value)?;
        let due = Due { at_ms, repeated: None };
        AppendRequest::new(self.backend(), &self.keys.waiting, due.before(&fields)).await
    }

    /// Takes back what waits under this name, and says whether it was still there: then it never comes.
    /// Of what is repeated the repetition ends.
    ///
    /// # Errors
    /// Those of the backend. If the connection breaks, it may be cancelled, and asking again tells nothing.
    pub async fn cancel(&self, id: EntryId) -> Result<bool, Error> {
        let range = Range::one(Arc::clone(&self.keys.waiting), id);
        let found = self.backend().range(range).await?;
        let due = found.first().and_then(|entry| Due::split(&entry.fields));
        let Some((due, _)) = due else { return Ok(false) };
        if let Some(repeated) = due.repeated {
            return self.cancel_every(&repeated.name).await;
        }
        let delete = Write::Delete { stream: Arc::clone(&self.keys.waiting), ids: vec![id] };
        // Whoever has just looked whether it was cancelled looks again.
        let mark = Write::Set(SetValue {
            key: Arc::clone(&self.keys.cancelled),
            value: chance::token().into(),
            expires_in: Some(CANCEL_MEMORY),
            when: When::Always,
        });
        let outcomes = self.backend().write(Batch::of(delete).and(mark)).await?;
        Ok(matches!(outcomes.first(), Some(Outcome::Count(1))))
    }

    /// Returns all that waits, in the order in which it was put there.
    pub fn list(&self) -> BoxStream<'static, Result<Waiting<T>, Error>>
    where
        T: Send + 'static,
    {
        waiting::list(Arc::clone(self.backend()), self.keys.clone(), self.stream.format)
    }

    /// Starts to deliver, on the runtime of the caller. If somebody else does, this one waits for its turn.
    pub fn start(&self) -> RunningLater {
        let (backend, keys) = (Arc::clone(self.backend()), self.keys.clone());
        RunningLater::start(|counters, stopping| {
            Delivery::new(backend, keys, counters).run(stopping)
        })
    }

    fn backend(&self) -> &Arc<dyn Backend> {
        self.stream.backend()
    }
}

impl<T> Clone for Later<T> {
    fn clone(&self) -> Self {
        Later { stream: self.stream.clone(), keys: self.keys.clone() }
    }
}

impl<T> fmt::Debug for Later<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Later").field("stream", &self.keys.target).finish_non_exhaustive()
    }
}

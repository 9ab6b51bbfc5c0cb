//! The connection that all ordinary requests to one server share.
//!
//! A task watches over it: it asks for a sign of life when nothing else goes on, and restores the
//! connection when it is lost, with growing pauses. Requests that come meanwhile wait for it for a
//! while. A request whose answer was lost is never sent again here: only its caller knows whether
//! that is right.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, RedisError, Value};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::dial::{Dial, Use};
use super::failure;
use super::gauge::Gauge;
use crate::backoff::Backoff;
use crate::{Effect, Error};

/// How long nothing may be heard of a server before it is asked for a sign of life.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Connections that are kept for later at most.
const IDLE_MAX: usize = 16;

/// The connections to one server.
pub(super) struct Link {
    name: Arc<str>,
    /// How long a request waits for a lost connection.
    patience: Duration,
    dial: Arc<Dial>,
    gauge: Arc<Gauge>,
    current: Mutex<Current>,
    /// Raised when the connection is lost or suspected to be, and when the link is dropped.
    attention: Arc<Notify>,
    state: watch::Sender<State>,
    /// Connections for requests that wait, while nobody uses them.
    idle: Mutex<Vec<MultiplexedConnection>>,
}

#[derive(Default)]
struct Current {
    connection: Option<MultiplexedConnection>,
    generation: u64,
}

/// Whether there is a connection; if not, why.
type State = Result<(), Arc<str>>;

impl Link {
    /// Connects to a server.
    pub(super) async fn open(
        name: Arc<str>,
        dial: Dial,
        patience: Duration,
        gauge: Arc<Gauge>,
    ) -> Result<Arc<Self>, RedisError> {
        let connection = dial.connect(Use::Ordinary).await?;
        let link = Arc::new(Link {
            name,
            patience,
            dial: Arc::new(dial),
            gauge,
            current: Mutex::new(Current { connection: Some(connection), generation: 0 }),
            attention: Arc::default(),
            state: watch::Sender::new(Ok(())),
            idle: Mutex::default(),
        });
        tokio::spawn(watch_over(Arc::downgrade(&link), Arc::clone(&link.attention)));
        Ok(link)
    }

    /// Returns the name of the server.
    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Returns how connections to the server are made.
    pub(super) fn dial(&self) -> &Arc<Dial> {
        &self.dial
    }

    /// Sends a command and returns its answer.
    pub(super) async fn send(&self, command: &Cmd) -> Result<Value, Failed> {
        let (mut connection, generation) = self.connection().await.map_err(Failed::Before)?;
        let answer = connection.send_packed_command(command).await;
        answer.map_err(|error| self.failed(error, generation))
    }

    /// Sends commands in one piece and returns their answers, errors among them.
    pub(super) async fn send_all(&self, commands: &Pipeline) -> Result<Vec<Value>, Failed> {
        let (mut connection, generation) = self.connection().await.map_err(Failed::Before)?;
        let count = commands.cmd_iter().count();
        let answers = connection.send_packed_commands(commands, 0, count).await;
        answers.map_err(|error| self.failed(error, generation))
    }

    fn failed(&self, error: RedisError, generation: u64) -> Failed {
        if failure::is_connection_lost(&error) {
            self.lose(generation, &error);
        }
        Failed::Answer(error)
    }

    /// Returns the connection, and waits a while for it if it is being restored.
    async fn connection(&self) -> Result<(MultiplexedConnection, u64), Error> {
        if let Some(found) = self.current() {
            return Ok(found);
        }
        let mut state = self.state.subscribe();
        let _is_late = timeout(self.patience, state.wait_for(Result::is_ok)).await.is_err();
        self.current().ok_or_else(|| {
            let reason = state.borrow().clone().err().unwrap_or_else(|| "not connected".into());
            Error::unavailable(&format!("{}: {reason}", self.name), Effect::None)
        })
    }

    fn current(&self) -> Option<(MultiplexedConnection, u64)> {
        let current = self.current.lock();
        Some((current.connection.clone()?, current.generation))
    }

    /// Gives a connection up, unless it has been restored already.
    pub(super) fn lose(&self, generation: u64, error: &RedisError) {
        let mut current = self.current.lock();
        if current.generation != generation || current.connection.take().is_none() {
            return;
        }
        drop(current);
        // Those that wait there are most likely lost as well.
        self.idle.lock().clear();
        self.fail(0, error);
        self.attention.notify_one();
    }

    /// Has the server asked for a sign of life now, since another connection to it has broken.
    pub(super) fn suspect(&self) {
        self.attention.notify_one();
    }

    /// Gives the current connection up, since the server is not what it was.
    pub(super) fn leave(&self, error: &RedisError) {
        let generation = self.current.lock().generation;
        self.lose(generation, error);
    }

    fn fail(&self, attempts: u32, error: &RedisError) {
        let reason: Arc<str> = error.to_string().into();
        self.gauge.lost(&self.name, attempts, &reason);
        let _before = self.state.send_replace(Err(reason));
    }

    fn restore(&self, connection: MultiplexedConnection) {
        let mut current = self.current.lock();
        current.connection = Some(connection);
        current.generation += 1;
        drop(current);
        self.gauge.restored(&self.name);
        let _before = self.state.send_replace(Ok(()));
    }

    /// Returns a connection that nobody else uses: one that was kept, if there is one.
    pub(super) async fn lane(&self) -> Result<Lane, RedisError> {
        let kept = self.idle.lock().pop();
        match kept {
            Some(connection) => Ok(Lane { connection, age: Age::Kept }),
            None => {
                let connection = self.dial.connect(Use::Waiting).await?;
                Ok(Lane { connection, age: Age::New })
            }
        }
    }

    /// Keeps a connection whose last answer has come.
    pub(super) fn keep(&self, lane: Lane) {
        let mut idle = self.idle.lock();
        if idle.len() < IDLE_MAX && !self.gauge.is_closed() {
            idle.push(lane.connection);
        }
    }

    /// Lets all connections go.
    pub(super) fn close(&self) {
        self.current.lock().connection = None;
        self.idle.lock().clear();
        self.attention.notify_one();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.gauge.restored(&self.name);
        self.attention.notify_one();
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why a request got no answer, or which bad one.
#[derive(Debug)]
pub(super) enum Failed {
    /// It was not sent.
    Before(Error),
    /// The answer is an error, or was lost.
    Answer(RedisError),
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Before(error) => error,
            Failed::Answer(error) => failure::of(&error),
        }
    }
}

/// A connection of one's own. Dropped before its answer has come, it is closed, so that the server
/// learns that nobody waits any more.
pub(super) struct Lane {
    pub(super) connection: MultiplexedConnection,
    pub(super) age: Age,
}

/// Whether a connection may have been lost while nobody looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    New,
    Kept,
}

/// Watches over a link until it is dropped or closed.
async fn watch_over(link: Weak<Link>, attention: Arc<Notify>) {
    let mut attempts = 0;
    loop {
        let Some(current) = link.upgrade() else { return };
        if current.gauge.is_closed() {
            return;
        }
        let Some((mut connection, generation)) = current.current() else {
            match current.dial.connect(Use::Ordinary).await {
                Ok(connection) => {
                    attempts = 0;
                    current.restore(connection);
                }
                Err(error) => {
                    attempts += 1;
                    tracing::debug!(server = %current.name, attempts, %error, "cannot connect");
                    current.fail(attempts, &error);
                    drop(current);
                    tokio::time::sleep(Backoff::connecting().pause(attempts)).await;
                }
            }
            continue;
        };
        drop(current);
        let is_silent = timeout(SILENCE_MAX, attention.notified()).await.is_err();
        let is_there = |link: Arc<Link>| link.current().is_some() && !link.gauge.is_closed();
        if !is_silent && !link.upgrade().is_some_and(is_there) {
            continue;
        }
        let sign_of_life = connection.send_packed_command(&redis::cmd("PING")).await;
        if let (Err(error), Some(link)) = (sign_of_life, link.upgrade())
            && failure::is_connection_lost(&error)
        {
            link.lose(generation, &error);
        }
    }
}

//! Reads that wait.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use firth_engine::{Engine, Locked, Service, ShardSet, Waiter};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::{DB, Embedded};
use crate::Error;
use crate::backend::Health;

/// Which attempt at a read this is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Attempt {
    /// The read has just come.
    First,
    /// It waits, and something has changed. Only keys whose shards are locked may be looked at.
    Again,
}

/// Tries a read; `None`: there is nothing yet.
pub(super) type Try<T> = dyn Fn(&mut Locked<'_>, Attempt) -> Option<Result<T, Error>> + Send + Sync;

/// What is waited for.
pub(super) struct Wait<T> {
    pub(super) keys: Vec<Arc<str>>,
    pub(super) wait: Option<Duration>,
    pub(super) attempt: Box<Try<T>>,
}

/// A read that waits in the engine.
struct Parked<T> {
    id: u64,
    attempt: Box<Try<T>>,
    reader: Mutex<Option<oneshot::Sender<Result<T, Error>>>>,
}

impl Embedded {
    /// Runs a read, and waits if it finds nothing. `None`: the time is up.
    pub(super) async fn run_waiting<T: Send + 'static>(
        &self,
        wait: Wait<T>,
    ) -> Result<Option<T>, Error> {
        let mut health = self.health.subscribe();
        if *health.borrow() == Health::Closed {
            return Err(Error::Closed);
        }
        let Wait { keys, wait, attempt } = wait;
        let (answer, parked) = match self.try_or_park(&keys, wait, attempt) {
            Tried::Answered(answer) => return answer,
            Tried::Parked { answer, parked } => (answer, parked),
        };
        // Dropped with this future, wherever it ends.
        let _parked = parked;
        let closed = health.wait_for(|health| *health == Health::Closed);
        tokio::select! {
            biased;
            answer = answer => answer.unwrap_or(Err(Error::Closed)).map(Some),
            _ = closed => Err(Error::Closed),
            () = tokio::time::sleep(wait.unwrap_or_default()) => Ok(None),
        }
    }

    fn try_or_park<T: Send + 'static>(
        &self,
        keys: &[Arc<str>],
        wait: Option<Duration>,
        attempt: Box<Try<T>>,
    ) -> Tried<T> {
        let mut locked = self.lock(keys);
        let found = attempt(&mut locked, Attempt::First);
        locked.serve_waiters();
        if found.is_some() || wait.is_none() {
            return Tried::Answered(found.transpose());
        }
        let (reader, answer) = oneshot::channel();
        let id = self.next_wait();
        let waiter = Arc::new(Parked { id, attempt, reader: Mutex::new(Some(reader)) });
        for key in keys {
            locked.park(DB, key.as_bytes(), Arc::<Parked<T>>::clone(&waiter));
        }
        let place = Place { engine: Arc::clone(&self.engine), keys: keys.to_vec(), id };
        Tried::Parked { answer, parked: place }
    }
}

/// What came of the first attempt.
enum Tried<T> {
    Answered(Result<Option<T>, Error>),
    Parked { answer: oneshot::Receiver<Result<T, Error>>, parked: Place },
}

impl<T: Send + 'static> Waiter for Parked<T> {
    fn id(&self) -> u64 {
        self.id
    }

    fn serve(&self, keys: &mut Locked<'_>, _db: u8, _key: &[u8]) -> Service {
        let mut reader = self.reader.lock();
        if reader.as_ref().is_none_or(oneshot::Sender::is_closed) {
            return Service::Done;
        }
        let Some(answer) = (self.attempt)(keys, Attempt::Again) else { return Service::Waiting };
        // A reader that has gone meanwhile is as one whose answer was lost on the way.
        let _sent = reader.take().map(|reader| reader.send(answer).is_ok());
        Service::Done
    }

    fn watches_absence(&self) -> bool {
        true
    }
}

impl<T> fmt::Debug for Parked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parked").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The place of a waiting read in the engine, given up when it is dropped.
struct Place {
    engine: Arc<Engine>,
    keys: Vec<Arc<str>>,
    id: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        for key in &self.keys {
            let key = key.as_bytes();
            let shard = ShardSet::of(self.engine.hash(key));
            let mut locked = self.engine.lock(shard, self.engine.clock().now_ms());
            locked.unpark(DB, key, self.id);
        }
    }
}

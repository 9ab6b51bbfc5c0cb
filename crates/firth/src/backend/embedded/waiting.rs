//! Reads that wait.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use firth_engine::{Engine, Locked, Service, ShardSet, Waiter};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::home::{Ran, checked, run};
use super::{Access, DB, Embedded};
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
    reader: Mutex<Option<oneshot::Sender<Ran<T>>>>,
}

impl Embedded {
    /// Runs a read, and waits if it finds nothing. `None`: the time is up.
    pub(super) async fn run_waiting<T: Send + 'static>(
        &self,
        access: Access,
        wait: Wait<T>,
    ) -> Result<Option<T>, Error> {
        let mut health = self.health.subscribe();
        let home = self.home()?;
        if access == Access::Changes && !home.admits() {
            home.admit().await?;
        }
        let Wait { keys, wait, attempt } = wait;
        let (answer, place) =
            match try_or_park(home.engine(), &keys, wait, attempt, self.next_wait()) {
                Tried::Answered(ran) => {
                    home.settle(ran.lsn).await?;
                    return ran.result;
                }
                Tried::Parked { answer, place } => (answer, place),
            };
        // Given up with this future, wherever it ends.
        let _place = place;
        let closed = health.wait_for(|health| *health == Health::Closed);
        let ran = tokio::select! {
            biased;
            answer = answer => answer.map_err(|_| Error::Closed)?,
            _ = closed => return Err(Error::Closed),
            () = tokio::time::sleep(wait.unwrap_or_default()) => return Ok(None),
        };
        home.settle(ran.lsn).await?;
        ran.result.map(Some)
    }
}

fn try_or_park<T: Send + 'static>(
    engine: &Arc<Engine>,
    keys: &[Arc<str>],
    wait: Option<Duration>,
    attempt: Box<Try<T>>,
    id: u64,
) -> Tried<T> {
    let mut parked = None;
    let ran = run(engine, keys, |locked| {
        let found = attempt(locked, Attempt::First).transpose();
        if wait.is_some() && matches!(found, Ok(None)) {
            let (reader, answer) = oneshot::channel();
            let waiter = Arc::new(Parked { id, attempt, reader: Mutex::new(Some(reader)) });
            for key in keys {
                locked.park(DB, key.as_bytes(), Arc::<Parked<T>>::clone(&waiter));
            }
            let place = Place { engine: Arc::clone(engine), keys: keys.to_vec(), id };
            parked = Some((answer, place));
        }
        found
    });
    match (parked, &ran.result) {
        // A block that could not be read looks like nothing at first.
        (Some((answer, place)), Ok(_)) => Tried::Parked { answer, place },
        _ => Tried::Answered(ran),
    }
}

/// What came of the first attempt.
enum Tried<T> {
    Answered(Ran<Option<T>>),
    Parked { answer: oneshot::Receiver<Ran<T>>, place: Place },
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
        let found = (self.attempt)(keys, Attempt::Again).transpose();
        let result = match checked(keys, found) {
            Ok(None) => return Service::Waiting,
            Ok(Some(found)) => Ok(found),
            Err(error) => Err(error),
        };
        let ran = Ran { result, lsn: keys.lsn() };
        // A reader that has gone meanwhile is as one whose answer was lost on the way.
        let _sent = reader.take().map(|reader| reader.send(ran).is_ok());
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

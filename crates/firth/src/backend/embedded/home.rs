//! An open engine, the thread that keeps its folder, and the waiting for its disk.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use firth_engine::{
    AppendError, Clock, Durability, Engine, FileDisk, Locked, LogState, Lsn, OpenError, Options,
    Pace, ShardSet,
};
use tokio::sync::watch;

use super::retention;
use crate::{Effect, Error, Fault};

/// How long the keeper sleeps at most before it looks again whether there is something to do.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// An open engine.
pub(super) struct Home {
    engine: Arc<Engine>,
    /// Changes whenever the log has got on; says why it has failed, if it has.
    log: watch::Sender<Option<Arc<str>>>,
    keeping: Option<Keeping>,
}

/// What came of a request, and the position of the log that must be settled before anybody is told.
pub(super) struct Ran<T> {
    pub(super) result: Result<T, Error>,
    pub(super) lsn: Lsn,
}

impl Home {
    /// Opens an engine: on a folder, or in memory alone.
    pub(super) fn open(
        folder: Option<&Path>,
        durability: Durability,
        seed: u64,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Home>, Error> {
        let mut options = Options::new();
        options.folder = folder.map(Path::to_owned);
        options.durability = durability;
        options.seed = seed;
        let opened = Engine::open(&options, clock, Arc::new(FileDisk));
        let (engine, _) = opened.map_err(|error| cannot_open(&error))?;
        let engine = Arc::new(engine);
        let log = watch::Sender::new(None);
        if let Some(storage) = engine.storage() {
            let progress = log.clone();
            storage.log().on_durable(move |_, state| {
                progress.send_modify(|failed| {
                    if let LogState::Poisoned(failure) = state {
                        *failed = Some(failure.to_string().into());
                    }
                });
            });
        }
        let keeping = folder.map(|_| Keeping::start(&engine)).transpose()?;
        Ok(Arc::new(Home { engine, log, keeping }))
    }

    pub(super) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Says whether changes may be made now.
    pub(super) fn admits(&self) -> bool {
        self.engine.journal().admits()
    }

    /// Waits until changes may be made.
    pub(super) async fn admit(&self) -> Result<(), Error> {
        let engine = Arc::clone(&self.engine);
        let admitted = tokio::task::spawn_blocking(move || engine.journal().admit()).await;
        match admitted {
            Ok(Ok(())) => Ok(()),
            Ok(Err(AppendError::Closed)) | Err(_) => Err(Error::Closed),
            Ok(Err(error)) => {
                let message = error.to_string().into();
                Err(Error::Server { fault: Fault::Resources, message })
            }
        }
    }

    /// Says whether what was done up to this position may be told.
    pub(super) fn is_settled(&self, lsn: Lsn) -> bool {
        lsn <= self.engine.journal().settled()
    }

    /// Waits until what was done up to this position may be told.
    pub(super) async fn settle(&self, lsn: Lsn) -> Result<(), Error> {
        let Some(storage) = self.engine.storage() else { return Ok(()) };
        if lsn > storage.log().written() {
            storage.log().commit();
        }
        let mut log = self.log.subscribe();
        let over = |failed: &Option<Arc<str>>| failed.is_some() || self.is_settled(lsn);
        let failed = log.wait_for(over).await.map_err(|_| Error::Closed)?.clone();
        if self.is_settled(lsn) {
            return Ok(());
        }
        let reason = failed.unwrap_or_else(|| "the log has failed".into());
        Err(Error::Unavailable { reason, effect: Effect::Unknown })
    }

    /// Closes the log: all that was changed is on the disk then. Nobody waits here for long.
    pub(super) fn close(&self) -> Result<(), Error> {
        if let Some(keeping) = &self.keeping {
            keeping.stop();
        }
        let Some(storage) = self.engine.storage() else { return Ok(()) };
        let closed = storage.log().close();
        closed.map_err(|error| Error::unavailable(&error, Effect::Unknown))
    }
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Home").finish_non_exhaustive()
    }
}

/// Runs a request on the shards of its keys, and serves those who wait for what it has brought.
pub(super) fn run<'k, T>(
    engine: &Engine,
    keys: impl IntoIterator<Item = &'k Arc<str>>,
    request: impl FnOnce(&mut Locked<'_>) -> Result<T, Error>,
) -> Ran<T> {
    let mut shards = ShardSet::NONE;
    for key in keys {
        shards.add(ShardSet::of(engine.hash(key.as_bytes())));
    }
    let mut locked = engine.lock(shards, engine.clock().now_ms());
    retention::observe(engine, &mut locked);
    let result = request(&mut locked);
    let result = checked(&mut locked, result);
    locked.serve_waiters();
    Ran { result, lsn: locked.lsn() }
}

/// Takes a result for an error if a block of a stream could not be read for it.
pub(super) fn checked<T>(keys: &mut Locked<'_>, result: Result<T, Error>) -> Result<T, Error> {
    match keys.take_read_failure() {
        None => result,
        Some(failure) => {
            let message = failure.to_string().into();
            Err(Error::Server { fault: Fault::Resources, message })
        }
    }
}

fn cannot_open(error: &OpenError) -> Error {
    let message = match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    Error::Server { fault: Fault::Resources, message: message.into() }
}

/// The thread that keeps a data folder, until it is stopped or dropped.
struct Keeping {
    engine: Arc<Engine>,
    is_stopping: Arc<AtomicBool>,
    thread: parking_lot::Mutex<Option<JoinHandle<()>>>,
}

impl Keeping {
    fn start(engine: &Arc<Engine>) -> Result<Keeping, Error> {
        let is_stopping = Arc::new(AtomicBool::new(false));
        let (theirs, stopping) = (Arc::clone(engine), Arc::clone(&is_stopping));
        let thread = thread::Builder::new().name("firth-keeper".to_owned()).spawn(move || {
            while !stopping.load(Ordering::Acquire) {
                if theirs.keep() == Pace::Idle {
                    retention::observe_all(&theirs);
                    theirs.await_keeping(LOOK_EVERY);
                }
            }
        });
        let thread = thread.map_err(|error| {
            let message = format!("no thread for the keeper: {error}").into();
            Error::Server { fault: Fault::Resources, message }
        })?;
        let thread = parking_lot::Mutex::new(Some(thread));
        Ok(Keeping { engine: Arc::clone(engine), is_stopping, thread })
    }

    fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
        self.engine.ring_keeper();
        if self.thread.lock().take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the keeper has panicked");
        }
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        self.stop();
    }
}

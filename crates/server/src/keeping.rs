//! The thread that keeps the data folder: checkpoints and whatever else no command waits for.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use firth_engine::{Pace, Saves};

use crate::server::Server;

/// How long the thread sleeps at most before it looks again whether there is something to do.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A thread that keeps, until it is dropped.
#[derive(Debug)]
pub struct Keeping {
    server: Arc<Server>,
    is_stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Keeping {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system refuses.
    pub fn start(server: &Arc<Server>) -> io::Result<Keeping> {
        let is_stopping = Arc::new(AtomicBool::new(false));
        let (theirs, stopping) = (Arc::clone(server), Arc::clone(&is_stopping));
        let thread = thread::Builder::new().name("firth-keeper".to_owned());
        let thread = thread.spawn(move || {
            let (mut told, mut was_backing_up) = (Saves::default(), false);
            while !stopping.load(Ordering::Acquire) {
                was_backing_up |= theirs.engine.backups().running.is_some();
                if theirs.engine.keep() == Pace::Idle {
                    tell(&theirs, &mut told);
                    tell_of_backup(&theirs, &mut was_backing_up);
                    theirs.engine.await_keeping(LOOK_EVERY);
                }
            }
        })?;
        Ok(Keeping { server: Arc::clone(server), is_stopping, thread: Some(thread) })
    }
}

/// Logs what became of the last checkpoint, once.
fn tell(server: &Server, told: &mut Saves) {
    let now = server.engine.saves();
    if now.made != told.made {
        let took_ms = now.last_took_ms.unwrap_or_default();
        tracing::info!("a checkpoint of {} bytes was made in {took_ms} ms", now.bytes);
    }
    if let Some(error) = now.last_error.as_ref().filter(|_| now.failed != told.failed) {
        tracing::error!("no checkpoint could be made: {error}");
    }
    *told = now;
}

/// Logs what became of the last backup, once.
fn tell_of_backup(server: &Server, was_running: &mut bool) {
    let backups = server.engine.backups();
    let is_running = backups.running.is_some();
    match backups.last {
        Some(Ok(path)) if *was_running && !is_running => {
            tracing::info!("a backup was made: {}", path.display());
        }
        Some(Err(error)) if *was_running && !is_running => {
            tracing::error!("no backup could be made: {error}");
        }
        _ => {}
    }
    *was_running = is_running;
}

impl Drop for Keeping {
    fn drop(&mut self) {
        self.is_stopping.store(true, Ordering::Release);
        self.server.engine.ring_keeper();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the keeper has panicked");
        }
    }
}

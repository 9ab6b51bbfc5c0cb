//! A delivery that runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

use crate::Error;
use crate::running::Running;

/// What a delivery has done since it was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LaterStats {
    /// Messages that were added to the stream. One whose answer was lost is not counted.
    pub delivered: u64,
    /// Messages that wait, as far as is known; 0 while somebody else delivers.
    pub waiting: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) delivered: AtomicU64,
    pub(super) waiting: AtomicU64,
}

/// A delivery that runs, until it is stopped. Dropping this stops it in the background.
#[derive(Debug)]
pub struct RunningLater(Running<Counters>);

impl RunningLater {
    pub(super) fn start<F>(work: impl FnOnce(Arc<Counters>, watch::Receiver<bool>) -> F) -> Self
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        RunningLater(Running::start(work))
    }

    /// Returns what was done so far.
    pub fn stats(&self) -> LaterStats {
        let counters = self.0.counters();
        LaterStats {
            delivered: counters.delivered.load(Ordering::Relaxed),
            waiting: counters.waiting.load(Ordering::Relaxed),
        }
    }

    /// Stops to deliver, and lets others have the turn at once.
    ///
    /// # Errors
    /// What has ended it before: its broker was closed, it lacks a permission, or the stream is something
    /// else. That the backend is away it bears.
    pub async fn stop(mut self) -> Result<LaterStats, Error> {
        self.0.tell_to_stop();
        self.ended().await
    }

    /// Waits until it has ended, which it does by itself only when something is wrong.
    ///
    /// # Errors
    /// As for [`stop`](RunningLater::stop).
    pub async fn ended(&mut self) -> Result<LaterStats, Error> {
        self.0.ended().await?;
        Ok(self.stats())
    }
}

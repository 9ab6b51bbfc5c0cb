//! A worker that runs.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::WorkerStats;
use super::counters::Counters;
use crate::Error;

/// A worker that runs, until it is stopped. Dropping this stops it as [`stop`](RunningWorker::stop)
/// does, in the background.
#[derive(Debug)]
pub struct RunningWorker {
    stopping: watch::Sender<bool>,
    counters: Arc<Counters>,
    task: JoinHandle<Result<(), Error>>,
}

impl RunningWorker {
    pub(super) fn start<F>(work: impl FnOnce(Arc<Counters>, watch::Receiver<bool>) -> F) -> Self
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let (stopping, stopped) = watch::channel(false);
        let counters = Arc::<Counters>::default();
        let task = tokio::spawn(work(Arc::clone(&counters), stopped));
        RunningWorker { stopping, counters, task }
    }

    /// Returns what the worker has done so far.
    pub fn stats(&self) -> WorkerStats {
        self.counters.read()
    }

    /// Stops the worker: it takes nothing more, waits for its handlers as long as its
    /// [`grace`](super::Worker::grace) allows, acknowledges what is done and hands back what is not.
    ///
    /// # Errors
    /// What has ended the worker before: its broker was closed, it lacks a permission, its stream is
    /// something else. Everything else it bears.
    pub async fn stop(mut self) -> Result<WorkerStats, Error> {
        self.stopping.send_replace(true);
        self.ended().await
    }

    /// Waits until the worker has ended, which it does by itself only when something is wrong.
    ///
    /// # Errors
    /// As for [`stop`](RunningWorker::stop).
    pub async fn ended(&mut self) -> Result<WorkerStats, Error> {
        // The task ends early only with its runtime.
        (&mut self.task).await.unwrap_or(Err(Error::Closed))?;
        Ok(self.counters.read())
    }
}

impl Drop for RunningWorker {
    fn drop(&mut self) {
        self.stopping.send_replace(true);
    }
}

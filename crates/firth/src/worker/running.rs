//! A worker that runs.

use std::sync::Arc;

use tokio::sync::watch;

use super::WorkerStats;
use super::counters::Counters;
use crate::Error;
use crate::backend::Backend;
use crate::group::{self, Lag};
use crate::running::Running;

/// A worker that runs, until it is stopped. Dropping this stops it as [`stop`](RunningWorker::stop)
/// does, in the background.
#[derive(Debug)]
pub struct RunningWorker {
    running: Running<Counters>,
    place: Place,
}

/// What a worker works on.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) backend: Arc<dyn Backend>,
    pub(super) stream: Arc<str>,
    pub(super) group: Arc<str>,
}

impl RunningWorker {
    pub(super) fn start<F>(
        place: Place,
        work: impl FnOnce(Arc<Counters>, watch::Receiver<bool>) -> F,
    ) -> Self
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        RunningWorker { running: Running::start(work), place }
    }

    /// Returns what the worker has done so far.
    pub fn stats(&self) -> WorkerStats {
        self.running.counters().read()
    }

    /// Returns how far the worker's group is behind; asks the backend, as
    /// [`Group::lag`](crate::group::Group::lag) does.
    ///
    /// # Errors
    /// There is no such group, or the backend does not answer.
    pub async fn lag(&self) -> Result<Lag, Error> {
        let Place { backend, stream, group } = &self.place;
        group::lag(&**backend, stream, group).await
    }

    /// Stops the worker: it takes nothing more, waits for its handlers as long as its
    /// [`grace`](super::Worker::grace) allows, acknowledges what is done and hands back what is not.
    ///
    /// # Errors
    /// What has ended the worker before: its broker was closed, it lacks a permission, its stream is
    /// something else. Everything else it bears.
    pub async fn stop(mut self) -> Result<WorkerStats, Error> {
        self.running.tell_to_stop();
        self.ended().await
    }

    /// Waits until the worker has ended, which it does by itself only when something is wrong.
    ///
    /// # Errors
    /// As for [`stop`](RunningWorker::stop).
    pub async fn ended(&mut self) -> Result<WorkerStats, Error> {
        self.running.ended().await?;
        Ok(self.stats())
    }
}

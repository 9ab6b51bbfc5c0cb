//! A task that works until it is told to stop.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Error;

/// A task that works until it is told to stop. Dropping this tells it so.
#[derive(Debug)]
pub(crate) struct Running<C> {
    stopping: watch::Sender<bool>,
    counters: Arc<C>,
    task: JoinHandle<Result<(), Error>>,
}

impl<C: Default> Running<C> {
    /// Starts it on the runtime of the caller.
    pub(crate) fn start<F>(work: impl FnOnce(Arc<C>, watch::Receiver<bool>) -> F) -> Self
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let (stopping, stopped) = watch::channel(false);
        let counters = Arc::<C>::default();
        let task = tokio::spawn(work(Arc::clone(&counters), stopped));
        Running { stopping, counters, task }
    }
}

impl<C> Running<C> {
    /// Returns what it counts.
    pub(crate) fn counters(&self) -> &C {
        &self.counters
    }

    /// Tells it to stop.
    pub(crate) fn tell_to_stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Waits until it has ended. Cancel-safe.
    pub(crate) async fn ended(&mut self) -> Result<(), Error> {
        // The task ends early only with its runtime.
        (&mut self.task).await.unwrap_or(Err(Error::Closed))
    }
}

impl<C> Drop for Running<C> {
    fn drop(&mut self) {
        self.tell_to_stop();
    }
}

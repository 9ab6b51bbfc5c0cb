//! The broker behind the gateway, once it can be reached.
//!
//! The gateway listens before its backend answers, so that whoever watches it sees that it lives and is not ready.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use firth::{Backoff, Broker, Error, Health};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::admission::Refused;

/// How long the question whether it is ready waits for the backend.
const READY_TIME_MAX: Duration = Duration::from_secs(1);

/// How long a request of a client waits for the backend.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// The broker behind the gateway, once it can be reached. Cloning it is cheap.
#[derive(Clone, Debug)]
pub(crate) struct BackendCell {
    found: watch::Receiver<Option<Broker>>,
    /// Raised when somebody needs it.
    needed: Arc<Notify>,
}

impl BackendCell {
    /// Takes a broker that is there already.
    pub(crate) fn of(broker: Broker) -> Self {
        // The value stays when the sender is gone.
        BackendCell { found: watch::channel(Some(broker)).1, needed: Arc::default() }
    }

    /// Connects, and goes on trying if that fails.
    ///
    /// # Errors
    /// The address is wrong.
    pub(crate) async fn connect(address: &str) -> Result<Self, Error> {
        match Broker::connect(address).await {
            Ok(broker) => Ok(BackendCell::of(broker)),
            Err(
                error @ (Error::Address { .. } | Error::Refused(_) | Error::Unsupported { .. }),
            ) => Err(error),
            Err(error) => {
                tracing::warn!(%error, "the gateway's backend cannot be reached, trying again");
                let backend = BackendCell::connect_when_needed(address);
                backend.needed.notify_one();
                Ok(backend)
            }
        }
    }

    /// Connects as soon as somebody needs it.
    pub(crate) fn connect_when_needed(address: &str) -> Self {
        let (sender, found) = watch::channel(None);
        let needed = Arc::new(Notify::new());
        tokio::spawn(keep_connecting(address.to_owned(), sender, Arc::clone(&needed)));
        BackendCell { found, needed }
    }

    /// Returns the broker, and waits for it.
    pub(crate) async fn broker(&self) -> Result<Broker, Error> {
        self.needed.notify_one();
        let mut found = self.found.clone();
        let found = found.wait_for(Option::is_some).await.map_err(|_| Error::Closed)?;
        found.clone().ok_or(Error::Closed)
    }

    /// Returns the broker, and waits for it as long as a client may be kept waiting.
    pub(crate) async fn broker_soon(&self) -> Result<Broker, Refused> {
        soon(self.broker()).await
    }

    /// Returns the broker if it was ever reached.
    pub(crate) fn now(&self) -> Option<Broker> {
        self.found.borrow().clone()
    }

    /// Says whether requests are answered, as far as is known without asking.
    pub(crate) fn is_up(&self) -> bool {
        self.now().is_some_and(|broker| broker.health().now() == Health::Connected)
    }

    /// Says whether requests are answered, and connects if nobody has needed that before.
    pub(crate) async fn is_ready(&self) -> bool {
        let broker = timeout(READY_TIME_MAX, self.broker()).await;
        broker.is_ok_and(|broker| {
            broker.is_ok_and(|broker| broker.health().now() == Health::Connected)
        })
    }
}

/// Waits for the backend as long as a client may be kept waiting.
pub(crate) async fn soon<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Refused> {
    match timeout(WAIT_MAX, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => {
            let text = "the backend cannot be reached";
            Err(Refused::new(StatusCode::SERVICE_UNAVAILABLE, text))
        }
    }
}

async fn keep_connecting(
    address: String,
    sender: watch::Sender<Option<Broker>>,
    needed: Arc<Notify>,
) {
    tokio::select! {
        () = needed.notified() => {}
        () = sender.closed() => return,
    }
    for attempts in 0.. {
        match Broker::connect(&address).await {
            Ok(broker) => {
                sender.send_replace(Some(broker));
                return;
            }
            Err(error) if attempts == 0 => {
                tracing::warn!(%error, "the gateway's backend cannot be reached, trying again");
            }
            Err(error) => tracing::debug!(%error, "the gateway's backend"),
        }
        tokio::select! {
            () = tokio::time::sleep(pauses().pause(attempts)) => {}
            () = sender.closed() => return,
        }
    }
}

/// Returns how long is waited before the backend is tried again.
pub(crate) fn pauses() -> Backoff {
    Backoff::exponential(Duration::from_millis(100)).max(Duration::from_secs(3))
}

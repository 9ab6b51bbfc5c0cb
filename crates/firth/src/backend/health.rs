//! How the connection of a backend is.

use std::sync::Arc;

use tokio::sync::watch;

/// How the connection of a backend is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// Requests are answered.
    Connected,
    /// The connection is lost and is being restored, with growing pauses between the attempts.
    Connecting {
        /// How many attempts have failed.
        attempts: u32,
        /// Why the last one did, or why the connection was lost.
        reason: Arc<str>,
    },
    /// The broker was closed.
    Closed,
}

/// Sees how the connection is, now and from now on.
#[derive(Clone, Debug)]
pub struct HealthWatch(watch::Receiver<Health>);

impl HealthWatch {
    /// Makes a watch of what a backend sends.
    pub fn new(receiver: watch::Receiver<Health>) -> Self {
        HealthWatch(receiver)
    }

    /// Returns how it is now.
    pub fn now(&self) -> Health {
        self.0.borrow().clone()
    }

    /// Waits until it is no longer what was last seen by this method, and returns what it is then.
    /// `None` once the broker is gone. Cancel-safe.
    pub async fn changed(&mut self) -> Option<Health> {
        self.0.changed().await.ok()?;
        Some(self.0.borrow_and_update().clone())
    }

    /// Waits until requests are answered; `false` if the broker is closed instead. Cancel-safe.
    pub async fn connected(&mut self) -> bool {
        let is_settled = |health: &Health| !matches!(health, Health::Connecting { .. });
        let settled = self.0.wait_for(is_settled).await;
        settled.is_ok_and(|health| *health == Health::Connected)
    }
}

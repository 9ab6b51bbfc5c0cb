//! How all connections of a broker are, taken together.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::backend::{Health, HealthWatch};

/// Takes the states of single connections together: the broker is connected when none is lost.
#[derive(Debug)]
pub(super) struct Gauge {
    lost: Mutex<Lost>,
    health: watch::Sender<Health>,
}

/// The lost connections, each with how many attempts have failed, and why.
type Lost = HashMap<Arc<str>, (u32, Arc<str>)>;

impl Gauge {
    pub(super) fn new() -> Arc<Self> {
        let health = watch::Sender::new(Health::Connected);
        Arc::new(Gauge { lost: Mutex::default(), health })
    }

    /// Notes that a connection is lost, after so many attempts to restore it.
    pub(super) fn lost(&self, connection: &Arc<str>, attempts: u32, reason: &str) {
        let mut lost = self.lost.lock();
        lost.insert(Arc::clone(connection), (attempts, reason.into()));
        self.show(&lost);
    }

    /// Notes that a connection is there, or is not needed any more.
    pub(super) fn restored(&self, connection: &Arc<str>) {
        let mut lost = self.lost.lock();
        lost.remove(connection);
        self.show(&lost);
    }

    /// Notes that the broker is closed, for good.
    pub(super) fn close(&self) {
        self.health.send_replace(Health::Closed);
    }

    pub(super) fn is_closed(&self) -> bool {
        *self.health.borrow() == Health::Closed
    }

    /// Waits until the broker is closed.
    pub(super) async fn closed(&self) {
        let mut health = self.health.subscribe();
        // An error means that the gauge is gone, which it is not while this runs.
        let _closed = health.wait_for(|health| *health == Health::Closed).await;
    }

    pub(super) fn watch(&self) -> HealthWatch {
        HealthWatch::new(self.health.subscribe())
    }

    fn show(&self, lost: &Lost) {
        let worst = lost.values().max_by_key(|(attempts, _)| *attempts);
        let now = worst.map_or(Health::Connected, |(attempts, reason)| Health::Connecting {
            attempts: *attempts,
            reason: Arc::clone(reason),
        });
        self.health.send_if_modified(|health| {
            let is_news = *health != Health::Closed && *health != now;
            if is_news {
                *health = now;
            }
            is_news
        });
    }
}

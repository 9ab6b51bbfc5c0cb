//! How a worker works.

use std::sync::Arc;
use std::time::Duration;

use crate::backend::Start;
use crate::{Backoff, chance};

/// How a worker works.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) group: Arc<str>,
    pub(super) consumer: Arc<str>,
    pub(super) dead_letters: Arc<str>,
    pub(super) concurrency: usize,
    pub(super) backoff: Backoff,
    pub(super) max_deliveries: u64,
    pub(super) lease: Duration,
    /// After what idleness a consumer with nothing pending is removed.
    pub(super) forget_after: Duration,
    pub(super) time_limit: Option<Duration>,
    pub(super) start: Start,
    pub(super) grace: Duration,
    /// Whether entries of one key are handled one at a time.
    pub(super) is_ordered: bool,
    /// How many entries may be held back by others of their key before no more are taken.
    pub(super) held_back_max: usize,
    /// How long one read waits. A worker that stops waits for the read that is under way, so that
    /// nothing is delivered to somebody who has gone.
    pub(super) wait: Duration,
}

impl Settings {
    pub(super) fn new(group: Arc<str>, dead_letters: Arc<str>) -> Self {
        Settings {
            group,
            consumer: format!("worker-{}", chance::name()).into(),
            dead_letters,
            concurrency: 1,
            backoff: Backoff::exponential(Duration::from_secs(1)),
            max_deliveries: 5,
            lease: Duration::from_secs(30),
            forget_after: Duration::from_secs(86_400),
            time_limit: None,
            start: Start::Beginning,
            grace: Duration::from_secs(30),
            is_ordered: false,
            held_back_max: 1000,
            wait: Duration::from_secs(1),
        }
    }
}

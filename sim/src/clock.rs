//! Time that stands still until the simulation moves it.

use std::sync::atomic::{AtomicU64, Ordering};

use firth_engine::Clock;

/// A wall clock that may jump, and a monotonic one that does not.
#[derive(Debug)]
pub(crate) struct SimClock {
    wall_us: AtomicU64,
    monotonic_ns: AtomicU64,
}

impl SimClock {
    pub(crate) fn at_ms(wall_ms: u64) -> Self {
        SimClock { wall_us: AtomicU64::new(wall_ms * 1000), monotonic_ns: AtomicU64::new(0) }
    }

    /// Lets time pass.
    pub(crate) fn advance_us(&self, us: u64) {
        self.wall_us.fetch_add(us, Ordering::Relaxed);
        self.monotonic_ns.fetch_add(us * 1000, Ordering::Relaxed);
    }

    /// Sets the wall clock forward or back, while the monotonic one goes on.
    pub(crate) fn jump_ms(&self, ms: i64) {
        let now_us = self.wall_us.load(Ordering::Relaxed);
        self.wall_us.store(now_us.saturating_add_signed(ms * 1000), Ordering::Relaxed);
    }
}

impl Clock for SimClock {
    fn now_us(&self) -> u64 {
        self.wall_us.load(Ordering::Relaxed)
    }

    fn monotonic_ns(&self) -> u64 {
        self.monotonic_ns.load(Ordering::Relaxed)
    }
}

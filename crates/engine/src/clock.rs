//! Where time comes from.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The wall clock that the engine is handed.
///
/// It may jump in either direction; ids never go backwards because a stream remembers its last one.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Returns the milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64 {
        self.now_us() / 1000
    }

    /// Returns the microseconds since the Unix epoch.
    fn now_us(&self) -> u64;

    /// Returns the nanoseconds since some moment, which never go backwards: for time-outs.
    fn monotonic_ns(&self) -> u64;

    /// Returns the milliseconds since that moment.
    fn monotonic_ms(&self) -> u64 {
        self.monotonic_ns() / 1_000_000
    }
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now_us(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn monotonic_ns(&self) -> u64 {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// A clock that stands still until it is told otherwise.
#[derive(Debug, Default)]
pub struct ManualClock {
    now_us: AtomicU64,
}

impl ManualClock {
    /// Returns a clock that stands at this time.
    pub fn at_ms(now_ms: u64) -> Self {
        ManualClock { now_us: AtomicU64::new(now_ms * 1000) }
    }

    /// Moves the clock to this time, forwards or backwards.
    pub fn set_ms(&self, now_ms: u64) {
        self.now_us.store(now_ms * 1000, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now_us(&self) -> u64 {
        self.now_us.load(Ordering::Relaxed)
    }

    fn monotonic_ns(&self) -> u64 {
        self.now_us() * 1000
    }
}

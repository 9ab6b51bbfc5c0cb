//! The wall clock. This is the one place of the crate that reads it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Returns the Unix time in milliseconds.
pub(crate) fn now_ms() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    let now = SystemTime::now();
    millis(now.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// Returns whole milliseconds, as many as fit.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A clock for the engine that goes as Tokio's does: when that is paused, it stands until it is moved.
#[cfg(all(feature = "embedded", feature = "test-kit"))]
#[derive(Debug)]
pub(crate) struct TokioClock {
    begun: tokio::time::Instant,
}

#[cfg(all(feature = "embedded", feature = "test-kit"))]
impl TokioClock {
    /// The first moment: 2026-01-01 00:00 UTC, always the same, so that ids are.
    const BEGUN: Duration = Duration::from_secs(1_767_225_600);

    /// Returns a clock that begins now.
    pub(crate) fn new() -> Self {
        TokioClock { begun: tokio::time::Instant::now() }
    }
}

#[cfg(all(feature = "embedded", feature = "test-kit"))]
impl firth_engine::Clock for TokioClock {
    fn now_us(&self) -> u64 {
        let now = TokioClock::BEGUN + self.begun.elapsed();
        u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
    }

    fn monotonic_ns(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

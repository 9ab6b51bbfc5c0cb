//! CLIENT PAUSE: commands that wait until a time.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Until when commands wait, and which.
#[derive(Debug, Default)]
pub struct Pause {
    until_ms: AtomicU64,
    writes_only: AtomicBool,
}

/// Which commands wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paused {
    /// All.
    All,
    /// Those that may change something.
    Writes,
}

impl Pause {
    /// Lets commands wait until a time of the monotonic clock, or longer if they do already.
    pub fn until(&self, until_ms: u64, which: Paused) {
        let is_paused = self.until_ms.fetch_max(until_ms, Ordering::Relaxed) > 0;
        if which == Paused::All || !is_paused {
            self.writes_only.store(which == Paused::Writes, Ordering::Relaxed);
        }
    }

    /// Lets commands run again.
    pub fn end(&self) {
        self.until_ms.store(0, Ordering::Relaxed);
    }

    /// Returns until when commands wait now, and which.
    #[inline]
    pub fn now(&self, monotonic_ms: u64) -> Option<(u64, Paused)> {
        let until_ms = self.until_ms.load(Ordering::Relaxed);
        if until_ms == 0 {
            return None;
        }
        if until_ms <= monotonic_ms {
            self.until_ms.compare_exchange(until_ms, 0, Ordering::Relaxed, Ordering::Relaxed).ok();
            return None;
        }
        let writes_only = self.writes_only.load(Ordering::Relaxed);
        Some((until_ms, if writes_only { Paused::Writes } else { Paused::All }))
    }
}

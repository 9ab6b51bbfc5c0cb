//! What has happened so far, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

/// What has happened so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Sockets and event streams that were opened.
    pub(crate) opened: Count,
    /// Connections that were refused: origin, token, or too many.
    pub(crate) refused: Count,
    /// Sockets that were closed because they did not keep up.
    pub(crate) slow: Count,
    /// Messages and entries that came from the backend.
    pub(crate) received: Count,
    /// Messages and entries that were put into the queue of a socket.
    pub(crate) delivered: Count,
    /// Messages from clients.
    pub(crate) requests: Count,
    /// Gaps that sockets were told of.
    pub(crate) gaps: Count,
}

impl Count {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

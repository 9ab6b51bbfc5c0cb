//! Counters that INFO shows.

use std::sync::atomic::{AtomicU64, Ordering};

/// A counter that one thread writes and others read.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to the counter. Only the thread that owns the counter may do so.
    #[inline]
    pub fn add(&self, count: u64) {
        self.0.store(self.get().wrapping_add(count), Ordering::Relaxed);
    }

    /// Returns the count.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Starts again from zero.
    pub fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// What one command has cost so far.
#[derive(Debug, Default)]
pub struct CommandStats {
    /// How often it ran.
    pub calls: Counter,
    /// For how long altogether, in nanoseconds.
    pub time_ns: Counter,
    /// How often it was refused before it ran.
    pub rejected: Counter,
    /// How often it answered with an error.
    pub failed: Counter,
}

/// The counters of one worker.
#[derive(Debug)]
pub struct WorkerStats {
    /// By the place of the command in the table.
    pub commands: Box<[CommandStats]>,
    /// Connections taken.
    pub connections: Counter,
    /// Bytes read from clients.
    pub received_bytes: Counter,
    /// Bytes sent to clients.
    pub sent_bytes: Counter,
    /// Error replies.
    pub errors: Counter,
    /// Connections closed because their output waited too long or grew too large.
    pub output_limit_closes: Counter,
}

impl WorkerStats {
    /// Returns counters for so many commands.
    pub fn new(commands: usize) -> Self {
        WorkerStats {
            commands: (0..commands).map(|_| CommandStats::default()).collect(),
            connections: Counter::default(),
            received_bytes: Counter::default(),
            sent_bytes: Counter::default(),
            errors: Counter::default(),
            output_limit_closes: Counter::default(),
        }
    }
}

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

/// How many lengths of time are told apart: up to some 9 minutes.
pub const TIMES: usize = 30;

/// What one command has cost so far.
#[derive(Debug, Default)]
pub struct CommandStats {
    /// How often it ran.
    pub calls: Counter,
    /// For how long altogether, in nanoseconds.
    pub time_ns: Counter,
    /// How often it took so long: place `n` counts what took less than `2^n` microseconds and was
    /// not counted before.
    pub times: [Counter; TIMES],
    /// How often it was refused before it ran.
    pub rejected: Counter,
    /// How often it answered with an error.
    pub failed: Counter,
}

impl CommandStats {
    /// Counts how long the command took once.
    #[inline]
    pub fn note_time(&self, took_ns: u64) {
        self.time_ns.add(took_ns);
        let place = (u64::BITS - (took_ns / 1000).leading_zeros()) as usize;
        if let Some(count) = self.times.get(place.min(TIMES - 1)) {
            count.add(1);
        }
    }

    /// Starts again from zero.
    pub fn reset(&self) {
        for counter in [&self.calls, &self.time_ns, &self.rejected, &self.failed] {
            counter.reset();
        }
        self.times.iter().for_each(Counter::reset);
    }
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
    /// Connections closed because too many of their requests waited.
    pub input_limit_closes: Counter,
    /// Connections closed because their output waited too long or grew too large.
    pub output_limit_closes: Counter,
}

impl WorkerStats {
    /// Starts again from zero.
    pub fn reset(&self) {
        self.commands.iter().for_each(CommandStats::reset);
        let WorkerStats { connections, received_bytes, sent_bytes, errors, .. } = self;
        let closes = [&self.input_limit_closes, &self.output_limit_closes];
        for counter in [connections, received_bytes, sent_bytes, errors].into_iter().chain(closes) {
            counter.reset();
        }
    }

    /// Returns counters for so many commands.
    pub fn new(commands: usize) -> Self {
        WorkerStats {
            commands: (0..commands).map(|_| CommandStats::default()).collect(),
            connections: Counter::default(),
            received_bytes: Counter::default(),
            sent_bytes: Counter::default(),
            errors: Counter::default(),
            input_limit_closes: Counter::default(),
            output_limit_closes: Counter::default(),
        }
    }
}

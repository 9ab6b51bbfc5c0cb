//! Paces one producer by what its readers have received: at most two batches are under way, so
//! that the server always has work and nothing piles up in its buffers.

use std::collections::VecDeque;
use std::time::Instant;

use super::measure::Tally;

/// Batches under way at most.
const BATCHES: usize = 2;

/// The producer's batches and how far they have come. Deliveries are counted over all readers
/// together: a batch is over when as many have arrived as it and all before it make.
#[derive(Debug)]
pub(super) struct Pace {
    /// Requests in a batch: the producer sends the next one when these are answered.
    in_flight: u64,
    readers: u64,
    answered: u64,
    delivered: u64,
    /// Batches sent in all, and when those under way were sent.
    sent: u64,
    starts: VecDeque<Instant>,
}

impl Pace {
    /// Starts with nothing sent.
    pub(super) fn new(in_flight: usize, readers: usize) -> Self {
        Self {
            in_flight: in_flight as u64,
            readers: readers as u64,
            answered: 0,
            delivered: 0,
            sent: 0,
            starts: VecDeque::new(),
        }
    }

    /// Notes replies to the producer.
    pub(super) fn answer(&mut self, replies: usize) {
        self.answered += replies as u64;
    }

    /// Notes deliveries; they are the operations of these loads.
    pub(super) fn deliver(&mut self, count: usize, tally: &mut Tally) {
        self.delivered += count as u64;
        tally.ops += count as u64;
        let batch = self.in_flight * self.readers;
        while let Some(start) = self.starts.front() {
            let oldest = self.sent - self.starts.len() as u64;
            if self.delivered < (oldest + 1) * batch {
                return;
            }
            tally.record_since(*start);
            self.starts.pop_front();
        }
    }

    /// Whether the producer shall send its next batch; if so, notes it as sent.
    pub(super) fn begins_batch(&mut self) -> bool {
        let begins = self.starts.len() < BATCHES && self.sent * self.in_flight <= self.answered;
        if begins {
            self.sent += 1;
            self.starts.push_back(Instant::now());
        }
        begins
    }
}

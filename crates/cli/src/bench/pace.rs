//! Paces one producer by what its readers have received, so that nothing piles up in the
//! server's buffers.

use std::collections::VecDeque;
use std::time::Instant;

use super::measure::Tally;

/// The producer's batches and how far they have come. Deliveries are counted over all readers
/// together: a batch is over when as many have arrived as it and all before it make.
#[derive(Debug)]
pub(super) struct Pace {
    /// Requests in a batch: the producer sends the next one when these are answered.
    in_flight: u64,
    readers: u64,
    batches_max: usize,
    answered: u64,
    delivered: u64,
    /// Batches sent in all, and when those under way were sent.
    sent: u64,
    starts: VecDeque<Instant>,
}

impl Pace {
    /// Starts with nothing sent. At most `batches_max` batches of `in_flight` requests will be
    /// under way to the readers: with one, all readers wait when a batch is sent; with two, the
    /// server always has work.
    pub(super) fn new(in_flight: usize, readers: usize, batches_max: usize) -> Self {
        Self {
            in_flight: in_flight as u64,
            readers: readers as u64,
            batches_max,
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
        let begins =
            self.starts.len() < self.batches_max && self.sent * self.in_flight <= self.answered;
        if begins {
            self.sent += 1;
            self.starts.push_back(Instant::now());
        }
        begins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_begins_when_the_last_is_answered_and_the_one_before_delivered() {
        let mut tally = Tally::new();
        let mut pace = Pace::new(2, 3, 2);
        assert!(pace.begins_batch());
        assert!(!pace.begins_batch(), "nothing is answered");
        pace.answer(1);
        assert!(!pace.begins_batch(), "half is answered");
        pace.answer(1);
        assert!(pace.begins_batch());
        pace.answer(2);
        pace.deliver(5, &mut tally);
        assert!(!pace.begins_batch(), "two batches are under way");
        pace.deliver(1, &mut tally);
        assert!(pace.begins_batch());
        assert_eq!((tally.ops, tally.latencies()), (6, 1));
    }

    #[test]
    fn with_one_batch_each_must_have_been_delivered() {
        let mut tally = Tally::new();
        let mut pace = Pace::new(1, 2, 1);
        assert!(pace.begins_batch());
        pace.answer(1);
        assert!(!pace.begins_batch());
        pace.deliver(2, &mut tally);
        assert!(pace.begins_batch());
    }
}

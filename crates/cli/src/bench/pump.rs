//! Closed-loop load: each connection sends a batch of requests, waits for all its replies, and
//! sends the next batch.

use std::time::Instant;

use anyhow::{Context as _, Result};

use super::measure::{Load, Tally};
use super::replies::Counter;
use super::wires::Wires;

/// What a pump sends, and what it makes of the replies.
pub(super) trait Script {
    /// Whether [`Script::done`] wants to see the replies, or only that they have come.
    const KEPT: Kept;

    /// Writes the next batch of connection `at` and returns how many replies it makes. `batch`
    /// still holds the last one: leave it to send the same again.
    fn write(&mut self, at: usize, batch: &mut Vec<u8>) -> usize;

    /// Takes the replies of a whole batch (empty unless kept) and returns how many operations
    /// that were.
    fn done(&mut self, at: usize, replies: &[u8]) -> Result<u64>;
}

/// Which bytes of the replies a script sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// None: replies are only counted.
    Nothing,
    /// All of them.
    Replies,
}

/// Runs a [`Script`] on all connections.
#[derive(Debug)]
pub(super) struct Pump<S> {
    script: S,
    lanes: Vec<Lane>,
}

/// One connection's batch under way.
#[derive(Debug)]
struct Lane {
    counter: Counter,
    batch: Vec<u8>,
    /// Replies that the batch makes, and those that have come.
    expected: usize,
    complete: usize,
    replies: Vec<u8>,
    sent_at: Instant,
}

impl<S: Script> Pump<S> {
    /// Makes a pump that has not begun.
    pub(super) fn new(script: S) -> Self {
        Self { script, lanes: Vec::new() }
    }

    fn send_next(&mut self, at: usize, wires: &mut Wires) -> Result<()> {
        let lane = self.lanes.get_mut(at).context("no such connection")?;
        lane.expected = self.script.write(at, &mut lane.batch);
        lane.complete = 0;
        lane.replies.clear();
        lane.sent_at = Instant::now();
        wires.send(at, &lane.batch)
    }
}

impl<S: Script> Load for Pump<S> {
    fn start(&mut self, wires: &mut Wires) -> Result<()> {
        for at in 0..wires.count() {
            self.lanes.push(Lane::new());
            self.send_next(at, wires)?;
        }
        Ok(())
    }

    fn receive(
        &mut self,
        at: usize,
        bytes: &[u8],
        wires: &mut Wires,
        tally: &mut Tally,
    ) -> Result<()> {
        let lane = self.lanes.get_mut(at).context("no such connection")?;
        lane.complete += lane.counter.feed(bytes)?;
        if S::KEPT == Kept::Replies {
            lane.replies.extend_from_slice(bytes);
        }
        if lane.complete < lane.expected {
            return Ok(());
        }
        tally.record_since(lane.sent_at);
        tally.ops += self.script.done(at, &lane.replies)?;
        self.send_next(at, wires)
    }
}

impl Lane {
    fn new() -> Self {
        Self {
            counter: Counter::default(),
            batch: Vec::new(),
            expected: 0,
            complete: 0,
            replies: Vec::new(),
            sent_at: Instant::now(),
        }
    }
}

/// Sends the same batch again and again; an operation is a reply.
#[derive(Debug)]
pub(super) struct Same {
    /// One request, encoded.
    request: Vec<u8>,
    in_flight: usize,
}

impl Same {
    /// Keeps `in_flight` copies of one encoded request in flight on each connection.
    pub(super) fn new(request: Vec<u8>, in_flight: usize) -> Self {
        Self { request, in_flight }
    }
}

impl Script for Same {
    const KEPT: Kept = Kept::Nothing;

    fn write(&mut self, _: usize, batch: &mut Vec<u8>) -> usize {
        if batch.is_empty() {
            *batch = self.request.repeat(self.in_flight);
        }
        self.in_flight
    }

    fn done(&mut self, _: usize, _: &[u8]) -> Result<u64> {
        Ok(self.in_flight as u64)
    }
}

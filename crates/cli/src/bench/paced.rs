//! Open-loop load: requests are sent when they are due, whether the last ones are answered or not,
//! and a latency counts from when the request was due. So a server that pauses is charged for every
//! request that falls into the pause, not only for those that it was asked before.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::measure::{Bed, Percentiles, Tally};
use super::replies::Counter;
use super::request::write_words;
use super::wires::{Poller, Receive, Wires};

/// Requests under way beyond which the server counts as too slow for the rate.
const BACKLOG_MAX: usize = 1_000_000;
/// How often it is asked whether a checkpoint has ended.
const ASK_EACH: Duration = Duration::from_millis(20);
/// Longest wait for one checkpoint to end.
const CHECKPOINT_LIMIT: Duration = Duration::from_secs(60);

/// A load at a fixed rate.
#[derive(Debug)]
pub(super) struct Paced {
    /// One request, encoded.
    pub(super) request: Vec<u8>,
    pub(super) connections: usize,
    pub(super) per_second: u32,
}

/// What a phase has shown.
#[derive(Debug)]
pub(super) struct Phase {
    pub(super) latencies: Percentiles,
    pub(super) per_second: f64,
    /// Checkpoints that have ended.
    pub(super) checkpoints: usize,
}

impl Paced {
    /// Runs for the measured time without a checkpoint, then for as long with one after the other
    /// and until the first has ended.
    pub(super) fn run(self, bed: &Bed<'_>) -> Result<(Phase, Phase)> {
        // The connection behind the last one asks for checkpoints.
        let mut poller = Poller::connect(bed.server.address, self.connections + 1)?;
        let mut lanes = Lanes::new(&self);
        self.phase(bed, &mut poller, &mut lanes, bed.measured / 4, Saving::No)?;
        let without = self.phase(bed, &mut poller, &mut lanes, bed.measured, Saving::No)?;
        let during = self.phase(bed, &mut poller, &mut lanes, bed.measured, Saving::Always)?;
        Ok((without, during))
    }

    fn phase(
        &self,
        bed: &Bed<'_>,
        poller: &mut Poller,
        lanes: &mut Lanes,
        span: Duration,
        saving: Saving,
    ) -> Result<Phase> {
        lanes.tally = Tally::new();
        lanes.control = Control::new(saving);
        let start = Instant::now();
        let mut sent = 0;
        loop {
            let elapsed = start.elapsed();
            let is_saved = saving == Saving::No || 0 < lanes.control.ended;
            if span <= elapsed && is_saved {
                break;
            }
            anyhow::ensure!(elapsed < span + CHECKPOINT_LIMIT, "a checkpoint does not end");
            bed.check_stop()?;
            let due = (elapsed.as_secs_f64() * f64::from(self.per_second)) as u64;
            while sent < due {
                let at = start + Duration::from_secs_f64(sent as f64 / f64::from(self.per_second));
                lanes.send(&self.request, at, &mut poller.wires)?;
                sent += 1;
            }
            anyhow::ensure!(lanes.backlog() < BACKLOG_MAX, "the server is too slow for this rate");
            lanes.control.ask(self.connections, &mut poller.wires)?;
            poller.turn(Duration::ZERO, lanes)?;
        }
        Ok(Phase {
            latencies: lanes.tally.percentiles(),
            per_second: lanes.tally.ops as f64 / start.elapsed().as_secs_f64(),
            checkpoints: lanes.control.ended,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Saving {
    No,
    Always,
}

/// All connections with what they wait for.
#[derive(Debug)]
struct Lanes {
    lanes: Vec<Lane>,
    next: usize,
    tally: Tally,
    control: Control,
}

#[derive(Debug, Default)]
struct Lane {
    counter: Counter,
    /// When the requests under way were due.
    due: VecDeque<Instant>,
}

impl Lanes {
    fn new(paced: &Paced) -> Self {
        let lanes = (0..paced.connections).map(|_| Lane::default()).collect();
        Self { lanes, next: 0, tally: Tally::new(), control: Control::new(Saving::No) }
    }

    fn send(&mut self, request: &[u8], due: Instant, wires: &mut Wires) -> Result<()> {
        let at = self.next;
        self.next = (at + 1) % self.lanes.len();
        self.lanes.get_mut(at).context("no such connection")?.due.push_back(due);
        wires.send(at, request)
    }

    fn backlog(&self) -> usize {
        self.lanes.iter().map(|lane| lane.due.len()).sum()
    }
}

impl Receive for Lanes {
    fn receive(&mut self, at: usize, bytes: &[u8], _: &mut Wires) -> Result<()> {
        let Some(lane) = self.lanes.get_mut(at) else { return self.control.receive(bytes) };
        for _ in 0..lane.counter.feed(bytes)? {
            let due = lane.due.pop_front().context("more replies than requests")?;
            self.tally.record_since(due);
            self.tally.ops += 1;
        }
        Ok(())
    }
}

/// Asks for checkpoints, and whether they have ended, without ever waiting.
#[derive(Debug)]
struct Control {
    saving: Saving,
    counter: Counter,
    reply: Vec<u8>,
    state: State,
    ended: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing is under way.
    Idle,
    /// BGSAVE waits for its reply.
    Begun,
    /// It runs; when it was last asked whether it still does.
    Runs(Instant),
    /// INFO waits for its reply.
    Asked,
}

impl Control {
    fn new(saving: Saving) -> Self {
        let counter = Counter::default();
        Self { saving, counter, reply: Vec::new(), state: State::Idle, ended: 0 }
    }

    fn ask(&mut self, at: usize, wires: &mut Wires) -> Result<()> {
        let mut request = Vec::new();
        match self.state {
            State::Idle if self.saving == Saving::Always => {
                write_words(&mut request, "BGSAVE");
                self.state = State::Begun;
            }
            State::Runs(since) if ASK_EACH <= since.elapsed() => {
                write_words(&mut request, "INFO persistence");
                self.state = State::Asked;
            }
            _ => return Ok(()),
        }
        wires.send(at, &request)
    }

    fn receive(&mut self, bytes: &[u8]) -> Result<()> {
        self.reply.extend_from_slice(bytes);
        if self.counter.feed(bytes)? == 0 {
            return Ok(());
        }
        let reply = String::from_utf8_lossy(&self.reply);
        let runs = self.state == State::Begun || reply.contains("rdb_bgsave_in_progress:1");
        self.ended += usize::from(!runs);
        self.state = if runs { State::Runs(Instant::now()) } else { State::Idle };
        self.reply.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_checkpoint_has_ended_when_info_says_so() {
        let mut control = Control::new(Saving::Always);
        control.state = State::Begun;
        control.receive(b"+Background saving started\r\n").unwrap();
        assert!(matches!(control.state, State::Runs(_)));
        control.state = State::Asked;
        control.receive(b"$24\r\nrdb_bgsave_in_pro").unwrap();
        control.receive(b"gress:1\r\n").unwrap();
        assert!(matches!(control.state, State::Runs(_)));
        control.state = State::Asked;
        control.receive(b"$24\r\nrdb_bgsave_in_progress:0\r\n").unwrap();
        assert_eq!((control.state, control.ended), (State::Idle, 1));
    }
}

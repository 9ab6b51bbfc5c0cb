//! One publisher, a hundred subscribers of its channel; an operation is a delivery, counted
//! where it arrives.

use anyhow::{Context as _, Result};

use super::stream::KEY;
use crate::bench::measure::{Bed, Figures, Load, Tally};
use crate::bench::pace::Pace;
use crate::bench::replies::Counter;
use crate::bench::request::write_words;
use crate::bench::wires::Wires;

const SUBSCRIBERS: usize = 100;
/// The connection behind the last subscriber publishes.
const PUBLISHER: usize = SUBSCRIBERS;

/// Publishes with `in_flight` messages in flight.
pub(super) fn run(bed: &mut Bed<'_>, in_flight: usize) -> Result<Figures> {
    let mut publish = Vec::new();
    write_words(&mut publish, &format!("PUBLISH {KEY} {}", "x".repeat(64)));
    let fanout = Fanout {
        counters: (0..=SUBSCRIBERS).map(|_| Counter::default()).collect(),
        batch: publish.repeat(in_flight),
        subscribed: 0,
        pace: Pace::new(in_flight, SUBSCRIBERS, 2),
    };
    bed.run(SUBSCRIBERS + 1, fanout)
}

struct Fanout {
    counters: Vec<Counter>,
    batch: Vec<u8>,
    /// Subscriptions confirmed: nothing is published before all are.
    subscribed: usize,
    pace: Pace,
}

impl Load for Fanout {
    fn start(&mut self, wires: &mut Wires) -> Result<()> {
        let mut subscribe = Vec::new();
        write_words(&mut subscribe, &format!("SUBSCRIBE {KEY}"));
        (0..SUBSCRIBERS).try_for_each(|at| wires.send(at, &subscribe))
    }

    fn receive(
        &mut self,
        at: usize,
        bytes: &[u8],
        wires: &mut Wires,
        tally: &mut Tally,
    ) -> Result<()> {
        let count = self.counters.get_mut(at).context("no such connection")?.feed(bytes)?;
        match at {
            PUBLISHER => self.pace.answer(count),
            _ if self.subscribed < SUBSCRIBERS => self.subscribed += count,
            _ => self.pace.deliver(count, tally),
        }
        if self.subscribed == SUBSCRIBERS && self.pace.begins_batch() {
            wires.send(PUBLISHER, &self.batch)?;
        }
        Ok(())
    }
}

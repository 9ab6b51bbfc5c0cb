//! Time, and the CPU that the two sides have used.

use std::fmt;
use std::time::{Duration, Instant};

use crate::Outcome;

/// Linux counts the CPU of processes in hundredths of a second.
const TICKS_PER_SECOND: u64 = 100;

/// A measurement that has begun.
#[derive(Debug)]
pub struct Meter {
    server: Option<u32>,
    begun: Instant,
    server_ticks: u64,
    own_ticks: u64,
}

/// What a measurement has found, for each operation.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    pub per_second: f64,
    pub server_us: f64,
    pub client_us: f64,
}

impl Meter {
    /// Begins, with the process of a server if there is one.
    pub fn begin(server: Option<u32>) -> Outcome<Self> {
        let server_ticks = server.map_or(Ok(0), ticks)?;
        let own_ticks = ticks(std::process::id())?;
        Ok(Meter { server, begun: Instant::now(), server_ticks, own_ticks })
    }

    /// Ends after so many operations.
    pub fn end(self, operations: usize) -> Outcome<Reading> {
        let elapsed = self.begun.elapsed().max(Duration::from_nanos(1));
        let server_ticks = self.server.map_or(Ok(0), ticks)? - self.server_ticks;
        let own_ticks = ticks(std::process::id())? - self.own_ticks;
        let us = |ticks: u64| (ticks * 1_000_000 / TICKS_PER_SECOND) as f64 / operations as f64;
        Ok(Reading {
            per_second: operations as f64 / elapsed.as_secs_f64(),
            server_us: us(server_ticks),
            client_us: us(own_ticks),
        })
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Reading { per_second, server_us, client_us } = self;
        write!(f, "{per_second:.0}/s, server {server_us:.2} us, client {client_us:.2} us")
    }
}

/// The readings of several rounds.
#[derive(Debug, Default)]
pub struct Median {
    readings: Vec<Reading>,
}

impl Median {
    /// Adds a round.
    pub fn add(&mut self, reading: Reading) {
        self.readings.push(reading);
    }

    /// The median of each figure by itself.
    pub fn reading(&self) -> Reading {
        Reading {
            per_second: self.middle(|reading| reading.per_second),
            server_us: self.middle(|reading| reading.server_us),
            client_us: self.middle(|reading| reading.client_us),
        }
    }

    fn middle(&self, figure: impl Fn(&Reading) -> f64) -> f64 {
        let mut figures: Vec<f64> = self.readings.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

/// The ticks of CPU that a process has used, in user and kernel mode: fields 14 and 15 of proc(5).
fn ticks(process: u32) -> Outcome<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in parentheses, may hold anything.
    let (_, rest) = stat.rsplit_once(')').ok_or("a process without a name")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |index: usize| -> Outcome<u64> { Ok(fields.get(index).ok_or("no time")?.parse()?) };
    Ok(ticks(11)? + ticks(12)?)
}

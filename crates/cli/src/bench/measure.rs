//! One measurement: a load runs on a server for a bounded time, and figures come out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::client::Client;
use super::histogram::Histogram;
use super::process::CpuTime;
use super::server::Server;
use super::wires::{Poller, Receive, Wires};

/// Longest wait for readiness, so that the end of a phase and interruptions are noticed.
const TURN_LIMIT: Duration = Duration::from_millis(20);
/// A measured phase in which nothing at all was completed is extended up to this, then fails.
const STALL_LIMIT: Duration = Duration::from_secs(5);

/// The server and the conditions under which a work item is measured.
#[derive(Debug)]
pub(super) struct Bed<'a> {
    pub(super) server: &'a mut Server,
    pub(super) measured: Duration,
    /// What the large works multiply their numbers of entries by.
    pub(super) scale: f64,
    /// Raised when the user has had enough.
    pub(super) stop: &'a AtomicBool,
}

/// What one measurement found.
#[derive(Debug, Clone)]
pub(super) enum Figures {
    Speed(Speed),
    Memory(Memory),
    /// What only one work asks, in the order of its columns.
    Facts(Vec<Fact>),
}

/// One figure under a name of its own.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fact {
    /// The column's head, unit included.
    pub(super) name: &'static str,
    /// `None` where it cannot be known.
    pub(super) value: Option<f64>,
    /// Digits behind the point.
    pub(super) digits: usize,
}

impl Fact {
    /// Names a figure that is known.
    pub(super) fn new(name: &'static str, value: f64, digits: usize) -> Self {
        Self { name, value: Some(value), digits }
    }
}

/// Figures of a load.
#[derive(Debug, Clone, Default)]
pub(super) struct Speed {
    pub(super) ops_per_s: f64,
    /// Processor time of the server for each operation, where its process is known.
    pub(super) cpu_us: Option<f64>,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    pub(super) p999_us: f64,
    /// Processor time over wall time, of the server and of the loader; 1 is a full core.
    pub(super) server_share: Option<f64>,
    pub(super) loader_share: f64,
    /// Time spent ready to run while something else had the core, over wall time.
    pub(super) server_waited: f64,
    pub(super) loader_waited: f64,
}

/// Growth of the server for each thing stored, in bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    /// By the kernel's account, where the process is known.
    pub(super) resident: Option<f64>,
    /// By the server's own account (`INFO`'s `used_memory`), where it gives one.
    pub(super) reported: Option<f64>,
}

/// What a load has completed.
#[derive(Debug)]
pub(super) struct Tally {
    /// Operations completed, in the work item's own unit.
    pub(super) ops: u64,
    latencies: Histogram,
}

/// Percentiles of latencies, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Percentiles {
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    pub(super) p999_us: f64,
}

impl Tally {
    /// Starts with nothing completed.
    pub(super) fn new() -> Self {
        Self { ops: 0, latencies: Histogram::new() }
    }

    /// How many latencies have been counted.
    #[cfg(test)]
    pub(super) fn latencies(&self) -> u64 {
        self.latencies.total()
    }

    /// Counts the latency of what began at `start` and ends now.
    pub(super) fn record_since(&mut self, start: Instant) {
        self.latencies.record(start.elapsed().as_nanos() as u64);
    }

    /// The percentiles of what has been counted.
    pub(super) fn percentiles(&self) -> Percentiles {
        let quantile_us = |quantile| self.latencies.quantile(quantile) as f64 / 1e3;
        Percentiles {
            p50_us: quantile_us(0.5),
            p99_us: quantile_us(0.99),
            p999_us: quantile_us(0.999),
        }
    }

    fn clear(&mut self) {
        self.ops = 0;
        self.latencies.clear();
    }
}

/// What the loader does: keeps requests in flight and counts what is completed.
pub(super) trait Load {
    /// Sends the first requests.
    fn start(&mut self, wires: &mut Wires) -> Result<()>;
    /// Takes bytes that have arrived at connection `at`, and sends what is next.
    fn receive(
        &mut self,
        at: usize,
        bytes: &[u8],
        wires: &mut Wires,
        tally: &mut Tally,
    ) -> Result<()>;
}

impl Bed<'_> {
    /// Opens a blocking connection to the server.
    pub(super) fn client(&self) -> Result<Client> {
        Client::connect(self.server.address)
    }

    /// `count` things as the user wants them scaled, at least a thousand.
    pub(super) fn scaled(&self, count: usize) -> usize {
        ((count as f64 * self.scale) as usize).max(1000)
    }

    /// Fails once the user has had enough.
    pub(super) fn check_stop(&self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            bail!("interrupted");
        }
        Ok(())
    }

    /// Runs `load` over `connections`: a warm-up of a quarter of the measured time, then the
    /// measured phase.
    pub(super) fn run(&self, connections: usize, load: impl Load) -> Result<Figures> {
        self.speed(connections, load).map(Figures::Speed)
    }

    /// Does what [`Self::run`] does, for works that make other figures of it.
    pub(super) fn speed(&self, connections: usize, load: impl Load) -> Result<Speed> {
        let mut run = Run { load, tally: Tally::new() };
        let mut poller = Poller::connect(self.server.address, connections)?;
        run.load.start(&mut poller.wires)?;
        self.turn_for(self.measured / 4, &mut poller, &mut run)?;
        run.tally.clear();
        let before = Clocks::read(self.server)?;
        self.turn_for(self.measured, &mut poller, &mut run)?;
        let after = Clocks::read(self.server)?;
        Ok(speed(&run.tally, &before, &after))
    }

    /// Turns until `span` is over and something was completed in it.
    fn turn_for<L: Load>(
        &self,
        span: Duration,
        poller: &mut Poller,
        run: &mut Run<L>,
    ) -> Result<()> {
        let start = Instant::now();
        loop {
            poller.turn(TURN_LIMIT, run)?;
            let elapsed = start.elapsed();
            if span <= elapsed && 0 < run.tally.ops {
                return Ok(());
            }
            self.check_stop()?;
            if span + STALL_LIMIT < elapsed {
                bail!("nothing was completed in {elapsed:?}");
            }
        }
    }
}

/// A load with its tally: what the poller hands bytes to.
struct Run<L> {
    load: L,
    tally: Tally,
}

impl<L: Load> Receive for Run<L> {
    fn receive(&mut self, at: usize, bytes: &[u8], wires: &mut Wires) -> Result<()> {
        self.load.receive(at, bytes, wires, &mut self.tally)
    }
}

/// The three clocks of a measurement, read at one moment.
struct Clocks {
    wall: Instant,
    server: Option<CpuTime>,
    loader: CpuTime,
}

impl Clocks {
    fn read(server: &Server) -> Result<Self> {
        Ok(Self {
            wall: Instant::now(),
            server: server.pid.map(CpuTime::read).transpose()?,
            loader: CpuTime::read(std::process::id())?,
        })
    }
}

fn speed(tally: &Tally, before: &Clocks, after: &Clocks) -> Speed {
    let wall_s = (after.wall - before.wall).as_secs_f64();
    let share = |time: Duration| time.as_secs_f64() / wall_s;
    let server = after.server.zip(before.server).map(|(after, before)| after.since(before));
    let loader = after.loader.since(before.loader);
    let Percentiles { p50_us, p99_us, p999_us } = tally.percentiles();
    Speed {
        ops_per_s: tally.ops as f64 / wall_s,
        cpu_us: server.map(|server| server.ran.as_secs_f64() * 1e6 / tally.ops as f64),
        p50_us,
        p99_us,
        p999_us,
        server_share: server.map(|server| share(server.ran)),
        loader_share: share(loader.ran),
        server_waited: server.map_or(0.0, |server| share(server.waited)),
        loader_waited: share(loader.waited),
    }
}

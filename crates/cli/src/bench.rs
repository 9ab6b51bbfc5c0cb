//! `firth bench`: measures a Redis-protocol server beside its peers, in turns in the same run.
//!
//! For each work and each round, every target gets a fresh server (or one that runs already),
//! pinned to one core; one loader thread on another core keeps requests in flight for a bounded
//! time. Beside throughput and latency stands the processor time that the server used for each
//! operation, which says more where loader and server share a machine. Medians over rounds go
//! into the tables, losses like wins.

#![expect(
    clippy::disallowed_methods,
    reason = "measuring is about the real clock, and its few files need no simulated disk"
)]

mod client;
mod histogram;
mod json;
mod machine;
mod measure;
mod pace;
mod process;
mod pump;
mod replies;
mod report;
mod request;
mod server;
mod table;
mod target;
mod wires;
mod work;

use std::fs;
use std::io::{IsTerminal as _, stderr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use signal_hook::consts::{SIGINT, SIGTERM};

use client::Client;
use machine::Machine;
use measure::{Bed, Figures};
use report::{Report, Row, median, ratio};
use server::{Place, Server};
use table::Style;
use target::{AttachedTarget, SpawnedTarget, Target, default_targets};
use work::Work;

/// Measures servers side by side.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// A server to spawn: `{port}` stands for a free port, `{dir}` for a fresh directory; the
    /// default is ourselves, and redis-server where it is found
    #[arg(long, value_name = "NAME=CMDLINE")]
    target: Vec<SpawnedTarget>,
    /// A server that runs already; keys named `bench` and `bench:N` in it are deleted
    #[arg(long, value_name = "NAME=HOST:PORT[,pid=N]")]
    attach: Vec<AttachedTarget>,
    /// What to measure: names separated by commas, or `all`
    #[arg(long, value_name = "LIST", default_value = "all")]
    work: String,
    /// Length of a measurement; a quarter of it is spent before on warming up
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Rounds; each target has a turn in each
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Writes the figures there as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes the tables there as markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// The core that spawned servers run on
    #[arg(long, default_value_t = 0)]
    server_core: usize,
    /// The core that the loader runs on
    #[arg(long, default_value_t = 1)]
    loader_core: usize,
    /// Servers are spawned at the first free port from this one on
    #[arg(long, default_value_t = 7950)]
    first_port: u16,
}

/// Runs the verb. Fails, after printing the tables, when a measurement failed.
pub(crate) fn run(args: &BenchArgs) -> Result<()> {
    let plan = Plan::new(args)?;
    process::pin_to_core(plan.place.loader_core)?;
    let mut report = plan.report()?;
    for (number, work) in plan.works.iter().enumerate() {
        tell(&format!("{}, {} of {}", work.name, number + 1, plan.works.len()));
        let rows = plan.measure(work)?;
        report.rows.extend(rows);
    }
    write(args, &report)?;
    match report.rows.iter().filter(|row| row.figures.is_err()).count() {
        0 => Ok(()),
        failed => bail!("{failed} of {} measurements failed", report.rows.len()),
    }
}

/// A run's settings, checked.
struct Plan {
    targets: Vec<Target>,
    works: Vec<Work>,
    place: Place,
    measured: Duration,
    rounds: usize,
    stop: Arc<AtomicBool>,
}

impl Plan {
    fn new(args: &BenchArgs) -> Result<Self> {
        let spawned = args.target.iter().map(|target| target.0.clone());
        let attached = args.attach.iter().map(|target| target.0.clone());
        let mut targets: Vec<Target> = spawned.chain(attached).collect();
        if targets.is_empty() {
            targets = default_targets()?;
        }
        if !(0.05..=600.0).contains(&args.seconds) || !(1..=100).contains(&args.rounds) {
            bail!("seconds must be 0.05 to 600, and rounds 1 to 100");
        }
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&stop))?;
        }
        Ok(Self {
            targets,
            works: work::select(&args.work)?,
            place: Place {
                server_core: args.server_core,
                loader_core: args.loader_core,
                first_port: args.first_port,
            },
            measured: Duration::from_secs_f64(args.seconds),
            rounds: args.rounds,
            stop,
        })
    }

    /// A report with everything but rows; asks each target for its version.
    fn report(&self) -> Result<Report> {
        let targets =
            self.targets.iter().map(|target| Ok((target.name.clone(), self.version(target)?)));
        Ok(Report {
            machine: Machine::read(),
            rounds: self.rounds,
            seconds: self.measured.as_secs_f64(),
            targets: targets.collect::<Result<_>>()?,
            rows: Vec::new(),
        })
    }

    fn version(&self, target: &Target) -> Result<String> {
        let server = Server::start(target, self.place)?;
        let mut client = Client::connect(server.address)?;
        for field in ["firth_version", "valkey_version", "redis_version"] {
            if let Ok(Some(version)) = client.info(field) {
                return Ok(format!("{field} {version}"));
            }
        }
        Ok("version unknown".to_owned())
    }

    /// Measures one work at all targets, in turns.
    fn measure(&self, work: &Work) -> Result<Vec<Row>> {
        let mut rounds: Vec<Vec<Result<Figures, String>>> = vec![Vec::new(); self.targets.len()];
        for _ in 0..self.rounds {
            for (target, rounds) in self.targets.iter().zip(&mut rounds) {
                if rounds.iter().any(Result::is_err) {
                    continue;
                }
                let figures = self.measure_once(work, target);
                if self.stop.load(Ordering::Relaxed) {
                    bail!("interrupted");
                }
                rounds.push(figures.map_err(|error| format!("{error:#}")));
            }
        }
        let figures: Vec<_> = rounds.into_iter().map(median).collect();
        Ok(self.rows(work, figures))
    }

    fn measure_once(&self, work: &Work, target: &Target) -> Result<Figures> {
        let server = Server::start(target, self.place)?;
        let bed = Bed { server: &server, measured: self.measured, stop: &self.stop };
        if !server.is_attached() {
            return (work.run)(&bed);
        }
        work::clean(&mut bed.client()?)?;
        let figures = (work.run)(&bed);
        work::clean(&mut bed.client()?)?;
        figures
    }

    fn rows(&self, work: &Work, figures: Vec<Result<Figures, String>>) -> Vec<Row> {
        let first = figures.first().and_then(|first| first.as_ref().ok()).cloned();
        let is_peer = std::iter::once(false).chain(std::iter::repeat(true));
        (self.targets.iter().zip(figures).zip(is_peer))
            .map(|((target, figures), is_peer)| Row {
                work: work.name,
                unit: work.unit,
                target: target.name.clone(),
                ratio: (first.as_ref().filter(|_| is_peer))
                    .zip(figures.as_ref().ok())
                    .map(|(first, other)| ratio(first, other)),
                figures,
            })
            .collect()
    }
}

fn write(args: &BenchArgs, report: &Report) -> Result<()> {
    print(&table::draw(report, Style::Plain));
    if let Some(path) = &args.markdown {
        fs::write(path, table::draw(report, Style::Markdown))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Some(path) = &args.json {
        fs::write(path, json::draw(report))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the tables are this verb's output")]
fn print(text: &str) {
    print!("{text}");
}

/// Shows how far the run is to whoever looks on.
#[expect(clippy::print_stderr, reason = "progress, for people at a terminal only")]
fn tell(progress: &str) {
    if stderr().is_terminal() {
        eprintln!("{progress}");
    }
}

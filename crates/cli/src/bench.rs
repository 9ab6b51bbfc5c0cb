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
mod folder;
mod histogram;
mod json;
mod lineup;
mod machine;
mod measure;
mod nats;
mod pace;
mod paced;
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
use lineup::{Lineup, Programs};
use machine::Machine;
use measure::{Bed, Figures};
use report::{Report, Row, median, ratio};
use server::{Place, Server};
use table::Style;
use target::{AttachedTarget, SpawnedTarget, Speaks, Target};
use work::{Rounds, Work};

/// Measures servers side by side.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// A server to spawn: `{port}` stands for a free port, `{dir}` for a fresh directory; the
    /// default depends on the work: ourselves in the settings that matter, and redis-server and
    /// nats-server where they are found
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
    /// What the large works (restart, large-*, checkpoint-*) multiply their numbers of entries by
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Where the servers' fresh folders are made: on the disk that is to be measured; the default
    /// is the system's temporary folder, or the current one where that lies in memory
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// The program nats-server, where it is not on the path
    #[arg(long, value_name = "FILE")]
    nats: Option<PathBuf>,
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
    /// The targets that the user names, for all works; else each work's lineup takes part.
    named: Vec<Target>,
    programs: Programs,
    works: Vec<Work>,
    place: Place,
    measured: Duration,
    rounds: usize,
    scale: f64,
    stop: Arc<AtomicBool>,
}

impl Plan {
    fn new(args: &BenchArgs) -> Result<Self> {
        let spawned = args.target.iter().map(|target| target.0.clone());
        let attached = args.attach.iter().map(|target| target.0.clone());
        if !(0.05..=600.0).contains(&args.seconds) || !(1..=100).contains(&args.rounds) {
            bail!("seconds must be 0.05 to 600, and rounds 1 to 100");
        }
        if !(0.0..=100.0).contains(&args.scale) {
            bail!("scale must be 0 to 100");
        }
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&stop))?;
        }
        Ok(Self {
            named: spawned.chain(attached).collect(),
            programs: Programs::find(args.nats.as_deref())?,
            works: work::select(&args.work)?,
            place: Place {
                server_core: args.server_core,
                loader_core: args.loader_core,
                first_port: args.first_port,
                base: args.folder.clone().map_or_else(folder::default_base, Ok)?,
            },
            measured: Duration::from_secs_f64(args.seconds),
            rounds: args.rounds,
            scale: args.scale,
            stop,
        })
    }

    /// A report with everything but rows; asks each target for its version.
    fn report(&self) -> Result<Report> {
        let mut targets: Vec<(String, String)> = Vec::new();
        for work in &self.works {
            for target in self.targets(work.lineup)? {
                if targets.iter().all(|(name, _)| *name != target.name) {
                    // Each measurement of it will say why.
                    let version = self.version(&target).unwrap_or_else(|_| "fails".to_owned());
                    targets.push((target.name, version));
                }
            }
        }
        Ok(Report {
            machine: Machine::read(),
            file_system: folder::kind(&self.place.base),
            rounds: self.rounds,
            seconds: self.measured.as_secs_f64(),
            scale: self.scale,
            targets,
            absent: if self.named.is_empty() { self.programs.absent() } else { Vec::new() },
            rows: Vec::new(),
        })
    }

    fn targets(&self, lineup: Lineup) -> Result<Vec<Target>> {
        if self.named.is_empty() { lineup.targets(&self.programs) } else { Ok(self.named.clone()) }
    }

    fn version(&self, target: &Target) -> Result<String> {
        let server = Server::start(target, &self.place)?;
        match target.speaks {
            Speaks::Disk => return Ok("append and fdatasync, no server".to_owned()),
            Speaks::Nats => return Ok(format!("nats-server {}", nats::version(server.address)?)),
            Speaks::Redis => {}
        }
        let mut client = Client::connect(server.address)?;
        for field in ["firth_version", "valkey_version", "redis_version"] {
            if let Ok(Some(version)) = client.info(field) {
                return Ok(format!("{field} {version}"));
            }
        }
        Ok("version unknown".to_owned())
    }

    /// Measures one work at all its targets, in turns.
    fn measure(&self, work: &Work) -> Result<Vec<Row>> {
        let targets = self.targets(work.lineup)?;
        let mut rounds: Vec<Vec<Result<Figures, String>>> = vec![Vec::new(); targets.len()];
        let count = if work.rounds == Rounds::One { 1 } else { self.rounds };
        for _ in 0..count {
            for (target, rounds) in targets.iter().zip(&mut rounds) {
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
        Ok(rows(work, &targets, figures))
    }

    fn measure_once(&self, work: &Work, target: &Target) -> Result<Figures> {
        let mut server = Server::start(target, &self.place)?;
        let is_attached = server.is_attached();
        let mut bed = Bed {
            server: &mut server,
            measured: self.measured,
            scale: self.scale,
            stop: &self.stop,
        };
        if !is_attached {
            return (work.run)(&mut bed);
        }
        work::clean(&mut bed.client()?)?;
        let figures = (work.run)(&mut bed);
        work::clean(&mut bed.client()?)?;
        figures
    }
}

fn rows(work: &Work, targets: &[Target], figures: Vec<Result<Figures, String>>) -> Vec<Row> {
    let first = figures.first().and_then(|first| first.as_ref().ok()).cloned();
    let is_peer = std::iter::once(false).chain(std::iter::repeat(true));
    (targets.iter().zip(figures).zip(is_peer))
        .map(|((target, figures), is_peer)| Row {
            work: work.name,
            title: work.lineup.title(),
            method: work.lineup.method(),
            unit: work.unit,
            target: target.name.clone(),
            ratio: (first.as_ref().filter(|_| is_peer))
                .zip(figures.as_ref().ok())
                .map(|(first, other)| ratio(first, other)),
            figures,
        })
        .collect()
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

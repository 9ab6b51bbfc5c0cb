//! Measures the library beside its rivals over the same server, and alone on its embedded engine.
//!
//! Servers are pinned to the first core, this program to the second. Contestants take turns, the
//! median of several rounds counts. `make bench-library` writes docs/performance-library.md.

mod apalis_redis_worker;
mod embedded;
mod firth_worker;
mod floor;
mod meter;
mod order;
mod report;
mod sea_streamer;
mod server;

use std::error::Error;
use std::path::PathBuf;

use crate::meter::{Median, Reading};
use crate::report::{Report, Row};
use crate::server::Server;

/// What anything here may fail with; the program then ends with its text.
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Who handles the entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Contestant {
    Floor,
    FirthWorker,
    SeaStreamer,
    Apalis,
}

impl Contestant {
    fn name(self) -> &'static str {
        match self {
            Contestant::Floor => "the `redis` crate by hand, the floor",
            Contestant::FirthWorker => "Firth's `Worker`",
            Contestant::SeaStreamer => "sea-streamer-redis 1.0.0-rc.5",
            Contestant::Apalis => "apalis-redis 1.0.0",
        }
    }

    /// Apalis needs scripts, which a Firth server does not run.
    fn runs_on(self, server: &Server) -> bool {
        self != Contestant::Apalis || server.has_scripts()
    }

    /// Handles and acknowledges so many entries that are there before the clock starts.
    async fn run(self, server: &Server, orders: usize) -> Outcome<Reading> {
        match self {
            Contestant::Floor => floor::run(server, orders).await,
            Contestant::FirthWorker => firth_worker::run(server, orders).await,
            Contestant::SeaStreamer => sea_streamer::run(server, orders).await,
            Contestant::Apalis => apalis_redis_worker::run(server, orders).await,
        }
    }
}

const CONTESTANTS: [Contestant; 4] =
    [Contestant::Floor, Contestant::FirthWorker, Contestant::SeaStreamer, Contestant::Apalis];

/// What the command line says: the program of Firth, the document, and how many rounds.
struct Arguments {
    firth: PathBuf,
    document: PathBuf,
    rounds: usize,
    orders: usize,
}

impl Arguments {
    fn read() -> Outcome<Self> {
        let mut words = std::env::args().skip(1);
        let usage = "usage: firth-bench-rivals FIRTH-BINARY DOCUMENT [ROUNDS [ORDERS]]";
        let firth = words.next().ok_or(usage)?.into();
        let document = words.next().ok_or(usage)?.into();
        let rounds = words.next().map_or(Ok(5), |word| word.parse())?;
        let orders = words.next().map_or(Ok(100_000), |word| word.parse())?;
        Ok(Arguments { firth, document, rounds, orders })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let arguments = Arguments::read()?;
    server::pin_to_second_core()?;
    let mut report = Report::new(arguments.rounds, arguments.orders);
    for server in [Server::redis()?, Server::firth(&arguments.firth)?] {
        let rows = work(&server, &arguments).await?;
        report.add_workers(server.name(), rows);
    }
    report.add_embedded(embedded::measure(arguments.rounds).await?);
    std::fs::write(&arguments.document, report.markdown())?;
    print!("{}", report.markdown());
    Ok(())
}

/// Lets the contestants work in turns.
async fn work(server: &Server, arguments: &Arguments) -> Outcome<Vec<Row>> {
    let mut rows: Vec<(Contestant, Median)> = CONTESTANTS
        .into_iter()
        .filter(|contestant| contestant.runs_on(server))
        .map(|contestant| (contestant, Median::default()))
        .collect();
    for round in 0..arguments.rounds {
        for (contestant, median) in &mut rows {
            server.clear().await?;
            let reading = contestant.run(server, arguments.orders).await?;
            eprintln!("{} round {round}: {}: {reading}", server.name(), contestant.name());
            median.add(reading);
        }
    }
    Ok(rows.into_iter().map(|(contestant, median)| Row::new(contestant.name(), &median)).collect())
}

//! The firth program.

mod bench;

use clap::{Parser, Subcommand};

/// Pub/sub and streams that speak the Redis protocol.
#[derive(Debug, Parser)]
#[command(name = "firth")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Bench(bench::BenchArgs),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().verb {
        Verb::Bench(args) => bench::run(&args),
    }
}

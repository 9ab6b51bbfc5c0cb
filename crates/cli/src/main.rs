//! The firth program.

mod backup;
mod bench;
mod commands_doc;
mod gateway;
mod serve;
mod sources;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Pub/sub and streams that speak the Redis protocol.
#[derive(Debug, Parser)]
#[command(name = "firth", version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Serve(serve::ServeArgs),
    Gateway(gateway::GatewayArgs),
    Backup(backup::BackupArgs),
    Bench(bench::BenchArgs),
    Commands(commands_doc::CommandsArgs),
    Settings(commands_doc::SettingsArgs),
}

#[expect(clippy::print_stderr, reason = "what went wrong is for whoever started the program")]
fn main() -> ExitCode {
    let outcome = match Cli::parse().verb {
        Verb::Serve(args) => serve::run(&args),
        Verb::Gateway(args) => gateway::run(args),
        Verb::Backup(args) => backup::run(&args),
        Verb::Bench(args) => bench::run(&args),
        Verb::Commands(args) => commands_doc::print_commands(&args),
        Verb::Settings(args) => commands_doc::print_settings(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("firth: {error:#}");
            ExitCode::FAILURE
        }
    }
}

//! The firth program.

mod backup;
mod bench;
mod check;
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
    Check(check::CheckArgs),
    Commands(commands_doc::CommandsArgs),
    Settings(commands_doc::SettingsArgs),
}

#[expect(clippy::print_stderr, reason = "what went wrong is for whoever started the program")]
fn main() -> ExitCode {
    let done = |()| ExitCode::SUCCESS;
    let outcome = match Cli::parse().verb {
        Verb::Serve(args) => serve::run(&args).map(done),
        Verb::Gateway(args) => gateway::run(args).map(done),
        Verb::Backup(args) => backup::run(&args).map(done),
        Verb::Bench(args) => bench::run(&args).map(done),
        Verb::Check(args) => check::run(&args),
        Verb::Commands(args) => commands_doc::print_commands(&args).map(done),
        Verb::Settings(args) => commands_doc::print_settings(&args).map(done),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("firth: {error:#}");
            ExitCode::FAILURE
        }
    }
}

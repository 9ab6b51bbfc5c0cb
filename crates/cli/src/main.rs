//! The firth program.

mod backup;
mod bench;
mod check;
mod commands_doc;
mod gateway;
mod people;
mod serve;
mod shell;
mod sources;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

const STATUSES: &str =
    "Exit status: 0 done, 1 refused or failed, 2 wrong arguments, 3 the server cannot be reached";

/// The status of the program when the server cannot be reached. It is 1 when something else went wrong, and 2 when its
/// arguments are.
const UNREACHABLE: u8 = 3;

/// Pub/sub and streams that speak the Redis protocol.
#[derive(Debug, Parser)]
#[command(name = "firth", version, after_help = STATUSES)]
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
    Pub(people::PubArgs),
    Sub(people::SubArgs),
    Append(people::AppendArgs),
    Tail(people::TailArgs),
    Streams(people::StreamsArgs),
    Groups(people::GroupsArgs),
    Pending(people::PendingArgs),
    Dlq(people::LettersArgs),
    Completions(shell::CompletionsArgs),
    Manual(shell::ManualArgs),
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
        Verb::Pub(args) => args.run().map(done),
        Verb::Sub(args) => args.run().map(done),
        Verb::Append(args) => args.run().map(done),
        Verb::Tail(args) => args.run().map(done),
        Verb::Streams(args) => args.run().map(done),
        Verb::Groups(args) => args.run().map(done),
        Verb::Pending(args) => args.run().map(done),
        Verb::Dlq(args) => args.run().map(done),
        Verb::Completions(args) => args.run(&mut Cli::command()).map(done),
        Verb::Manual(args) => args.run(Cli::command()).map(done),
        Verb::Commands(args) => commands_doc::print_commands(&args).map(done),
        Verb::Settings(args) => commands_doc::print_settings(&args).map(done),
    };
    match outcome {
        Ok(code) => code,
        Err(error) if people::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("firth: {error:#}");
            match error.downcast_ref() {
                Some(firth::Error::Unavailable { .. }) => ExitCode::from(UNREACHABLE),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

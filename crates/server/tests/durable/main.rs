//! What is acknowledged stays: the program is killed, its disk fills up, its memory is limited, and
//! an oracle that has seen every answer compares what is there afterwards.
//!
//! `FIRTH_CRASH_SECONDS` says for how long the long ones go on; by default they are short.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stderr,
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

mod check;
mod cold;
mod full_disk;
mod kill;
mod large;
mod memory;
mod oracle;

use std::time::Duration;
use std::{env, fs};

use client::{Client, Protocol};
use reply::Reply;
use server::Server;

/// Connects to a server that accepts.
fn connect(port: u16) -> Client {
    Client::connect(port, Protocol::Resp2)
}

/// How long an answer may take while everything else runs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends a command and waits for the answer.
fn ask(client: &mut Client, line: &str) -> Reply {
    client.send(&command::Command::parse(line));
    client.read_within(PATIENCE)
}

/// Returns everything that the server has said in all its lives.
fn log(server: &Server) -> String {
    fs::read_to_string(server.dir().join("test.log")).unwrap()
}

/// For how long a test that can go on for ever does.
fn length() -> Duration {
    let seconds = env::var("FIRTH_CRASH_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(20))
}

/// Returns an integer reply.
#[track_caller]
fn integer(reply: &Reply) -> i64 {
    let Reply::Integer(number) = reply else { panic!("an integer expected: {reply}") };
    *number
}

/// Returns the text of a bulk string.
fn text(reply: &Reply) -> String {
    String::from_utf8_lossy(reply.bytes()).into_owned()
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

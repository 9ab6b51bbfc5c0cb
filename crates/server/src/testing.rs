//! Conversations of clients with a program without sockets, for tests of commands: everything
//! happens in the order and at the time that a test says.
//!
//! What clients are sent comes in one of two forms: as it is on the wire, with a space for each
//! line end ([`Conversation::say`], [`Conversation::follow`]), or as a short text of its values
//! ([`Conversation::ask`], [`Conversation::check`]).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::io::IoSlice;
use std::sync::Arc;

use firth_engine::{Disk, Driving, Engine, FileDisk, ManualClock, Options, SyncDue};
use firth_resp::{ReplyDecoder, Value, encode_request};
use firth_wal::sim::SimDisk;

use crate::client::{Client, Peer};
use crate::config::Config;
use crate::mailbox::CloseReason;
use crate::server::Server;
use crate::worker::Worker;

/// Some workers, their clients, and a clock that is set by hand.
///
/// A command is words between spaces, `''` for an empty one; ` ; ` stands between commands that
/// arrive together. Clients are numbered in the order in which they have connected.
pub(crate) struct Conversation {
    workers: Vec<Worker>,
    /// The worker of each client, and its token there.
    clients: Vec<(usize, u64)>,
    clock: Arc<ManualClock>,
}

impl Conversation {
    /// Returns an empty server of one worker with three clients, whose clock stands at 1000 s.
    pub(crate) fn new() -> Self {
        Conversation::from_ms(1_000_000)
    }

    /// Returns an empty server of one worker with three clients, whose clock stands at this time.
    pub(crate) fn from_ms(now_ms: u64) -> Self {
        let mut conversation = Conversation::among(1, now_ms);
        for _ in 0..3 {
            conversation.connect(0);
        }
        conversation
    }

    /// Returns an empty server of some workers without clients, whose clock stands at this time.
    pub(crate) fn among(workers: usize, now_ms: u64) -> Self {
        Conversation::with(workers, now_ms, &Options::new(), Arc::new(FileDisk))
    }

    /// Returns a server of one worker with three clients, with what it finds on this disk. Its log
    /// is written by [`Conversation::write_log`].
    pub(crate) fn on_disk(disk: &SimDisk, now_ms: u64) -> Self {
        let mut options = Options::new();
        options.folder = Some("data".into());
        options.driving = Driving::Caller;
        // Else what fits into the room made in advance is written to a full disk, too.
        options.reserve_bytes = 0;
        let mut conversation = Conversation::with(1, now_ms, &options, Arc::new(disk.clone()));
        for _ in 0..3 {
            conversation.connect(0);
        }
        conversation
    }

    fn with(workers: usize, now_ms: u64, options: &Options, disk: Arc<dyn Disk>) -> Self {
        let clock = Arc::new(ManualClock::at_ms(now_ms));
        let engine = Engine::open(options, clock.clone(), disk).unwrap().0;
        let config = Config { threads: workers, ..Config::default() };
        let server = Arc::new(Server::new(engine, config, "0".repeat(40)));
        let worker = |number: usize| Worker::new(server.clone(), number as u16).unwrap();
        let workers = (0..workers).map(worker).collect();
        Conversation { workers, clients: Vec::new(), clock }
    }

    /// Connects a client to a worker and returns its number.
    pub(crate) fn connect(&mut self, worker: usize) -> usize {
        let number = self.clients.len();
        let peer = Peer { address: format!("peer-{number}:1"), ..Peer::default() };
        let token = self.workers[worker].connect(peer);
        self.clients.push((worker, token));
        number
    }

    /// Ends the connection of a client.
    pub(crate) fn disconnect(&mut self, client: usize) {
        let (worker, token) = self.clients[client];
        self.workers[worker].disconnect(token);
    }

    /// Returns what all workers share.
    pub(crate) fn server(&self) -> Arc<Server> {
        self.workers[0].server().clone()
    }

    /// Returns what others may know of a client.
    pub(crate) fn client(&self, client: usize) -> Arc<Client> {
        let (worker, token) = self.clients[client];
        self.workers[worker].session(token).unwrap().client.clone()
    }

    /// Runs commands, without a look at the mail, and returns what they send as it is on the wire.
    pub(crate) fn say(&mut self, client: usize, commands: &str) -> String {
        self.send(client, commands);
        self.heard(client)
    }

    /// Returns what waits for a client, as it is on the wire.
    pub(crate) fn heard(&mut self, client: usize) -> String {
        let bytes = self.take(client);
        String::from_utf8_lossy(&bytes).replace("\r\n", " ").trim_end().to_owned()
    }

    /// Goes through a script, one step a line: `1: SET a b => +OK` is what client 1 says and what
    /// it is to hear, without a number it is client 0; `after 5` lets 5 milliseconds pass.
    #[track_caller]
    pub(crate) fn follow(&mut self, script: &str) {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(ms) = line.strip_prefix("after ") {
                let now_ms = self.server().engine.clock().now_ms();
                self.clock.set_ms(now_ms + ms.parse::<u64>().unwrap());
            } else {
                let (said, expect) = line.split_once("=>").unwrap();
                let (client, commands) = match said.split_once(": ") {
                    Some((client, commands)) => (client.parse().unwrap(), commands),
                    None => (0, said),
                };
                assert_eq!(self.say(client, commands), expect.trim(), "{line}");
            }
        }
    }

    /// Runs commands, hands out the mail of the client's worker, and returns what the client has
    /// been sent since, as a short text.
    pub(crate) fn ask(&mut self, client: usize, commands: &str) -> String {
        self.send(client, commands);
        let (worker, _) = self.clients[client];
        self.workers[worker].read_mail();
        self.told(client)
    }

    /// Returns what waits for a client, as a short text.
    pub(crate) fn told(&mut self, client: usize) -> String {
        let mut rest = self.take(client);
        let mut values = Vec::new();
        while let Some((value, used)) = ReplyDecoder::new().decode(&rest).unwrap() {
            values.push(show(&value));
            rest.drain(..used);
        }
        values.join(" ")
    }

    /// Asks as client 0 and compares what it is told; without an expectation it only asks.
    #[track_caller]
    pub(crate) fn check(&mut self, lines: &[(&str, &str)]) {
        for (line, expect) in lines {
            let told = self.ask(0, line);
            assert!(expect.is_empty() || told == *expect, "{line}\n  {told}\n  {expect}");
        }
    }

    /// Sets the clock, does what is due, and hands out the mail.
    pub(crate) fn at_ms(&mut self, now_ms: u64) {
        self.clock.set_ms(now_ms);
        self.workers.iter_mut().for_each(Worker::run_timers);
        self.read_mail();
    }

    /// Hands out the mail of all workers.
    pub(crate) fn read_mail(&mut self) {
        self.workers.iter_mut().for_each(Worker::read_mail);
    }

    /// Ends the tick of all workers, hands out the mail of a client's worker, and returns what waits
    /// for the client, as it is on the wire.
    pub(crate) fn tick(&mut self, client: usize) -> String {
        self.workers.iter_mut().for_each(Worker::end_tick);
        self.workers.iter_mut().for_each(Worker::settle);
        let (worker, _) = self.clients[client];
        self.workers[worker].read_mail();
        self.heard(client)
    }

    /// Ends the tick of all workers, has the log written, and lets the workers know.
    pub(crate) fn write_log(&mut self) {
        self.workers.iter_mut().for_each(Worker::end_tick);
        self.server().engine.storage().unwrap().log().drive(SyncDue::NotYet);
        for worker in &mut self.workers {
            for token in worker.tokens() {
                // As whoever writes to sockets does when there is nothing that may be sent.
                let outboxes = &mut worker.local().outboxes;
                let waits = outboxes.outbox(token).is_some_and(|outbox| !outbox.is_empty());
                if waits && outboxes.slices(token, &mut [IoSlice::new(&[])]) == 0 {
                    outboxes.hold(token);
                }
            }
            worker.settle();
        }
    }

    /// Returns the clients whose connections are to be closed.
    pub(crate) fn take_doomed(&mut self) -> Vec<(usize, CloseReason)> {
        let doomed = self.workers[0].take_doomed().clients;
        let number = |token| self.clients.iter().position(|(_, other)| *other == token).unwrap();
        doomed.into_iter().map(|(token, reason)| (number(token), reason)).collect()
    }

    fn send(&mut self, client: usize, commands: &str) {
        let input = encode(commands);
        let (worker, token) = self.clients[client];
        assert_eq!(self.workers[worker].receive(token, &input), input.len(), "{commands}");
    }

    /// Sends commands none of which is run for now; they have to be sent again.
    #[track_caller]
    pub(crate) fn send_in_vain(&mut self, client: usize, commands: &str) {
        let (worker, token) = self.clients[client];
        assert_eq!(self.workers[worker].receive(token, &encode(commands)), 0, "{commands}");
    }

    /// Runs commands, reading the blocks from the disk that they wait for, and returns what they
    /// send as it is on the wire, and how often they have waited.
    pub(crate) fn say_patiently(&mut self, client: usize, commands: &str) -> (String, u64) {
        let input = encode(commands);
        let (worker, token) = self.clients[client];
        let (mut used, mut waits) = (0, 0);
        loop {
            used += self.workers[worker].receive(token, &input[used..]);
            if used == input.len() {
                return (self.heard(client), waits);
            }
            assert!(self.server().loaders.load_next(), "{commands}");
            self.workers[worker].read_mail();
            assert_eq!(self.workers[worker].take_resumed(), [token]);
            waits += 1;
        }
    }

    fn take(&mut self, client: usize) -> Vec<u8> {
        let (worker, token) = self.clients[client];
        let outboxes = &mut self.workers[worker].local().outboxes;
        let mut slices = [IoSlice::new(&[]); 64];
        let filled = outboxes.slices(token, &mut slices);
        let bytes: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
        outboxes.advance(token, bytes.len());
        bytes
    }
}

/// Goes through a script on a server of its own.
#[track_caller]
pub(crate) fn follow(script: &str) {
    Conversation::new().follow(script);
}

fn encode(commands: &str) -> Vec<u8> {
    let mut input = Vec::new();
    for command in commands.split(" ; ") {
        let words = command.split_ascii_whitespace();
        let words = words.map(|word| if word == "''" { "" } else { word }.as_bytes());
        encode_request(&mut input, &words.collect::<Vec<_>>());
    }
    input
}

fn show(value: &Value) -> String {
    let all = |values: &[Value]| values.iter().map(show).collect::<Vec<_>>().join(" ");
    match value {
        Value::Error(text) => format!("!{}", String::from_utf8_lossy(text)),
        Value::Integer(number) => number.to_string(),
        Value::NullBulk | Value::Null => "nil".to_owned(),
        Value::NullArray => "nil-array".to_owned(),
        Value::Array(values) => format!("[{}]", all(values)),
        Value::Map(pairs) => {
            let pairs = pairs.iter().map(|(key, value)| format!("{} {}", show(key), show(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(" "))
        }
        other => String::from_utf8_lossy(other.as_bytes().unwrap_or(b"?")).into_owned(),
    }
}

//! A server without sockets, for tests: commands as lines, replies as short texts.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::io::IoSlice;
use std::sync::Arc;

use firth_engine::{Engine, FileDisk, ManualClock, Options};
use firth_resp::{ReplyDecoder, Value, encode_request};

use crate::client::Peer;
use crate::config::Config;
use crate::server::Server;
use crate::worker::Worker;

/// A server with two clients and a clock that is set by hand.
pub(super) struct Bench {
    worker: Worker,
    clients: [u64; 2],
    clock: Arc<ManualClock>,
}

impl Bench {
    /// Returns an empty server whose clock stands at 1000 ms.
    pub(super) fn new() -> Self {
        let clock = Arc::new(ManualClock::at_ms(1000));
        let engine = Engine::open(&Options::new(), clock.clone(), &FileDisk).unwrap();
        let server = Server::new(engine, Config::default(), "0".repeat(40));
        let mut worker = Worker::new(Arc::new(server), 0).unwrap();
        let clients = [Peer::default(), Peer::default()].map(|peer| worker.connect(peer));
        Bench { worker, clients, clock }
    }

    /// Sets the clock, does what is due, and hands out mail.
    pub(super) fn at_ms(&mut self, now_ms: u64) {
        self.clock.set_ms(now_ms);
        self.worker.run_timers();
        self.worker.read_mail();
    }

    /// Sends a line of words for one of the clients and returns what it has been sent since. The
    /// word `""` is empty.
    pub(super) fn run_for(&mut self, client: usize, line: &str) -> String {
        let words = line.split_ascii_whitespace().map(|word| match word {
            "\"\"" => &b""[..],
            word => word.as_bytes(),
        });
        let mut input = Vec::new();
        encode_request(&mut input, &words.collect::<Vec<_>>());
        self.worker.receive(self.clients[client], &input);
        self.worker.read_mail();
        self.sent_to(client)
    }

    /// Sends a line of words for the first client and returns the reply.
    pub(super) fn run(&mut self, line: &str) -> String {
        self.run_for(0, line)
    }

    /// Runs lines and compares their replies; a line with an empty expectation only runs.
    #[track_caller]
    pub(super) fn check(&mut self, lines: &[(&str, &str)]) {
        for (line, expect) in lines {
            let reply = self.run(line);
            assert!(expect.is_empty() || reply == *expect, "{line}\n  {reply}\n  {expect}");
        }
    }

    /// Returns what a client has been sent since it was last asked.
    pub(super) fn sent_to(&mut self, client: usize) -> String {
        let token = self.clients[client];
        let outboxes = &mut self.worker.local().outboxes;
        let mut slices = [IoSlice::new(&[]); 16];
        let filled = outboxes.slices(token, &mut slices);
        let mut rest: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
        outboxes.advance(token, rest.len());
        let mut shown = Vec::new();
        while let Some((value, used)) = ReplyDecoder::new().decode(&rest).unwrap() {
            shown.push(show(&value));
            rest.drain(..used);
        }
        shown.join(" ")
    }
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

//! Conversations of clients with a server without sockets, for tests of commands.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::io::IoSlice;
use std::sync::Arc;

use firth_engine::{Engine, FileDisk, ManualClock, Options};
use firth_resp::encode_request;

use crate::client::Peer;
use crate::config::Config;
use crate::server::Server;
use crate::worker::Worker;

/// A server with one worker, a clock that stands still, and some clients.
pub(in crate::commands) struct Conversation {
    worker: Worker,
    clock: Arc<ManualClock>,
    clients: Vec<u64>,
}

impl Conversation {
    pub(in crate::commands) fn new() -> Self {
        let clock = Arc::new(ManualClock::at_ms(1_000_000));
        let engine = Engine::open(&Options::new(), clock.clone(), &FileDisk).unwrap();
        let config = Config { threads: 1, ..Config::default() };
        let server = Arc::new(Server::new(engine, config, "0".repeat(40)));
        let mut worker = Worker::new(server, 0).unwrap();
        let clients = (0..3).map(|_| worker.connect(Peer::default())).collect();
        Conversation { worker, clock, clients }
    }

    /// Sends one command, words between spaces and `''` for an empty one; returns its replies with
    /// a space for each line end.
    pub(in crate::commands) fn say(&mut self, client: usize, command: &str) -> String {
        let words = command.split(' ').map(|word| if word == "''" { "" } else { word });
        let words: Vec<&[u8]> = words.map(str::as_bytes).collect();
        let mut input = Vec::new();
        encode_request(&mut input, &words);
        let token = self.clients[client];
        assert_eq!(self.worker.receive(token, &input), input.len(), "{command}");
        let outboxes = &mut self.worker.local().outboxes;
        let mut slices = [IoSlice::new(&[]); 64];
        let used = outboxes.slices(token, &mut slices);
        let bytes: Vec<u8> = slices[..used].iter().flat_map(|slice| slice.to_vec()).collect();
        outboxes.advance(token, bytes.len());
        String::from_utf8_lossy(&bytes).replace("\r\n", " ").trim_end().to_owned()
    }

    /// Goes through a script, one step a line: `1: SET a b => +OK` is what client 1 says and what
    /// it is to be answered, without a number it is client 0; `after 5` lets 5 milliseconds pass.
    pub(in crate::commands) fn follow(&mut self, script: &str) {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(ms) = line.strip_prefix("after ") {
                let now_ms = self.worker.server().engine.clock().now_ms();
                self.clock.set_ms(now_ms + ms.parse::<u64>().unwrap());
            } else {
                let (said, expect) = line.split_once("=>").unwrap();
                let (client, command) = match said.split_once(": ") {
                    Some((client, command)) => (client.parse().unwrap(), command),
                    None => (0, said),
                };
                assert_eq!(self.say(client, command.trim()), expect.trim(), "{line}");
            }
        }
    }

    /// Returns what others may know of a client.
    pub(in crate::commands) fn client(&self, client: usize) -> Arc<crate::client::Client> {
        self.worker.session(self.clients[client]).unwrap().client.clone()
    }
}

/// Goes through a script on a server of its own.
pub(in crate::commands) fn follow(script: &str) {
    Conversation::new().follow(script);
}

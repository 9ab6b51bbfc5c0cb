//! Runs scripts whose readers block, and compares who is woken by which step and with what.
//!
//! Timeouts would make this a guess. Instead the oracle says after each step, through the flags
//! of CLIENT LIST, which of its readers still wait; the server under test has to wake the same
//! ones, and has to show a reader as blocked before the next step may come.

use std::time::{Duration, Instant};

use crate::client::{Client, Protocol};
use crate::command::{Command, Step};
use crate::reply::Reply;
use crate::server::Server;

/// How long a look at a socket takes before CLIENT LIST is asked again.
const GLANCE: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(5);

/// The connections of a script to one server.
pub(crate) struct Readers {
    clients: Vec<Reader>,
    control: Client,
}

struct Reader {
    client: Client,
    id: i64,
    waits: bool,
}

impl Readers {
    /// Opens connections and learns their ids.
    pub(crate) fn open(server: &Server, protocol: Protocol, connections: usize) -> Self {
        let open = || {
            let mut client = Client::connect(server.port(), protocol);
            let Reply::Integer(id) = client.call("CLIENT ID") else { panic!("CLIENT ID") };
            Reader { client, id, waits: false }
        };
        let clients = (0..connections).map(|_| open()).collect();
        Self { clients, control: Client::connect(server.port(), Protocol::Resp2) }
    }

    /// Whether this connection still waits, so that it can send nothing.
    pub(crate) fn waits(&self, connection: usize) -> bool {
        self.clients[connection].waits
    }

    /// Runs a step on the oracle: whatever came, by connection.
    pub(crate) fn lead(&mut self, step: &Step) -> Vec<Vec<Reply>> {
        self.send(step);
        self.clients[step.connection].waits = true;
        let deadline = Instant::now() + PATIENCE;
        let mut frames = Vec::new();
        for index in self.active_first(step) {
            let mut seen = Vec::new();
            while self.clients[index].waits && seen.is_empty() && !self.is_blocked(index) {
                match self.clients[index].client.read_within(GLANCE) {
                    Reply::Silence if Instant::now() < deadline => {}
                    reply => seen.push(reply),
                }
            }
            self.clients[index].waits &= seen.is_empty();
            frames.push((index, seen));
        }
        in_order(frames)
    }

    /// Runs a step on the server under test, which has to bring what the oracle brought.
    pub(crate) fn follow(&mut self, step: &Step, lead: &[Vec<Reply>]) -> Vec<Vec<Reply>> {
        self.send(step);
        self.clients[step.connection].waits = true;
        let mut frames = Vec::new();
        for index in self.active_first(step) {
            let mut seen = Vec::new();
            if self.clients[index].waits {
                seen = self.expect(index, !lead[index].is_empty());
            }
            self.clients[index].waits &= seen.is_empty();
            frames.push((index, seen));
        }
        in_order(frames)
    }

    /// Ends all waits, so that no reader of this script can meet the data of the next.
    pub(crate) fn close(mut self) {
        for reader in self.clients.iter_mut().filter(|reader| reader.waits) {
            self.control.call(&format!("CLIENT UNBLOCK {}", reader.id));
            reader.client.read_within(PATIENCE);
        }
    }

    /// Reads a reply that has to come, or makes sure that the reader blocks.
    fn expect(&mut self, index: usize, reply: bool) -> Vec<Reply> {
        if reply {
            return vec![self.clients[index].client.read()];
        }
        let deadline = Instant::now() + PATIENCE;
        while !self.is_blocked(index) {
            match self.clients[index].client.read_within(GLANCE) {
                Reply::Silence if Instant::now() < deadline => {}
                other => return vec![other],
            }
        }
        Vec::new()
    }

    fn active_first(&self, step: &Step) -> Vec<usize> {
        let rest = (0..self.clients.len()).filter(|&index| index != step.connection);
        std::iter::once(step.connection).chain(rest).collect()
    }

    /// Sends a command; `%id1` stands for the id of connection 1, and for an id that nobody has
    /// where a shrunk script has lost that connection.
    fn send(&mut self, step: &Step) {
        let fill = |arg: &Vec<u8>| match arg.strip_prefix(b"%id") {
            Some([digit]) => {
                let reader = self.clients.get(usize::from(digit - b'0'));
                reader.map_or(0, |reader| reader.id).to_string().into_bytes()
            }
            _ => arg.clone(),
        };
        let command = Command(step.command.0.iter().map(fill).collect());
        self.clients[step.connection].client.send(&command);
    }

    /// Looks for the flag `b` of a connection.
    fn is_blocked(&mut self, index: usize) -> bool {
        let list = self.control.call(&format!("CLIENT LIST ID {}", self.clients[index].id));
        let text = String::from_utf8_lossy(list.bytes()).into_owned();
        let flags = text.split(' ').find_map(|field| field.strip_prefix("flags="));
        flags.is_some_and(|flags| flags.contains('b'))
    }
}

fn in_order(mut frames: Vec<(usize, Vec<Reply>)>) -> Vec<Vec<Reply>> {
    frames.sort_by_key(|(index, _)| *index);
    frames.into_iter().map(|(_, seen)| seen).collect()
}

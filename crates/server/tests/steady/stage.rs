//! A worker and its clients without sockets, and operations that can be repeated for ever: what is
//! measured of the way from a request's bytes to a reply's.

use std::io::{IoSlice, Write as _};
use std::sync::Arc;

use firth_engine::{Engine, FileDisk, ManualClock, Options};
use firth_server::client::Peer;
use firth_server::config::Config;
use firth_server::server::Server;
use firth_server::worker::Worker;

/// How many subscribers hear a message, and how many readers wait for an entry.
const CROWD: usize = 100;

/// The value that an entry or a message has: 16 bytes.
const VALUE: &str = "0123456789abcdef";

/// The first of these is how an operation is called, the second what it is.
pub(crate) const OPERATIONS: [(&str, Operation); 11] = [
    ("ping", Operation::Ping),
    ("xadd", Operation::Append),
    ("xadd_16", Operation::AppendSixteen),
    ("publish", Operation::Publish),
    ("publish_to_100", Operation::PublishToMany),
    ("xreadgroup_10_xack", Operation::GroupRead),
    ("xread_blocked_100", Operation::BlockedReaders),
    ("xrange_100", Operation::Range),
    ("xread_1000", Operation::Scan),
    ("xautoclaim_100", Operation::AutoClaim),
    ("xclaim_10", Operation::Claim),
];

/// Something that clients do again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// The least that there is: PING.
    Ping,
    /// One XADD, one in flight.
    Append,
    /// Sixteen XADDs in flight.
    AppendSixteen,
    /// A PUBLISH that nobody hears.
    Publish,
    /// A PUBLISH that a hundred subscribers hear.
    PublishToMany,
    /// Ten XADDs, XREADGROUP of ten, and XACK of each, in flight together.
    GroupRead,
    /// A hundred clients block in XREAD, and an XADD wakes them.
    BlockedReaders,
    /// XRANGE of a hundred entries.
    Range,
    /// XREAD of a thousand entries.
    Scan,
    /// XAUTOCLAIM of a hundred pending entries.
    AutoClaim,
    /// XCLAIM of ten ids.
    Claim,
}

/// A worker and its clients.
#[derive(Debug)]
pub(crate) struct Stage {
    worker: Worker,
    clients: Vec<u64>,
    unsent: Vec<u64>,
    /// How many bytes clients were sent.
    pub(crate) sent: usize,
}

/// An operation that is ready to be repeated.
#[derive(Debug)]
pub(crate) struct Rehearsed {
    stage: Stage,
    operation: Operation,
    /// What the first client sends.
    request: Vec<u8>,
    /// What a reader sends that waits.
    wait: Vec<u8>,
    /// The number of the next entry.
    next: u64,
}

impl Stage {
    /// Returns an empty server with so many clients, whose clock stands at 1000 s.
    pub(crate) fn new(clients: usize) -> Self {
        let (clock, disk) = (Arc::new(ManualClock::at_ms(1_000_000)), Arc::new(FileDisk));
        let engine = Engine::open(&Options::new(), clock, disk).expect("it is in memory").0;
        let server = Server::new(engine, Config::default(), "0".repeat(40));
        let mut worker = Worker::new(Arc::new(server), 0).expect("there is a worker 0");
        let peer = |n| Peer { address: format!("peer-{n}:1"), ..Peer::default() };
        let clients = (0..clients).map(|n| worker.connect(peer(n))).collect();
        Stage { worker, clients, unsent: Vec::new(), sent: 0 }
    }

    /// Lets a client say something, and sends all that clients are to hear.
    pub(crate) fn turn(&mut self, client: usize, input: &[u8]) {
        let used = self.worker.receive(self.clients[client], input);
        assert_eq!(used, input.len(), "all of it is run");
        self.finish();
    }

    /// Does what is left to do until so many clients that were blocked may go on.
    fn resume(&mut self, mut clients: usize) {
        for _ in 0..2 * CROWD {
            clients = clients.saturating_sub(self.worker.take_resumed().len());
            if clients == 0 {
                return;
            }
            self.worker.read_mail();
            self.finish();
        }
        unreachable!("{clients} clients are still blocked");
    }

    /// Sends what clients are to hear.
    fn finish(&mut self) {
        self.worker.end_tick();
        self.worker.settle();
        let dirty = self.worker.local().outboxes.take_dirty();
        for &token in &dirty {
            self.send(token);
        }
        let outboxes = &mut self.worker.local().outboxes;
        outboxes.give_back(dirty);
        outboxes.end_tick(&self.unsent);
        assert!(self.worker.take_doomed().clients.is_empty());
    }

    fn send(&mut self, token: u64) {
        loop {
            let outboxes = &mut self.worker.local().outboxes;
            let mut slices = [IoSlice::new(&[]); 16];
            let used = outboxes.slices(token, &mut slices);
            let bytes = slices[..used].iter().map(|slice| slice.len()).sum();
            if bytes == 0 {
                return;
            }
            outboxes.advance(token, bytes);
            self.sent += bytes;
        }
    }

    /// Lets a client say some words.
    fn say(&mut self, client: usize, words: &[&str]) {
        let mut request = Vec::new();
        put(&mut request, words);
        self.turn(client, &request);
    }
}

impl Rehearsed {
    /// Brings about what an operation needs.
    pub(crate) fn new(operation: Operation) -> Self {
        let mut stage = Stage::new(1 + CROWD);
        let pending = 1000;
        match operation {
            Operation::PublishToMany => {
                (1..=CROWD).for_each(|n| stage.say(n, &["SUBSCRIBE", "news"]));
            }
            Operation::GroupRead => stage.say(0, &["XGROUP", "CREATE", "s", "g", "$", "MKSTREAM"]),
            Operation::Range | Operation::Scan | Operation::AutoClaim | Operation::Claim => {
                for n in 1..=pending {
                    stage.say(0, &["XADD", "s", &format!("{n}-0"), "field", VALUE]);
                }
                stage.say(0, &["XGROUP", "CREATE", "s", "g", "0"]);
                stage.say(
                    0,
                    &["XREADGROUP", "GROUP", "g", "c", "COUNT", "1000", "STREAMS", "s", ">"],
                );
            }
            _ => {}
        }
        let (mut request, mut wait) = (Vec::new(), Vec::new());
        put_operation(&mut request, operation);
        put(&mut wait, &["XREAD", "BLOCK", "0", "STREAMS", "s", "$"]);
        Rehearsed { stage, operation, request, wait, next: 1 }
    }

    /// Does it once more, and returns how many bytes clients were sent for it.
    pub(crate) fn once(&mut self) -> usize {
        let before = self.stage.sent;
        if self.operation == Operation::BlockedReaders {
            (1..=CROWD).for_each(|n| self.stage.turn(n, &self.wait));
        } else if self.operation == Operation::GroupRead {
            self.request.clear();
            put_group_read(&mut self.request, &mut self.next);
        }
        self.stage.turn(0, &self.request);
        if self.operation == Operation::BlockedReaders {
            self.stage.resume(CROWD);
        }
        self.stage.sent - before
    }
}

/// Adds what the first client sends each time, as far as that is always the same.
fn put_operation(request: &mut Vec<u8>, operation: Operation) {
    let append = ["XADD", "s", "*", "field", VALUE];
    match operation {
        Operation::Ping => put(request, &["PING"]),
        Operation::Append | Operation::BlockedReaders => put(request, &append),
        Operation::AppendSixteen => (0..16).for_each(|_| put(request, &append)),
        Operation::Publish | Operation::PublishToMany => put(request, &["PUBLISH", "news", VALUE]),
        Operation::GroupRead => {}
        Operation::Range => put(request, &["XRANGE", "s", "400", "+", "COUNT", "100"]),
        Operation::Scan => put(request, &["XREAD", "COUNT", "1000", "STREAMS", "s", "0"]),
        Operation::AutoClaim => {
            put(request, &["XAUTOCLAIM", "s", "g", "d", "0", "400", "COUNT", "100", "JUSTID"]);
        }
        Operation::Claim => put(
            request,
            &[
                "XCLAIM", "s", "g", "d", "0", "101-0", "201-0", "301-0", "401-0", "501-0", "601-0",
                "701-0", "801-0", "901-0", "1000-0",
            ],
        ),
    }
}

/// Ten appends with ids that are known, a read of them, and their acknowledgement.
fn put_group_read(request: &mut Vec<u8>, next: &mut u64) {
    let mut ids = [[0; 24]; 10];
    let mut lens = [0; 10];
    for (id, len) in ids.iter_mut().zip(&mut lens) {
        let mut room = &mut id[..];
        write!(room, "{next}-0").expect("there is room");
        let left = room.len();
        *len = id.len() - left;
        *next += 1;
    }
    let text = |n: usize| std::str::from_utf8(&ids[n][..lens[n]]).unwrap_or_default();
    (0..10).for_each(|n| put(request, &["XADD", "s", text(n), "field", VALUE]));
    put(request, &["XREADGROUP", "GROUP", "g", "c", "COUNT", "10", "STREAMS", "s", ">"]);
    put(
        request,
        &[
            "XACK",
            "s",
            "g",
            text(0),
            text(1),
            text(2),
            text(3),
            text(4),
            text(5),
            text(6),
            text(7),
            text(8),
            text(9),
        ],
    );
}

/// Adds a request of some words.
pub(crate) fn put(request: &mut Vec<u8>, words: &[&str]) {
    write!(request, "*{}\r\n", words.len()).expect("a vector takes all");
    for word in words {
        write!(request, "${}\r\n{word}\r\n", word.len()).expect("a vector takes all");
    }
}

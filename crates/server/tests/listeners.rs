//! Messages between clients of two workers, driven without sockets, so that everything happens in
//! the order that a test says.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::io::IoSlice;
use std::sync::Arc;

use firth_engine::{Engine, FileDisk, ManualClock, Options};
use firth_resp::encode_request;
use firth_server::client::Peer;
use firth_server::config::Config;
use firth_server::server::Server;
use firth_server::worker::Worker;

/// A client: its worker and its token.
type Who = (usize, u64);

struct Program {
    workers: Vec<Worker>,
}

impl Program {
    fn new(workers: usize) -> Self {
        let clock = Arc::new(ManualClock::at_ms(1_700_000_000_123));
        let engine = Engine::open(&Options::new(), clock, &FileDisk).unwrap();
        let config = Config { threads: workers, ..Config::default() };
        let server = Arc::new(Server::new(engine, config, "0".repeat(40)));
        let worker = |number: usize| Worker::new(server.clone(), number as u16).unwrap();
        Program { workers: (0..workers).map(worker).collect() }
    }

    fn connect(&mut self, worker: usize) -> Who {
        let peer = Peer { address: format!("peer-{worker}:1"), ..Peer::default() };
        (worker, self.workers[worker].connect(peer))
    }

    /// Runs commands that arrive together, without a look at the mail, and returns what they send.
    fn run(&mut self, (worker, token): Who, commands: &str) -> String {
        let mut input = Vec::new();
        for command in commands.split(" ; ") {
            let words: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
            encode_request(&mut input, &words);
        }
        assert_eq!(self.workers[worker].receive(token, &input), input.len());
        self.sent((worker, token))
    }

    /// Ends the tick of all workers and returns what it sends to a client.
    fn tick(&mut self, who: Who) -> String {
        for worker in &mut self.workers {
            worker.end_tick();
        }
        self.workers[who.0].read_mail();
        self.sent(who)
    }

    /// Returns what waits for a client, in one line.
    fn sent(&mut self, (worker, token): Who) -> String {
        let outboxes = &mut self.workers[worker].local().outboxes;
        let mut slices = [IoSlice::new(&[]); 64];
        let used = outboxes.slices(token, &mut slices);
        let bytes: Vec<u8> = slices[..used].iter().flat_map(|slice| slice.to_vec()).collect();
        outboxes.advance(token, bytes.len());
        String::from_utf8(bytes).unwrap().replace("\r\n", " ").trim_end().to_owned()
    }
}

/// Returns bulk strings as `sent` shows them.
fn bulks(texts: &[&str]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| format!("${} {text}", text.len())).collect();
    texts.join(" ")
}

fn resp3(program: &mut Program, worker: usize) -> Who {
    let who = program.connect(worker);
    assert!(program.run(who, "HELLO 3").starts_with('%'));
    who
}

#[test]
fn what_was_published_before_a_listener_left_comes_before_the_confirmation() {
    let cases = [
        ("SUBSCRIBE c", "UNSUBSCRIBE c", "unsubscribe", "c", &["message", "c", "hi"][..]),
        ("SUBSCRIBE c", "UNSUBSCRIBE", "unsubscribe", "c", &["message", "c", "hi"]),
        ("PSUBSCRIBE *", "PUNSUBSCRIBE", "punsubscribe", "*", &["pmessage", "*", "c", "hi"]),
    ];
    for (enter, leave, verb, name, message) in cases {
        let mut program = Program::new(2);
        let (publisher, listener) = (program.connect(0), program.connect(1));
        program.run(listener, enter);
        assert_eq!(program.run(publisher, "PUBLISH c hi"), ":1");
        let message = format!("*{} {}", message.len(), bulks(message));
        let confirmation = format!("*3 {} :0", bulks(&[verb, name]));
        assert_eq!(program.run(listener, leave), format!("{message} {confirmation}"));
        assert_eq!(program.run(publisher, "PUBLISH c late"), ":0");
        assert_eq!(program.tick(listener), "");
    }
}

#[test]
fn all_listeners_see_the_messages_of_a_channel_in_one_order() {
    let mut program = Program::new(2);
    let publishers = [program.connect(0), program.connect(1)];
    let listeners = [program.connect(0), program.connect(1)];
    for listener in listeners {
        program.run(listener, "SUBSCRIBE c");
    }
    let expect: Vec<String> = (0..6)
        .map(|n| {
            assert_eq!(program.run(publishers[n % 2], &format!("PUBLISH c {n}")), ":2");
            format!("*3 {}", bulks(&["message", "c", &n.to_string()]))
        })
        .collect();
    for listener in listeners {
        assert_eq!(program.tick(listener), expect.join(" "));
    }
}

#[test]
fn messages_to_oneself_follow_the_reply_and_are_never_silenced() {
    let mut program = Program::new(1);
    let me = resp3(&mut program, 0);
    let subscribed = format!(">3 {} :1", bulks(&["subscribe", "c"]));
    let message = format!(">3 {}", bulks(&["message", "c", "hi"]));
    assert_eq!(program.run(me, "SUBSCRIBE c"), subscribed);
    assert_eq!(program.run(me, "PUBLISH c hi ; PING"), format!(":1 {message} +PONG"));
    let all = program.run(me, "MULTI ; PUBLISH c hi ; PING ; EXEC");
    assert_eq!(all, format!("+OK +QUEUED +QUEUED *2 :1 +PONG {message}"));
    let silent = "CLIENT REPLY OFF ; PING ; SUBSCRIBE c ; PUBLISH c hi ; CLIENT REPLY ON";
    assert_eq!(program.run(me, silent), format!("{subscribed} {message} +OK"));
}

#[test]
fn a_monitor_is_sent_nothing_once_it_was_reset() {
    let mut program = Program::new(2);
    let (other, monitor) = (program.connect(0), program.connect(1));
    assert_eq!(program.run(monitor, "MONITOR"), "+OK");
    program.run(other, "PING a");
    let line = "+1700000000.123000 [0 peer-0:1] \"PING\" \"a\"";
    assert_eq!(program.run(monitor, "RESET"), format!("{line} +RESET"));
    program.run(other, "PING b");
    assert_eq!(program.tick(monitor), "");
}

#[test]
fn changed_keys_are_told_across_workers() {
    let mut program = Program::new(2);
    let writer = program.connect(0);
    let reader = resp3(&mut program, 1);
    program.run(reader, "CLIENT TRACKING ON ; GET k");
    program.run(writer, "SET k 1");
    assert_eq!(program.tick(reader), format!(">2 {} *1 {}", bulks(&["invalidate"]), bulks(&["k"])));
    program.run(writer, "SET k 2");
    assert_eq!(program.tick(reader), "", "a key is forgotten once it was told of");
    program.run(reader, "GET k");
    program.run(writer, "SET k 3");
    assert_eq!(program.run(reader, "RESET"), "+RESET");
    assert_eq!(program.tick(reader), "", "no push may reach a client that speaks RESP2");
}

#[test]
fn own_changes_are_told_after_the_reply() {
    let mut program = Program::new(1);
    let me = resp3(&mut program, 0);
    let told = format!(">2 {} *1 {}", bulks(&["invalidate"]), bulks(&["k"]));
    program.run(me, "CLIENT TRACKING ON");
    assert_eq!(program.run(me, "GET k ; SET k 1 ; PING"), format!("_ +OK {told} +PONG"));
    let all = program.run(me, "MULTI ; GET k ; SET k 2 ; EXEC");
    assert_eq!(all, format!("+OK +QUEUED +QUEUED *2 $1 1 +OK {told}"));
    assert_eq!(program.run(me, "CLIENT TRACKING ON NOLOOP ; GET k ; SET k 3"), "+OK $1 2 +OK");
}

#[test]
fn broadcasts_of_a_tick_go_together() {
    let mut program = Program::new(2);
    let writer = program.connect(0);
    let reader = resp3(&mut program, 1);
    let told =
        |keys: &[&str]| format!(">2 {} *{} {}", bulks(&["invalidate"]), keys.len(), bulks(keys));
    program.run(reader, "CLIENT TRACKING ON BCAST NOLOOP PREFIX a PREFIX b");
    program.run(writer, "SET b1 1 ; SET a2 1 ; SET a1 1 ; SET c 1 ; SET a2 2");
    assert_eq!(program.tick(reader), format!("{} {}", told(&["a1", "a2"]), told(&["b1"])));
    assert_eq!(program.run(reader, "SET a1 1 ; SET b1 1"), "+OK +OK");
    program.run(writer, "SET a2 1");
    assert_eq!(program.tick(reader), told(&["a2"]));
}

#[test]
fn the_table_of_tracked_keys_is_bounded() {
    let mut program = Program::new(1);
    let me = resp3(&mut program, 0);
    let server = program.workers[0].server().clone();
    server
        .reconfigure(|config| {
            config.tracking_keys_max = 5;
            Ok::<_, ()>(())
        })
        .unwrap();
    program.run(me, "CLIENT TRACKING ON");
    let gets: Vec<String> = (0..100).map(|n| format!("GET k{n}")).collect();
    let sent = program.run(me, &gets.join(" ; "));
    let told = sent.matches("invalidate").count();
    let tracked = server.tracked_keys.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(told as u64 + tracked, 100);
    assert!(tracked <= 5, "{tracked} keys are tracked");
}

#[test]
fn a_client_that_leaves_is_forgotten() {
    let mut program = Program::new(1);
    let (one, two) = (resp3(&mut program, 0), program.connect(0));
    program
        .run(one, "CLIENT TRACKING ON BCAST PREFIX a ; SUBSCRIBE c ; PSUBSCRIBE p ; SSUBSCRIBE s");
    program.run(two, "MONITOR");
    for who in [one, two] {
        program.workers[0].disconnect(who.1);
    }
    let server = program.workers[0].server().clone();
    let hub = server.engine.hub();
    let load =
        |counter: &std::sync::atomic::AtomicU64| counter.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(load(&server.pubsub_clients), 0);
    assert_eq!(load(&server.monitor_count), 0);
    assert_eq!(server.tracking_clients.load(std::sync::atomic::Ordering::Relaxed), 0);
    assert_eq!((server.broadcasts.prefix_count(), hub.pattern_count()), (0, 0));
    assert!(!server.engine.settings().broadcasts());
    for space in [firth_engine::pubsub::Space::Channel, firth_engine::pubsub::Space::Shard] {
        assert_eq!(hub.channel_count(space), 0);
    }
}

//! Everything at once, from many clients, for a while.
//!
//! `FIRTH_SOAK_SECONDS` says for how long; by default it is short.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};
use std::{array, env};

use crate::{Dice, Kind, Server, check, connect, pipeline, wait_for_info};

const CLIENTS: u64 = 20;

/// What clients do; `#` stands for a small number.
const COMMANDS: [&str; 40] = [
    "XADD s# MAXLEN 100 * f v",
    "XADD s# * f v",
    "XADD s# * f v",
    "XREADGROUP GROUP g c# COUNT 10 BLOCK # STREAMS s# >",
    "XREADGROUP GROUP g c# COUNT 10 BLOCK 20 STREAMS s0 s1 s2 > > >",
    "XREADGROUP GROUP g c# NOACK BLOCK # STREAMS s# >",
    "XREAD BLOCK # STREAMS s0 s# $ $",
    "XREAD COUNT 5 STREAMS s# 0",
    "XGROUP CREATE s# g 0 MKSTREAM",
    "XGROUP DESTROY s# g",
    "XACK s# g 1-1",
    "XAUTOCLAIM s# g c# 0 0",
    "XPENDING s# g - + 10",
    "XTRIM s# MAXLEN 10",
    "DEL s#",
    "PUBLISH ch# message",
    "PUBLISH ch# message",
    "SUBSCRIBE ch#",
    "PSUBSCRIBE ch*",
    "UNSUBSCRIBE",
    "PUNSUBSCRIBE",
    "HELLO 3",
    "MULTI",
    "SET k# v",
    "EXEC",
    "DISCARD",
    "WATCH k# s#",
    "UNWATCH",
    "CLIENT KILL ID #",
    "CLIENT UNBLOCK #",
    "CLIENT TRACKING ON",
    "CLIENT TRACKING OFF",
    "FLUSHALL",
    "SWAPDB 0 1",
    "SELECT 1",
    "CONFIG SET notify-keyspace-events KEA",
    "CONFIG SET stream-node-max-entries 10",
    "CONFIG SET maxclients 1000",
    "INFO everything",
    "RESET",
];

/// Talks at random until the end, and never stops reading.
fn talk(port: u16, seed: u64, end: Instant) {
    let mut dice = Dice(seed);
    while Instant::now() < end {
        let Ok(mut socket) = TcpStream::connect(("127.0.0.1", port)) else { return };
        let reading = socket.try_clone().unwrap();
        let reader = thread::spawn(move || drain(reading));
        for _ in 0..dice.below(200) {
            let template = COMMANDS[dice.below(COMMANDS.len() as u64) as usize];
            // Numbers of clients are higher than those of keys.
            let range = if template.starts_with("CLIENT") { 200 } else { 5 };
            let line = template.replace('#', &dice.below(range).to_string());
            if socket.write_all(&pipeline(&[&line])).is_err() {
                break;
            }
            if dice.below(4) == 0 {
                thread::sleep(Duration::from_millis(dice.below(3)));
            }
        }
        socket.shutdown(std::net::Shutdown::Both).ok();
        reader.join().unwrap();
    }
}

fn drain(mut socket: TcpStream) {
    let mut bytes = [0; 65536];
    while socket.read(&mut bytes).is_ok_and(|count| count > 0) {}
}

#[test]
fn nothing_breaks_and_nothing_is_left() {
    let seconds = env::var("FIRTH_SOAK_SECONDS").ok().and_then(|text| text.parse().ok());
    let length = Duration::from_secs(seconds.unwrap_or(4));
    let server = Server::start_with(Kind::Firth, &["--threads", "2"]);
    let port = server.port();
    let end = Instant::now() + length;
    let clients: [_; CLIENTS as usize] =
        array::from_fn(|number| thread::spawn(move || talk(port, number as u64 + 7, end)));
    while Instant::now() < end {
        assert!(server.accepts(), "it is gone\n{}", server.log_tail());
        // One that has been killed by the others is replaced.
        let mut watchdog = connect(&server);
        let answer = watchdog.call("PING").to_string();
        if answer == "<no reply>" {
            let list = connect(&server).call("CLIENT LIST");
            panic!("a worker hangs\n{list}\n{}", server.log_tail());
        }
        thread::sleep(Duration::from_millis(20));
    }
    clients.into_iter().for_each(|client| client.join().unwrap());
    assert!(server.accepts(), "{}", server.log_tail());
    let mut witness = connect(&server);
    assert_eq!(witness.call("PING").to_string(), "+PONG", "{}", server.log_tail());
    wait_for_info(&mut witness, &[("connected_clients", "1")]);
    let zeros = [
        "blocked_clients",
        "tracking_clients",
        "pubsub_clients",
        "watching_clients",
        "total_watched_keys",
        "total_blocking_keys",
        "total_blocking_keys_on_nokey",
        "pubsub_channels",
        "pubsub_patterns",
    ];
    wait_for_info(&mut witness, &zeros.map(|field| (field, "0")));
    check(&mut witness, "FLUSHALL", "+OK");
    wait_for_info(&mut witness, &[("tracking_total_keys", "0"), ("tracking_total_items", "0")]);
    assert!(!server.log_tail().contains("panicked"), "{}", server.log_tail());
}

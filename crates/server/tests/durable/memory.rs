//! Streams that are many times as large as the memory they may take: the operating system refuses
//! the process more than a little beyond the limit, so that whoever takes more is ended by it.

use std::fs;
use std::process::Command;

use crate::client::Client;
use crate::reply::Reply;
use crate::server::{Kind, Server};
use crate::{ask, connect, integer, log, text};

const LIMIT_MIB: u64 = 8;
/// What the process may take beside what it had at its start: twice the limit, and a fixed base for
/// buffers of replies, of requests and of the log.
const ROOM_MIB: u64 = 2 * LIMIT_MIB + 24;
/// Entries of the streams, which hold more than there is room for, and eight times the limit.
const ENTRIES: u64 = 64_000;
const VALUE_BYTES: usize = 1000;
const STREAMS: u64 = 2;
const BATCH: u64 = 500;

const FLAGS: [&str; 6] = ["--maxmemory", "8mb", "--threads", "2", "--durability", "everysec"];

/// Returns what the process has for data, in MiB.
fn data_mib(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// Forbids the process more than a little memory from now on; says whether that was possible.
pub(crate) fn confine(server: &Server, room_mib: u64) -> bool {
    let bytes = (data_mib(server) + room_mib) << 20;
    let pid = format!("--pid={}", server.pid());
    let limit = format!("--data={bytes}:{bytes}");
    let done = Command::new("prlimit").args([pid, limit]).status();
    done.is_ok_and(|status| status.success())
}

/// Returns the value of an entry: its number, and bytes that no two entries share.
fn value(number: u64) -> String {
    let mut value = format!("{number}.");
    let mut noise = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    while value.len() < VALUE_BYTES {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        value.push_str(&format!("{noise:016x}"));
    }
    value.truncate(VALUE_BYTES);
    value
}

fn fill(client: &mut Client) {
    for first in (1..=ENTRIES).step_by(BATCH as usize) {
        let numbers = first..first + BATCH;
        let add = |n: u64| format!("XADD s{} {n}-1 v {}", n % STREAMS, value(n));
        let encoded = |line: String| crate::command::Command::parse(&line).encode();
        let batch: Vec<u8> = numbers.clone().map(add).flat_map(encoded).collect();
        client.send_raw(&batch);
        for number in numbers {
            assert_eq!(client.read(), Reply::Bulk(format!("{number}-1").into_bytes()));
        }
    }
}

fn check(client: &mut Client) {
    for stream in 0..STREAMS {
        let length = integer(&ask(client, &format!("XLEN s{stream}")));
        assert_eq!(length as u64, ENTRIES / STREAMS);
        let mut numbers = (1..=ENTRIES).filter(|number| number % STREAMS == stream);
        let mut start = "-".to_owned();
        loop {
            let reply = ask(client, &format!("XRANGE s{stream} {start} + COUNT 1000"));
            for entry in reply.items() {
                let [id, fields] = entry.items() else { panic!("{entry}") };
                let number = numbers.next().unwrap();
                assert_eq!(text(id), format!("{number}-1"));
                assert_eq!(text(&fields.items()[1]), value(number));
                start = format!("({}", text(id));
            }
            if reply.items().is_empty() {
                break;
            }
        }
        assert_eq!(numbers.next(), None, "of s{stream}");
    }
}

#[test]
fn streams_may_be_many_times_as_large_as_the_memory() {
    let mut server = Server::start_with(Kind::Firth, &FLAGS);
    let mut client = connect(server.port());
    assert_eq!(ask(&mut client, "PING"), Reply::Simple("PONG".into()));
    if !confine(&server, ROOM_MIB) {
        // It shows where tests are shown, and in continuous integration it fails.
        eprintln!("SKIPPED: prlimit, which limits the memory of others, is missing");
        assert!(std::env::var_os("CI").is_none());
        return;
    }
    fill(&mut client);
    check(&mut client);
    server.signal("TERM");
    assert!(server.wait_for_end().success(), "{}", server.log_tail());
    server.start_again(Kind::Firth, &FLAGS);
    let mut client = connect(server.port());
    assert_eq!(ask(&mut client, "PING"), Reply::Simple("PONG".into()));
    assert!(confine(&server, ROOM_MIB));
    check(&mut client);
    let log = log(&server);
    assert!(!log.contains("panicked") && !log.contains("memory allocation"), "{log}");
}

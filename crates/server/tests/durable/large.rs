//! Values that are large beside the memory there may be: what does not fit is refused by the command
//! that asks for it, its connection goes on, and the process stays small.

use crate::client::Client;
use crate::command::Command;
use crate::memory::confine;
use crate::reply::Reply;
use crate::server::{Kind, Server};
use crate::{PATIENCE, ask, connect, integer, log, text};

const LIMIT_MIB: usize = 16;
/// What the process may take beside what it had at its start: the limit and as much again for what
/// is being received, and a fixed base for buffers of requests and of the log.
const ROOM_MIB: u64 = 2 * LIMIT_MIB as u64 + 40;
/// Keys and what else is counted beside the values.
const SMALL_BYTES: usize = 64 << 10;
const MIB: usize = 1 << 20;

fn start(durability: &str) -> Server {
    let flags = ["--maxmemory", "16mb", "--threads", "2", "--durability", durability];
    Server::start_with(Kind::Firth, &flags)
}

fn encoded(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

fn set(key: &str, bytes: usize) -> Vec<u8> {
    encoded(&[b"SET", key.as_bytes(), &vec![b'v'; bytes]])
}

fn info(client: &mut Client, field: &str) -> usize {
    let memory = text(&ask(client, "INFO memory"));
    let value = memory.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.unwrap_or_else(|| panic!("{field} in {memory}")).parse().unwrap()
}

/// What keys take is no more than the limit, and the client is still served.
fn check(client: &mut Client, server: &Server) {
    assert_eq!(ask(client, "PING"), Reply::Simple("PONG".into()));
    let used = info(client, "used_memory_dataset");
    assert!(used <= LIMIT_MIB * MIB + SMALL_BYTES, "{used}");
    let log = log(server);
    assert!(!log.contains("panicked") && !log.contains("memory allocation"), "{log}");
}

/// Sends requests that are answered by OK or by a refusal; returns how many by OK.
fn count_taken(client: &mut Client, requests: &[Vec<u8>]) -> usize {
    let mut taken = 0;
    // What is on its way is bounded by the sockets' buffers; the answers are short.
    client.send_raw(&requests.concat());
    for _ in requests {
        match client.read_within(PATIENCE) {
            Reply::Simple(_) => taken += 1,
            other => assert!(other.is_error("OOM"), "{other}"),
        }
    }
    taken
}

fn fills_up(durability: &str) {
    let server = start(durability);
    let mut client = connect(server.port());
    assert_eq!(ask(&mut client, "PING"), Reply::Simple("PONG".into()));
    let is_confined = confine(&server, ROOM_MIB);
    for round in 0..3 {
        // Together they are many times what the process may take.
        let sets: Vec<Vec<u8>> = (0..200).map(|n| set(&format!("k{round}:{n}"), MIB)).collect();
        let taken = count_taken(&mut client, &sets);
        assert_eq!(taken, LIMIT_MIB - 1, "round {round}");
        check(&mut client, &server);
        let sizes = (0..200).map(|n| ask(&mut client, &format!("STRLEN k{round}:{n}")));
        assert_eq!(sizes.filter(|size| *size == Reply::Integer(MIB as i64)).count(), taken);
        // What is gone makes room at once, in either way.
        match round {
            0 => assert_eq!(ask(&mut client, "FLUSHALL"), Reply::Simple("OK".into())),
            _ => (0..200).for_each(|n| _ = ask(&mut client, &format!("DEL k{round}:{n}"))),
        }
        assert!(info(&mut client, "used_memory_dataset") < SMALL_BYTES);
    }
    assert!(is_confined || std::env::var_os("CI").is_none(), "prlimit is missing");
}

#[test]
fn large_strings_beyond_the_limit_are_refused() {
    fills_up("everysec");
}

#[test]
fn durable_large_strings_beyond_the_limit_are_refused() {
    fills_up("always");
}

#[test]
fn several_clients_do_not_outrun_the_limit_together() {
    let server = start("never");
    let mut client = connect(server.port());
    assert_eq!(ask(&mut client, "PING"), Reply::Simple("PONG".into()));
    confine(&server, ROOM_MIB + 8);
    let taken: usize = std::thread::scope(|scope| {
        let work = |name: usize| {
            let mut client = connect(server.port());
            (0..60).map(|n| count_taken(&mut client, &[set(&format!("{name}:{n}"), MIB)])).sum()
        };
        let threads: Vec<_> =
            (0..6).map(|name| scope.spawn(move || -> usize { work(name) })).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    // Each of the two threads of the server may have looked while the other one was about to add.
    assert!((LIMIT_MIB - 1..=LIMIT_MIB).contains(&taken), "{taken}");
    assert_eq!(integer(&ask(&mut client, "DBSIZE")) as usize, taken);
    assert_eq!(ask(&mut client, "PING"), Reply::Simple("PONG".into()));
}

#[test]
fn a_value_that_can_never_fit_is_refused() {
    let server = start("never");
    let mut client = connect(server.port());
    assert_eq!(ask(&mut client, "SET small v"), Reply::Simple("OK".into()));
    assert_eq!(count_taken(&mut client, &[set("k", 40 * MIB)]), 0);
    check(&mut client, &server);
    client.send_raw(&encoded(&[b"XADD", b"s", b"*", b"f", &vec![b'v'; 40 * MIB]]));
    let reply = client.read_within(PATIENCE);
    assert!(reply.is_error("OOM"), "{reply}");
    for far in ["SETRANGE small 40000000 x", "SETRANGE other 40000000 x"] {
        let reply = ask(&mut client, far);
        assert!(reply.is_error("OOM"), "{far}: {reply}");
    }
    assert_eq!(count_taken(&mut client, &[set("k", 9 * MIB)]), 1);
    let reply = ask(&mut client, "COPY k l");
    assert!(reply.is_error("OOM"), "{reply}");
    // A text that grows by little takes little.
    for _ in 0..100 {
        let len = integer(&ask(&mut client, "APPEND k more"));
        assert!(len as usize > 9 * MIB);
    }
    check(&mut client, &server);
    assert!(info(&mut client, "used_memory_dataset") < 11 * MIB);
    assert_eq!(text(&ask(&mut client, "GET small")), "v");
    assert_eq!(ask(&mut client, "EXISTS l other"), Reply::Integer(0));
}

#[test]
fn a_transaction_that_cannot_fit_is_refused() {
    let server = start("everysec");
    let mut client = connect(server.port());
    assert_eq!(ask(&mut client, "PING"), Reply::Simple("PONG".into()));
    confine(&server, ROOM_MIB);
    for number in 0..3 {
        assert_eq!(ask(&mut client, "MULTI"), Reply::Simple("OK".into()));
        let sets: Vec<Vec<u8>> = (0..100).map(|n| set(&format!("k{n}"), MIB)).collect();
        let queued = count_taken(&mut client, &sets);
        assert!((1..LIMIT_MIB).contains(&queued), "{queued}");
        let reply = ask(&mut client, if number < 2 { "EXEC" } else { "DISCARD" });
        assert!(number == 2 || reply.is_error("EXECABORT"), "{reply}");
        assert_eq!(ask(&mut client, "DBSIZE"), Reply::Integer(0));
        check(&mut client, &server);
    }
    assert_eq!(ask(&mut client, "MULTI"), Reply::Simple("OK".into()));
    let sets: Vec<Vec<u8>> = (0..5).map(|n| set(&format!("k{n}"), MIB)).collect();
    assert_eq!(count_taken(&mut client, &sets), 5);
    assert_eq!(ask(&mut client, "EXEC").items().len(), 5);
    check(&mut client, &server);
    // What fits when it is queued need not do so any more.
    assert_eq!(ask(&mut client, "MULTI"), Reply::Simple("OK".into()));
    assert_eq!(count_taken(&mut client, &sets), 5);
    let mut other = connect(server.port());
    assert!(count_taken(&mut other, &[set("a", 4 * MIB), set("b", 4 * MIB)]) > 0);
    let reply = ask(&mut client, "EXEC");
    assert!(reply.is_error("EXECABORT") && reply.to_string().contains("OOM"), "{reply}");
    check(&mut client, &server);
}

#[test]
fn large_entries_wait_for_others_to_leave_memory() {
    let server = start("everysec");
    let mut client = connect(server.port());
    assert_eq!(ask(&mut client, "PING"), Reply::Simple("PONG".into()));
    confine(&server, ROOM_MIB);
    for number in 1..=100_u8 {
        let id = format!("{number}-1");
        let value = vec![number; MIB];
        client.send_raw(&encoded(&[b"XADD", b"s", id.as_bytes(), b"f", &value]));
    }
    for number in 1..=100 {
        assert_eq!(client.read_within(PATIENCE), Reply::Bulk(format!("{number}-1").into_bytes()));
    }
    for number in [1, 50, 100_u8] {
        let reply = ask(&mut client, &format!("XRANGE s {number} {number}"));
        let [entry] = reply.items() else { panic!("{reply}") };
        assert_eq!(entry.items()[1].items()[1].bytes(), vec![number; MIB]);
    }
    let line = Command::parse("PING");
    client.send(&line);
    assert_eq!(client.read_within(PATIENCE), Reply::Simple("PONG".into()));
    let log = log(&server);
    assert!(!log.contains("panicked") && !log.contains("memory allocation"), "{log}");
}

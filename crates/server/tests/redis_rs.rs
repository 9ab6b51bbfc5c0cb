//! The client `redis` (redis-rs) works with the server: over both protocols, with pub/sub,
//! streams, transactions, pipelines, and a connection that is lost.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    dead_code,
    reason = "tests may panic and read the real clock; the launcher is shared with another test program"
)]

#[path = "differential/server.rs"]
mod server;

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use redis::streams::{
    StreamAutoClaimOptions, StreamAutoClaimReply, StreamClaimReply, StreamInfoConsumersReply,
    StreamInfoGroupsReply, StreamInfoStreamReply, StreamMaxlen, StreamPendingReply,
    StreamRangeReply, StreamReadOptions, StreamReadReply,
};
use redis::{Client, Commands, Connection, RedisResult, TypedCommands, Value};

use server::{Kind, Server};

/// The ends of a connection URL that choose the protocol.
const PROTOCOLS: [&str; 2] = ["", "?protocol=resp3"];

/// Runs a test once per protocol, each time on a new server.
fn with_server(test: fn(&Client)) {
    for protocol in PROTOCOLS {
        let server = Server::start(Kind::under_test());
        let url = format!("redis://127.0.0.1:{}/{protocol}", server.port());
        test(&Client::open(url).unwrap());
    }
}

fn connect(client: &Client) -> Connection {
    let connection = client.get_connection().unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    connection
}

#[test]
fn strings_and_scalars() {
    with_server(|client| {
        let mut c = connect(client);
        let _: () = Commands::set(&mut c, "text", "hello").unwrap();
        let text: String = Commands::get(&mut c, "text").unwrap();
        assert_eq!(text, "hello");
        let missing: Option<String> = Commands::get(&mut c, "missing").unwrap();
        assert_eq!(missing, None);
        let binary: Vec<u8> = vec![0, 13, 10, 255];
        let _: () = Commands::set(&mut c, "binary", &binary[..]).unwrap();
        let back: Vec<u8> = Commands::get(&mut c, "binary").unwrap();
        assert_eq!(back, binary);
        let sum: i64 = Commands::incr(&mut c, "sum", 5).unwrap();
        assert_eq!(sum, 5);
        let wrong: RedisResult<i64> = Commands::incr(&mut c, "text", 1);
        assert!(wrong.unwrap_err().to_string().contains("not an integer"));
    });
}

#[test]
fn publishes_to_channels_and_patterns() {
    with_server(|client| {
        let mut subscriber = connect(client);
        let mut publisher = connect(client);
        let mut pubsub = subscriber.as_pubsub();
        pubsub.subscribe(&["news", "sport"]).unwrap();
        pubsub.psubscribe("n*").unwrap();
        wait_for_subscriptions(&mut publisher, (1, 1, 1));
        let reached: i64 = Commands::publish(&mut publisher, "news", "one").unwrap();
        assert_eq!(reached, 2);
        let mut received = Vec::new();
        for _ in 0..2 {
            let message = pubsub.get_message().unwrap();
            let pattern: Option<String> = message.get_pattern().unwrap();
            let payload: String = message.get_payload().unwrap();
            received.push((message.get_channel_name().to_owned(), pattern, payload));
        }
        received.sort();
        assert_eq!(
            received,
            [("news".into(), None, "one".into()), ("news".into(), Some("n*".into()), "one".into()),]
        );
        pubsub.unsubscribe("news").unwrap();
        pubsub.punsubscribe("n*").unwrap();
        wait_for_subscriptions(&mut publisher, (0, 1, 0));
        let reached: i64 = Commands::publish(&mut publisher, "news", "two").unwrap();
        assert_eq!(reached, 0);
        let reached: i64 = Commands::publish(&mut publisher, "sport", "three").unwrap();
        assert_eq!(reached, 1);
        let payload: String = pubsub.get_message().unwrap().get_payload().unwrap();
        assert_eq!(payload, "three");
    });
}

/// Waits until this many clients listen to `news`, to `sport` and to patterns: over RESP3 the client
/// does not wait for the confirmations itself.
fn wait_for_subscriptions(client: &mut Connection, expect: (i64, i64, i64)) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let counts = redis::cmd("PUBSUB").arg("NUMSUB").arg("news").arg("sport").query(client);
        let (_, news, _, sport): (String, i64, String, i64) = counts.unwrap();
        let patterns: i64 = redis::cmd("PUBSUB").arg("NUMPAT").query(client).unwrap();
        let seen = (news, sport, patterns);
        if seen == expect {
            return;
        }
        assert!(Instant::now() < deadline, "subscriptions: {seen:?}, not {expect:?}");
        thread::yield_now();
    }
}

#[test]
fn adds_ranges_and_trims() {
    with_server(|client| {
        let mut c = connect(client);
        let first: String = Commands::xadd(&mut c, "s", "1-1", &[("f", "v"), ("g", "w")]).unwrap();
        assert_eq!(first, "1-1");
        let second: String = Commands::xadd(&mut c, "s", "*", &[("f", "v2")]).unwrap();
        assert!(second.contains('-'));
        let len: usize = Commands::xlen(&mut c, "s").unwrap();
        assert_eq!(len, 2);
        let all: StreamRangeReply = Commands::xrange_all(&mut c, "s").unwrap();
        assert_eq!(all.ids[0].get::<String>("g").as_deref(), Some("w"));
        assert_eq!(all.ids[1].id, second);
        let info: StreamInfoStreamReply = Commands::xinfo_stream(&mut c, "s").unwrap();
        assert_eq!((info.length, info.last_generated_id), (2, second));
        let gone: usize = Commands::xtrim(&mut c, "s", StreamMaxlen::Equals(1)).unwrap();
        assert_eq!(gone, 1);
        let gone: usize = Commands::xdel(&mut c, "s", &["1-1"]).unwrap();
        assert_eq!(gone, 0);
    });
}

#[test]
fn a_blocked_reader_is_woken() {
    with_server(|client| {
        let mut reader = connect(client);
        let mut writer = connect(client);
        let reading = thread::spawn(move || -> StreamReadReply {
            let options = StreamReadOptions::default().block(8_000).count(5);
            let reply: Option<StreamReadReply> =
                Commands::xread_options(&mut reader, &["s"], &["0"], &options).unwrap();
            reply.unwrap()
        });
        thread::sleep(Duration::from_millis(30));
        let id: String = Commands::xadd(&mut writer, "s", "7-7", &[("f", "v")]).unwrap();
        let reply = reading.join().unwrap();
        assert_eq!((reply.keys[0].key.as_str(), &reply.keys[0].ids[0].id), ("s", &id));
    });
}

#[test]
fn a_group_reads_acknowledges_and_claims() {
    with_server(|client| {
        let mut c = connect(client);
        let _: () = Commands::xgroup_create_mkstream(&mut c, "s", "g", "0").unwrap();
        let again: RedisResult<()> = Commands::xgroup_create(&mut c, "s", "g", "0");
        assert_eq!(again.unwrap_err().code(), Some("BUSYGROUP"));
        for id in ["1-1", "2-1", "3-1"] {
            let _: String = Commands::xadd(&mut c, "s", id, &[("f", "v")]).unwrap();
        }
        let options = StreamReadOptions::default().group("g", "alice").count(3);
        let reply: Option<StreamReadReply> =
            Commands::xread_options(&mut c, &["s"], &[">"], &options).unwrap();
        assert_eq!(reply.unwrap().keys[0].ids.len(), 3);
        let reply: Option<StreamReadReply> =
            Commands::xread_options(&mut c, &["s"], &[">"], &options).unwrap();
        assert!(reply.is_none_or(|reply| reply.keys.is_empty()));
        let acked: i64 = Commands::xack(&mut c, "s", "g", &["1-1", "9-9"]).unwrap();
        assert_eq!(acked, 1);
        let pending: StreamPendingReply = Commands::xpending(&mut c, "s", "g").unwrap();
        assert_eq!(pending.count(), 2);
        let claimed: StreamClaimReply =
            Commands::xclaim(&mut c, "s", "g", "bob", 0, &["2-1"]).unwrap();
        assert_eq!(claimed.ids[0].id, "2-1");
        let options = StreamAutoClaimOptions::default().count(10);
        let swept: StreamAutoClaimReply =
            Commands::xautoclaim_options(&mut c, "s", "g", "carol", 0, "0-0", options).unwrap();
        assert_eq!(swept.claimed.len(), 2);
        assert_eq!(swept.next_stream_id, "0-0");
        let groups: StreamInfoGroupsReply = Commands::xinfo_groups(&mut c, "s").unwrap();
        assert_eq!((groups.groups[0].consumers, groups.groups[0].pending), (3, 2));
        let consumers: StreamInfoConsumersReply =
            Commands::xinfo_consumers(&mut c, "s", "g").unwrap();
        let holding = |name: &str| {
            consumers.consumers.iter().find(|consumer| consumer.name == name).unwrap().pending
        };
        assert_eq!((holding("alice"), holding("bob"), holding("carol")), (0, 0, 2));
        let destroyed: bool = Commands::xgroup_destroy(&mut c, "s", "g").unwrap();
        assert!(destroyed);
    });
}

#[test]
fn a_transaction_repeats_after_a_conflict() {
    with_server(|client| {
        let mut c = connect(client);
        let mut other = connect(client);
        let _: () = Commands::set(&mut c, "n", 1).unwrap();
        let mut rounds = 0;
        let (new,): (i64,) = redis::transaction(&mut c, &["n"], |c, pipe| {
            rounds += 1;
            let old: i64 = Commands::get(c, "n")?;
            if rounds == 1 {
                let _: () = Commands::set(&mut other, "n", 10)?;
            }
            pipe.set("n", old + 1).ignore().get("n").query(c)
        })
        .unwrap();
        assert_eq!((new, rounds), (11, 2));
    });
}

#[test]
fn a_pipeline_of_a_thousand() {
    with_server(|client| {
        let mut c = connect(client);
        let mut pipe = redis::pipe();
        for number in 1..=1_000 {
            pipe.xadd("s", format!("{number}-1"), &[("n", number)]);
        }
        let ids: Vec<String> = pipe.query(&mut c).unwrap();
        assert_eq!((ids.len(), ids[999].as_str()), (1_000, "1000-1"));
        let len: usize = Commands::xlen(&mut c, "s").unwrap();
        assert_eq!(len, 1_000);
    });
}

#[test]
fn reconnects_after_being_killed() {
    with_server(|client| {
        let mut victim = connect(client);
        let mut killer = connect(client);
        let id: i64 = redis::cmd("CLIENT").arg("ID").query(&mut victim).unwrap();
        let killed: i64 =
            redis::cmd("CLIENT").arg(&["KILL", "ID", &id.to_string()]).query(&mut killer).unwrap();
        assert_eq!(killed, 1);
        let lost: RedisResult<String> = redis::cmd("PING").query(&mut victim);
        assert!(lost.unwrap_err().is_connection_dropped());
        let mut again = connect(client);
        let pong: String = redis::cmd("PING").query(&mut again).unwrap();
        assert_eq!(pong, "PONG");
    });
}

#[test]
fn typed_commands_and_connection_settings() {
    with_server(|client| {
        let mut c = connect(client);
        TypedCommands::set(&mut c, "k", 42).unwrap();
        assert_eq!(TypedCommands::get_int(&mut c, "k").unwrap(), Some(42));
        assert_eq!(TypedCommands::del(&mut c, "k").unwrap(), 1);
        redis::cmd("CLIENT").arg("SETNAME").arg("tester").exec(&mut c).unwrap();
        let name: String = redis::cmd("CLIENT").arg("GETNAME").query(&mut c).unwrap();
        assert_eq!(name, "tester");
        let found: HashMap<String, String> =
            redis::cmd("CONFIG").arg(&["GET", "stream-node-max-entries"]).query(&mut c).unwrap();
        assert_eq!(found["stream-node-max-entries"], "100");
        redis::cmd("SELECT").arg(3).exec(&mut c).unwrap();
        let info: String = redis::cmd("CLIENT").arg("INFO").query(&mut c).unwrap();
        assert!(info.contains(" db=3 "), "{info}");
        let unknown: RedisResult<Value> = redis::cmd("BOGUS").query(&mut c);
        assert!(unknown.unwrap_err().to_string().contains("unknown command"));
    });
}

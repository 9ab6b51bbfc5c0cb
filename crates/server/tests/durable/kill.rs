//! Killed again and again, while writers write, groups read and streams are trimmed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::oracle::{
    Entry, GROUP, GroupOracle, Id, KEPT, Promise, SHARED, WriterOracle, entries, id,
};
use crate::reply::Reply;
use crate::server::{Kind, Server};
use crate::{Dice, PATIENCE, ask, connect, length, log, text};

const WRITERS: usize = 4;
const CONSUMERS: usize = 2;
/// Entries that the shared stream is trimmed to.
const SHARED_KEPT: u64 = 5000;

/// What one request of a writer's batch was, so that its answer can be noted.
#[derive(Clone, Copy, Debug)]
enum Sent {
    Own(u64),
    Shared(u64),
    Counter(u64),
    /// `MULTI` and what is queued answer nothing that counts.
    Queued,
    Both(u64),
    Delete(u64),
}

/// Kills and restarts until the time is over.
fn crash_loop(flags: &[&str], promise: Promise, length: Duration) {
    let flags = [flags, &["--threads", "2"]].concat();
    let mut server = Server::start_with(Kind::Firth, &flags);
    let mut writers: Vec<WriterOracle> = (0..WRITERS).map(WriterOracle::new).collect();
    let group = Mutex::new(GroupOracle::default());
    let mut dice = Dice(0x2545_F491_4F6C_DD1D);
    let end = Instant::now() + length;
    let (mut kills, mut total) = (0, 0);
    while kills < 3 || Instant::now() < end {
        let port = server.port();
        create_group(port);
        let seed = dice.next();
        let work_ms = 50 + dice.below(500);
        let stop = AtomicBool::new(false);
        let all_connected = Barrier::new(WRITERS + CONSUMERS + 2);
        let enter = || {
            let client = connect(port);
            all_connected.wait();
            client
        };
        let (enter, group) = (&enter, &group);
        thread::scope(|scope| {
            for writer in &mut writers {
                let seed = seed ^ (writer.name as u64 + 1) << 32;
                scope.spawn(move || write(enter(), writer, &mut Dice(seed)));
            }
            for consumer in 0..CONSUMERS {
                scope.spawn(move || consume(enter(), consumer, group));
            }
            scope.spawn(|| disturb(enter(), &stop, &mut Dice(seed)));
            all_connected.wait();
            thread::sleep(Duration::from_millis(work_ms));
            server.kill();
            stop.store(true, Ordering::Relaxed);
        });
        server.start_again(Kind::Firth, &flags);
        total += check(server.port(), &mut writers, &mut group.lock().unwrap(), promise);
        kills += 1;
    }
    assert!(kills < total, "hardly anything was written: {total} changes in {kills} rounds");
    // An end in order loses nothing, whatever the setting.
    server.signal("TERM");
    assert!(server.wait_for_end().success(), "{}", server.log_tail());
    server.start_again(Kind::Firth, &flags);
    check(server.port(), &mut writers, &mut group.lock().unwrap(), Promise::Kept);
    let log = log(&server);
    assert!(!log.contains("panicked"), "{log}");
}

fn create_group(port: u16) {
    let reply = ask(&mut connect(port), &format!("XGROUP CREATE {SHARED} {GROUP} 0 MKSTREAM"));
    assert!(reply == Reply::Simple("OK".into()) || reply.is_error("BUSYGROUP"), "{reply}");
}

/// Compares everything, and returns how many changes writers have made so far.
fn check(
    port: u16,
    writers: &mut [WriterOracle],
    group: &mut GroupOracle,
    promise: Promise,
) -> u64 {
    let mut client = connect(port);
    let shared: Vec<Entry> = entries(&mut client, SHARED);
    for writer in &mut *writers {
        writer.check(&mut client, promise);
        writer.check_shared(&shared, promise);
    }
    create_group(port);
    group.check(&mut client, promise);
    writers.iter().map(|writer| writer.own.sent + writer.shared.sent).sum()
}

/// Sends batches until the connection is closed.
fn write(mut client: Client, writer: &mut WriterOracle, dice: &mut Dice) {
    loop {
        let mut batch = Vec::new();
        let mut sent = Vec::new();
        for _ in 0..=dice.below(16) {
            add_request(writer, dice, &mut batch, &mut sent);
        }
        client.send_raw(&encode(&batch));
        for request in sent {
            let reply = client.read_within(PATIENCE);
            if matches!(reply, Reply::Closed) {
                return;
            }
            note(writer, request, &reply);
        }
    }
}

fn add_request(
    writer: &mut WriterOracle,
    dice: &mut Dice,
    batch: &mut Vec<String>,
    sent: &mut Vec<Sent>,
) {
    let name = writer.name;
    match dice.below(20) {
        0..10 => {
            let n = writer.own.send();
            batch.push(format!("XADD s{name} MAXLEN {KEPT} * w {name} n {n}"));
            sent.push(Sent::Own(n));
        }
        10..15 => {
            let n = writer.shared.send();
            batch.push(format!("XADD {SHARED} * w {name} n {n}"));
            sent.push(Sent::Shared(n));
        }
        15..17 => {
            let n = writer.counter.send();
            batch.push(format!("INCR c{name}"));
            sent.push(Sent::Counter(n));
        }
        17..19 => {
            let n = writer.both.send();
            batch.push("MULTI".to_owned());
            batch.push(format!("XADD a{name} MAXLEN 500 * w {name} n {n}"));
            batch.push(format!("XADD b{name} MAXLEN 500 * w {name} n {n}"));
            batch.push("EXEC".to_owned());
            sent.extend([Sent::Queued, Sent::Queued, Sent::Queued, Sent::Both(n)]);
        }
        _ => {
            let n = writer.own.acknowledged.saturating_sub(dice.below(KEPT));
            let Some(id) = writer.ids.get(&n).filter(|_| !writer.deleting.contains(&n)) else {
                return;
            };
            batch.push(format!("XDEL s{name} {id}"));
            writer.deleting.insert(n);
            sent.push(Sent::Delete(n));
        }
    }
}

fn encode(batch: &[String]) -> Vec<u8> {
    batch.iter().flat_map(|line| crate::command::Command::parse(line).encode()).collect()
}

fn note(writer: &mut WriterOracle, request: Sent, reply: &Reply) {
    let error = matches!(reply, Reply::Error(_) | Reply::Silence);
    assert!(!error, "{request:?} was answered with {reply}");
    match request {
        Sent::Own(n) => {
            writer.own.acknowledged = n;
            writer.ids.insert(n, text(reply));
        }
        Sent::Shared(n) => writer.shared.acknowledged = n,
        Sent::Counter(n) => {
            assert_eq!(*reply, Reply::Integer(n as i64), "the counter");
            writer.counter.acknowledged = n;
        }
        Sent::Queued => {}
        Sent::Both(n) => {
            assert_eq!(reply.items().len(), 2, "{reply}");
            writer.both.acknowledged = n;
        }
        Sent::Delete(n) => _ = writer.deleted.insert(n),
    }
}

/// Takes what an earlier life has left pending, then reads what is new and acknowledges most of
/// it, until the connection is closed.
fn consume(mut client: Client, consumer: usize, group: &Mutex<GroupOracle>) {
    let read = format!("XREADGROUP GROUP {GROUP} c{consumer} COUNT 20");
    let old = ask(&mut client, &format!("{read} STREAMS {SHARED} 0"));
    if !release(&mut client, &ids_of(&old), group) {
        return;
    }
    for round in 0_u64.. {
        let reply = ask(&mut client, &format!("{read} BLOCK 50 STREAMS {SHARED} >"));
        if matches!(reply, Reply::Closed) {
            return;
        }
        assert!(matches!(reply, Reply::Array(_) | Reply::NullArray), "{reply}");
        let ids = ids_of(&reply);
        group.lock().unwrap().deliver(&ids, consumer);
        let most = if round.is_multiple_of(5) { ids.len() / 2 } else { ids.len() };
        if !release(&mut client, &ids[..most], group) {
            return;
        }
    }
}

/// Acknowledges; `false` when the connection is closed.
fn release(client: &mut Client, ids: &[Id], group: &Mutex<GroupOracle>) -> bool {
    if ids.is_empty() {
        return true;
    }
    group.lock().unwrap().releasing.extend(ids);
    let words: Vec<String> = ids.iter().map(|(ms, seq)| format!("{ms}-{seq}")).collect();
    let reply = ask(client, &format!("XACK {SHARED} {GROUP} {}", words.join(" ")));
    if matches!(reply, Reply::Closed) {
        return false;
    }
    assert_eq!(reply, Reply::Integer(ids.len() as i64));
    group.lock().unwrap().released.extend(ids);
    true
}

fn ids_of(reply: &Reply) -> Vec<Id> {
    let [stream] = reply.items() else { return Vec::new() };
    let [_, entries] = stream.items() else { panic!("{stream}") };
    entries.items().iter().map(|entry| id(&text(&entry.items()[0]))).collect()
}

/// Trims the shared stream and asks for checkpoints, now and then.
fn disturb(mut client: Client, stop: &AtomicBool, dice: &mut Dice) {
    while !stop.load(Ordering::Relaxed) {
        let line = match dice.below(3) {
            0 => "BGSAVE".to_owned(),
            1 => format!("XTRIM {SHARED} MAXLEN ~ {SHARED_KEPT}"),
            _ => format!("XTRIM {SHARED} MAXLEN {SHARED_KEPT}"),
        };
        let reply = ask(&mut client, &line);
        if matches!(reply, Reply::Closed) {
            return;
        }
        // One checkpoint at a time: a second one is refused.
        assert!(line == "BGSAVE" || matches!(reply, Reply::Integer(_)), "{line}: {reply}");
        thread::sleep(Duration::from_millis(dice.below(60)));
    }
}

#[test]
fn what_was_acknowledged_survives_being_killed() {
    crash_loop(&["--durability", "always"], Promise::Kept, length());
}

#[test]
fn without_the_promise_a_beginning_survives() {
    crash_loop(&["--durability", "everysec"], Promise::Prefix, length() / 4);
}

//! What clients are told, and when, by a server whose log the test drives.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::io::ErrorKind;

use firth_engine::ShardSet;
use firth_wal::sim::SimDisk;

use crate::mailbox::CloseReason;
use crate::testing::Conversation;

/// A server of one worker with three clients, and its disk.
fn program() -> (Conversation, SimDisk) {
    let disk = SimDisk::new(1);
    (Conversation::on_disk(&disk, 1_000_000), disk)
}

/// Keys that live in other shards than `k` does.
fn strangers(program: &Conversation) -> impl Iterator<Item = String> {
    let server = program.server();
    let shard = move |key: &str| ShardSet::of(server.engine.hash(key.as_bytes()));
    (0..).map(|n| format!("stranger-{n}")).filter(move |key| shard(key) != shard("k"))
}

fn syncs(program: &Conversation) -> u64 {
    let server = program.server();
    let stats = server.engine.storage().unwrap().log().stats();
    stats.syncs
}

#[test]
fn a_change_is_answered_when_it_is_on_the_disk() {
    let (mut program, disk) = program();
    assert_eq!(program.say(0, "SET k v"), "");
    assert_eq!(program.say(1, "GET k"), "", "a read of it waits as well");
    let stranger = strangers(&program).next().unwrap();
    assert_eq!(program.say(2, &format!("GET {stranger}")), "$-1", "other reads do not");
    program.write_log();
    assert_eq!((&*program.heard(0), &*program.heard(1)), ("+OK", "$1 v"));
    assert_eq!(program.say(1, "GET k"), "$1 v");
    let program = Conversation::on_disk(&disk.crash(), 1_000_000);
    assert_eq!(program.server().engine.lock(ShardSet::ALL, 0).key_count(0), 1);
}

#[test]
fn who_keeps_asking_is_told_what_is_settled() {
    let (mut program, _disk) = program();
    assert_eq!(program.say(0, "SET k 1 ; PING"), "");
    program.write_log();
    assert_eq!(program.say(0, "SET k 2"), "+OK +PONG");
    program.write_log();
    assert_eq!(program.say(0, "SET k 3 ; PING"), "+OK");
}

#[test]
fn messages_about_changes_wait_for_them_and_others_do_not() {
    let (mut program, _disk) = program();
    program.say(0, "CONFIG SET notify-keyspace-events KA");
    assert!(program.say(1, "HELLO 3").starts_with('%'));
    program.say(1, "SUBSCRIBE __keyspace@0__:k c");
    program.say(2, "HELLO 3 ; CLIENT TRACKING ON");
    assert_eq!(program.say(2, "GET k"), "_");
    assert_eq!(program.say(0, "PUBLISH c hi"), ":1");
    assert_eq!(program.heard(1), ">3 $7 message $1 c $2 hi");
    program.say(0, "SET k v");
    assert_eq!((&*program.heard(1), &*program.heard(2)), ("", ""));
    program.write_log();
    assert_eq!(program.heard(1), ">3 $7 message $16 __keyspace@0__:k $3 set");
    assert_eq!(program.heard(2), ">2 $10 invalidate *1 $1 k");
}

#[test]
fn what_a_transaction_does_is_told_in_its_order_when_it_is_on_the_disk() {
    let (mut program, _disk) = program();
    program.say(0, "CONFIG SET notify-keyspace-events KA");
    program.say(1, "PSUBSCRIBE *");
    let all = "MULTI ; SET a 1 ; PUBLISH c 1 ; SET b 2 ; SPUBLISH s x ; PUBLISH c 2 ; EXEC";
    program.say(0, all);
    assert_eq!(program.heard(1), "", "nothing is settled");
    program.write_log();
    let said = |text: &str| format!("*4 $8 pmessage $1 * $1 c $1 {text}");
    let set = |key: &str| format!("*4 $8 pmessage $1 * $16 __keyspace@0__:{key} $3 set");
    assert_eq!(program.heard(1), [set("a"), said("1"), set("b"), said("2")].join(" "));
    assert!(program.heard(0).ends_with(" *5 +OK :1 +OK :0 :1"));
    program.say(0, "MULTI ; PUBLISH c 3 ; EXEC");
    assert_eq!(program.heard(1), said("3"), "it depends on nothing");
    program.say(0, "MULTI ; PUBLISH c 4 ; DISCARD");
    assert_eq!(program.heard(1), "");
}

#[test]
fn a_blocked_reader_is_told_what_it_waited_for_when_that_is_settled() {
    let (mut program, _disk) = program();
    program.say(0, "XGROUP CREATE k g $ MKSTREAM");
    program.write_log();
    assert_eq!(program.heard(0), "+OK");
    assert_eq!(program.say(1, "XREADGROUP GROUP g c BLOCK 0 STREAMS k >"), "");
    assert_eq!(program.say(2, "XREAD BLOCK 0 STREAMS k $"), "");
    program.say(0, "XADD k 5-0 a 1");
    program.read_mail();
    for client in 0..3 {
        assert_eq!(program.heard(client), "", "client {client}");
    }
    program.write_log();
    assert_eq!(program.heard(0), "$3 5-0");
    let entry = "*1 *2 $1 k *1 *2 $3 5-0 *2 $1 a $1 1";
    assert_eq!((&*program.heard(1), &*program.heard(2)), (entry, entry));
}

#[test]
fn a_consumer_that_polls_waits_for_no_sync_and_causes_none() {
    let (mut program, _disk) = program();
    program.say(0, "XGROUP CREATE k g $ MKSTREAM");
    assert_eq!(program.say(0, "XREADGROUP GROUP g c STREAMS k >"), "");
    program.write_log();
    assert_eq!(program.heard(0), "+OK *-1", "the first time it is created");
    let before = syncs(&program);
    for _ in 0..3 {
        assert_eq!(program.say(0, "XREADGROUP GROUP g c STREAMS k >"), "*-1");
        program.tick(0);
        let server = program.server();
        let log = server.engine.storage().unwrap().log();
        assert!(log.last() > log.written(), "it is logged when others are");
    }
    assert_eq!(syncs(&program), before);
}

#[test]
fn a_weaker_durability_answers_at_once() {
    let (mut program, _disk) = program();
    program.say(0, "CONFIG SET appendfsync everysec ; SET k v");
    assert_eq!(program.tick(0), "+OK +OK");
    program.say(0, "CONFIG SET durability always");
    program.tick(0);
    assert_eq!(program.say(0, "SET k w"), "");
    program.write_log();
    assert_eq!(program.heard(0), "+OK");
}

#[test]
fn a_full_disk_stops_changes_but_not_reads() {
    let (mut program, disk) = program();
    let known = strangers(&program).next().unwrap();
    program.say(0, &format!("SET {known} v PX 50"));
    program.write_log();
    assert_eq!(program.heard(0), "+OK");
    disk.set_capacity(Some(0));
    assert_eq!(program.say(0, "SET k v"), "");
    program.write_log();
    assert_eq!(program.heard(0), "", "it waits for room");
    let told = program.say(1, "SET k w");
    assert!(
        told.starts_with("-MISCONF Errors writing to the log: cannot write data/log/"),
        "{told}"
    );
    assert!(told.ends_with("no storage space; reads go on, writes when there is room again"));
    let told = program.say(1, "MULTI ; PING ; SET k w ; EXEC");
    assert!(told.starts_with("+OK +QUEUED -MISCONF ") && told.contains("-EXECABORT "), "{told}");
    assert_eq!(program.say(1, &format!("GET {known}")), "$1 v");
    assert_eq!(program.say(1, "PUBLISH c hi"), ":0");
    // What waits for room has not been answered, so a read must not tell of it.
    let told = program.say(1, "GET k");
    assert!(told.starts_with("-MISCONF The reply depends on changes that wait for room"), "{told}");
    // Keys whose time is up are hidden, since their removal cannot be logged.
    program.at_ms(1_000_100);
    assert_eq!(program.say(1, &format!("GET {known}")), "$-1");
    assert_eq!(program.server().engine.lock(ShardSet::ALL, 1_000_000).key_count(0), 2);

    disk.set_capacity(None);
    program.write_log();
    assert_eq!(program.heard(0), "+OK");
    assert_eq!(program.say(1, "GET k"), "$1 v");
    assert_eq!(program.say(1, "SET k w"), "");
    program.write_log();
    assert_eq!(program.heard(1), "+OK");
}

#[test]
fn a_watched_key_whose_time_is_up_has_changed_though_nothing_can_be_logged() {
    let (mut program, disk) = program();
    program.say(0, "SET k v PX 50 ; SET soon v PX 50 ; WATCH k");
    program.write_log();
    disk.set_capacity(Some(0));
    program.say(2, "SET other v");
    program.write_log();
    let transaction = "MULTI ; PING ; EXEC";
    let (runs, aborts) = ("+OK +QUEUED *1 +PONG", "+OK +QUEUED *-1");
    program.heard(0);
    program.at_ms(1_000_100);
    assert_eq!(program.say(0, transaction), aborts);
    assert_eq!(program.say(0, "WATCH k soon"), "+OK");
    assert_eq!(program.say(0, transaction), runs, "it was no more when the watching began");
    assert_eq!(program.server().engine.lock(ShardSet::ALL, 1_000_000).key_count(0), 3);
}

#[test]
fn a_failed_log_stops_changes_for_good_and_closes_who_waits() {
    let (mut program, disk) = program();
    let known = strangers(&program).next().unwrap();
    program.say(0, &format!("SET {known} v"));
    program.write_log();
    assert_eq!(program.heard(0), "+OK");
    disk.fail_sync(1, ErrorKind::Other);
    assert_eq!(program.say(0, "SET k v ; PING"), "");
    assert_eq!(program.say(2, "XREADGROUP GROUP g c STREAMS k >"), "");
    program.write_log();
    let doomed = program.take_doomed();
    let expect = [0, 2].map(|client| (client, CloseReason::LogFailed));
    assert_eq!(doomed, expect, "nobody will ever know what became of it");
    let told = program.say(1, "SET k w");
    assert!(
        told.starts_with("-MISCONF Errors writing to the log: cannot sync data/log/"),
        "{told}"
    );
    assert!(told.ends_with("reads go on, writes after a restart"), "{told}");
    assert_eq!(program.say(1, &format!("GET {known}")), "$1 v");
    let told = program.say(1, "GET k");
    assert!(told.starts_with("-MISCONF The reply depends on changes that could not"), "{told}");
    program.connect(0);
    program.say(3, "PSUBSCRIBE *");
    program.say(1, "CONFIG SET notify-keyspace-events KAm");
    let none = strangers(&program).nth(1).unwrap();
    let told = program.say(1, &format!("MULTI ; PUBLISH c hi ; GET {none} ; GET k ; EXEC"));
    assert!(told.starts_with("+OK +QUEUED +QUEUED +QUEUED -MISCONF "), "{told}");
    assert_eq!(program.heard(3), "", "what is withheld was not published either");
    let told = program.say(1, &format!("MULTI ; PUBLISH c hi ; GET {known} ; EXEC"));
    assert_eq!(told, "+OK +QUEUED +QUEUED *2 :1 $1 v");
    assert_eq!(program.heard(3), "*4 $8 pmessage $1 * $1 c $2 hi");
}

#[test]
fn nothing_that_was_answered_is_lost_in_a_crash_at_any_write() {
    for nth in 1..40 {
        let (mut program, disk) = program();
        let mut answered = 0;
        disk.stop_at(disk.operations() + nth);
        for number in 0..20 {
            program.say(0, &format!("XADD k {}-1 n {number}", number + 1));
            program.write_log();
            if program.heard(0).is_empty() {
                break;
            }
            answered += 1;
        }
        let mut program = Conversation::on_disk(&disk.crash(), 1_000_000);
        let there: u64 = program.say(0, "XLEN k").trim_start_matches(':').parse().unwrap();
        assert!((answered..=answered + 1).contains(&there), "{nth}: {there}, answered {answered}");
    }
}

#[test]
fn a_wait_for_the_disk_ends_when_it_is_there() {
    let (mut program, _disk) = program();
    program.say(0, "CONFIG SET durability everysec ; SET k v");
    assert_eq!(program.tick(0), "+OK +OK");
    assert_eq!(program.say(0, "WAITAOF 1 0 0"), "");
    assert_eq!(program.say(1, "WAITAOF 1 0 1"), "");
    program.at_ms(1_000_001);
    assert_eq!(program.heard(1), "*2 :0 :0", "its time is up");
    program.write_log();
    program.at_ms(1_000_010);
    assert_eq!(program.heard(0), "*2 :1 :0");
    assert_eq!(program.say(0, "WAITAOF 1 0 0"), "*2 :1 :0");
    assert_eq!(program.say(1, "WAITAOF 1 1 5"), "", "there are no replicas");
    program.at_ms(1_000_020);
    assert_eq!(program.heard(1), "*2 :1 :0");
    let told = program.say(0, "WAITAOF 2 0 0 ; WAITAOF 0 -1 0");
    assert!(told.contains("between 0 and 1") && told.contains("must be positive"), "{told}");
    let mut program = Conversation::new();
    assert!(program.say(0, "WAITAOF 1 0 0").starts_with("-ERR WAITAOF cannot be used"));
    assert_eq!(program.say(0, "WAITAOF 0 0 0"), "*2 :0 :0");
}

#[test]
fn info_tells_how_the_log_is() {
    let (mut program, disk) = program();
    let check = |program: &mut Conversation, expect: &[&str]| {
        let told = program.say(1, "INFO persistence");
        for line in expect {
            assert!(told.split(' ').any(|field| field == *line), "no {line} in {told}");
        }
    };
    program.say(0, "SET k v");
    program.write_log();
    check(&mut program, &["aof_enabled:1", "aof_last_write_status:ok", "log_state:running"]);
    check(&mut program, &["durability:always", "log_last_lsn:1", "log_durable_lsn:1"]);
    disk.set_capacity(Some(0));
    program.say(0, "SET k w");
    program.write_log();
    check(&mut program, &["aof_last_write_status:err", "log_state:full", "log_durable_lsn:1"]);
}

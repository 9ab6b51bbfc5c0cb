//! Commands on streams whose blocks are on the disk alone.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::io::ErrorKind;
use std::path::Path;

use firth_engine::blocks::{BlockMover, BlockStore, Progress, StoreOptions};
use firth_wal::sim::{Operation, SimDisk};

use super::*;
use crate::testing::Conversation;

const FILE: &str = "blocks/00000001.blk";

/// A server whose stream `s` has the entries 1-0 to 500-0 in blocks of ten, and what moves them.
struct Cold {
    talk: Conversation,
    mover: BlockMover,
    disk: SimDisk,
}

fn cold() -> Cold {
    let disk = SimDisk::new(1);
    let store = BlockStore::open("blocks", Arc::new(disk.clone()), StoreOptions::default());
    let mover = BlockMover::new(Arc::new(store.unwrap()));
    let mut talk = Conversation::new();
    talk.say(0, "CONFIG SET stream-node-max-entries 10");
    for ms in 1..=500 {
        talk.say(0, &format!("XADD s {ms}-0 number {ms} text is-the-same"));
    }
    let mut cold = Cold { talk, mover, disk };
    cold.cool();
    assert_eq!(cold.talk.server().engine.memory().cold_blocks(), 48);
    cold
}

impl Cold {
    /// Lets all blocks leave memory that can.
    fn cool(&mut self) {
        let server = self.talk.server();
        while self.mover.write_sealed(&server.engine, 10_000).unwrap() == Progress::More {}
        for _ in 0..2 {
            while self.mover.evict(&server.engine, 10_000).1 == Progress::More {}
        }
    }
}

/// What clients do to the stream, where it matters which blocks they touch.
const COMMANDS: &[&str] = &[
    "XRANGE s 15 38",
    "XREVRANGE s 38 15",
    "XRANGE s - +",
    "XRANGE s 100 + COUNT 25",
    "XREVRANGE s + - COUNT 25",
    "XREAD COUNT 15 STREAMS s 222",
    "XREAD BLOCK 0 COUNT 2 STREAMS s other 333 0",
    "XINFO STREAM s",
    "XINFO STREAM s FULL COUNT 3",
    "XGROUP CREATE s g 41",
    "XREADGROUP GROUP g one COUNT 12 STREAMS s >",
    "XREADGROUP GROUP g one COUNT 100 STREAMS s >",
    "XREADGROUP GROUP g one STREAMS s 45",
    "XDEL s 47-0 88-0 88-0 600-0",
    "XREADGROUP GROUP g one COUNT 8 STREAMS s 0",
    "XCLAIM s g two 0 60 61 99 88",
    "XCLAIM s g two 0 62 200 FORCE JUSTID",
    "XAUTOCLAIM s g three 0 42 COUNT 9",
    "XREADGROUP GROUP g three COUNT 5 CLAIM 0 STREAMS s >",
    "XNACK s g FAIL IDS 2 61 63",
    "XACK s g 42 43",
    "XACKDEL s g ACKED IDS 2 44 45",
    "XDELEX s DELREF IDS 3 46 120 121",
    "XADD s MAXLEN = 480 501-0 number 501",
    "XADD s MINID ~ 35 502-0 number 502",
    "XADD s MAXLEN ~ 430 503-0 number 503",
    "XADD s MINID = 77 504-0 number 504",
    "XTRIM s MAXLEN 400 ACKED",
    "XTRIM s MAXLEN 390",
    "XINFO STREAM s",
    "XINFO GROUPS s",
    "XDEL s 504-0 503-0 502-0 501-0 500-0 499-0 498-0 497-0 496-0 495-0 494-0 493-0 492-0 491-0 \
     490-0 489-0 488-0 487-0 486-0 485-0 484-0 483-0 482-0 481-0 480-0 479-0",
    "XADD s 505-0 number 505",
    "XRANGE s 470 +",
    "COPY s copy",
    "RENAME copy renamed",
    "XRANGE renamed - + COUNT 15",
    "XTRIM s MINID 505",
    "XRANGE s - +",
    "XLEN renamed",
    "XREVRANGE renamed + -",
];

#[test]
fn replies_are_those_of_a_stream_in_memory() {
    let (mut warm, mut on_the_spot, mut waiting) = (cold(), cold(), cold());
    waiting.talk.server().loaders.drive();
    let mut waits = 0;
    for command in COMMANDS {
        on_the_spot.cool();
        waiting.cool();
        let expect = warm.talk.say(0, command);
        assert_eq!(on_the_spot.talk.say(0, command), expect, "{command}");
        let (reply, count) = waiting.talk.say_patiently(0, command);
        assert_eq!(reply, expect, "{command}");
        waits += count;
    }
    assert!(waits > 25, "{waits}");
    assert_eq!(waiting.talk.server().loaders.counts().0, waits);
}

#[test]
fn others_go_on_while_a_client_waits() {
    let mut cold = cold();
    let server = cold.talk.server();
    server.loaders.drive();
    cold.talk.send_in_vain(1, "XRANGE s 15 16");
    assert!(cold.talk.say(2, "XRANGE s 500 500 ; XADD s 501-0 a b").ends_with(" 501-0"));
    assert_eq!(cold.talk.heard(1), "");
    cold.talk.send_in_vain(1, "XRANGE s 15 16");
    cold.talk.disconnect(1);
    assert!(server.loaders.load_next());
    assert!(!server.loaders.load_next());
    cold.talk.read_mail();
    // What was read is there for whoever comes next.
    assert!(cold.talk.say(2, "XRANGE s 15 16").contains("15-0"));
}

#[test]
fn a_scan_reads_further_ahead_the_longer_it_goes_on() {
    let mut cold = cold();
    cold.talk.server().loaders.drive();
    let mut pages = Vec::new();
    for start in (1..=460).step_by(20) {
        let (reply, waits) = cold.talk.say_patiently(0, &format!("XRANGE s {start} + COUNT 20"));
        assert!(reply.starts_with("*20 ") && reply.contains(&format!(" {start}-0 ")), "{reply}");
        pages.push(waits);
    }
    assert_eq!(pages, [1, 0, 1, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn a_waiting_command_counts_once_and_leaves_no_trace() {
    let mut cold = cold();
    cold.talk.server().loaders.drive();
    cold.talk.say(0, "XGROUP CREATE s g 0 ; SUBSCRIBE quiet ; CONFIG RESETSTAT");
    cold.talk.say(1, "CONFIG RESETSTAT ; WATCH s");
    let (reply, waits) =
        cold.talk.say_patiently(2, "XDEL s 15 600 ; XREADGROUP GROUP g c COUNT 1 STREAMS s >");
    assert!(reply.starts_with(":1 *1") && waits == 2, "{reply} {waits}");
    let stats = cold.talk.say(2, "INFO stats");
    assert!(stats.contains("keyspace_hits:1") && stats.contains("keyspace_misses:0"), "{stats}");
    let stats = cold.talk.say(2, "INFO commandstats");
    assert!(
        stats.contains("cmdstat_xdel:calls=1,") && stats.contains("cmdstat_xreadgroup:calls=1,")
    );
}

#[test]
fn a_read_that_failed_for_a_client_that_is_gone_is_told_to_nobody() {
    let mut cold = cold();
    let server = cold.talk.server();
    server.loaders.drive();
    cold.disk.fail(Operation::Read, 1, ErrorKind::Other);
    cold.talk.send_in_vain(1, "XRANGE s 15 16");
    cold.talk.disconnect(1);
    assert!(server.loaders.load_next());
    cold.talk.read_mail();
    let (reply, waits) = cold.talk.say_patiently(2, "XRANGE s 15 16");
    assert!(reply.contains("15-0") && waits == 1, "{reply} {waits}");
    // Whoever has waited for it is told.
    cold.disk.fail(Operation::Read, 1, ErrorKind::Other);
    let (reply, waits) = cold.talk.say_patiently(2, "XRANGE s 205 206");
    assert!(reply.starts_with("-ERR ") && waits == 1, "{reply} {waits}");
    let (reply, _) = cold.talk.say_patiently(2, "XRANGE s 205 206");
    assert!(reply.contains("205-0"), "{reply}");
}

#[test]
fn a_read_for_a_group_delivers_from_all_streams_or_from_none() {
    for drives in [false, true] {
        let mut cold = cold();
        if drives {
            cold.talk.server().loaders.drive();
        }
        cold.talk.say(0, "XADD t 1-0 a b ; XADD t 2-0 a b ; XADD t 3-0 a b");
        cold.talk.say(0, "XGROUP CREATE s g 0 ; XGROUP CREATE t g 0 ; XGROUP CREATECONSUMER t g d");
        cold.talk.say(0, "XREADGROUP GROUP g d COUNT 1 STREAMS t >");
        let state = "XINFO GROUPS s ; XINFO GROUPS t ; XPENDING s g - + 9 ; XPENDING t g - + 9 ; \
                     XINFO STREAM t FULL";
        let before = cold.talk.say_patiently(0, state).0;
        for streams in ["t s > >", "t t s > > >", "t s t > > 0"] {
            cold.cool();
            cold.disk.fail(Operation::Read, 1, ErrorKind::Other);
            let read = format!("XREADGROUP GROUP g d COUNT 2 STREAMS {streams}");
            let reply = cold.talk.say_patiently(0, &read).0;
            assert!(reply.starts_with("-ERR "), "{read} {reply}");
            assert_eq!(cold.talk.say_patiently(0, state).0, before, "{read}");
        }
        let reply = cold.talk.say_patiently(0, "XREADGROUP GROUP g d CLAIM 0 STREAMS t t s > > >");
        assert!(reply.0.contains(" 500-0 "), "{}", reply.0);
    }
}

#[test]
fn a_damaged_block_is_an_error_reply() {
    for drives in [false, true] {
        let mut cold = cold();
        if drives {
            cold.talk.server().loaders.drive();
        }
        for byte in (20..cold.mover.store().stats().bytes).step_by(20) {
            cold.disk.flip_bit(Path::new(FILE), byte * 8);
        }
        let (reply, _) = cold.talk.say_patiently(0, "XRANGE s - +");
        assert!(
            reply.starts_with("-ERR blocks/00000001.blk is not sound at offset 20:"),
            "{reply}"
        );
        let (reply, _) = cold.talk.say_patiently(
            0,
            "MULTI ; XADD s 501-0 a b ; XRANGE s 15 16 ; XDEL s 17-0 ; XDEL s 501-0 ; EXEC",
        );
        let reply = reply.rsplit("QUEUED ").next().unwrap();
        assert!(reply.starts_with("*4 $5 501-0 -ERR blocks/"), "{reply}");
        assert!(reply.ends_with(" :1"), "{reply}");
        let (reply, _) = cold.talk.say_patiently(0, "XREAD BLOCK 0 STREAMS s 17 ; PING ; XLEN s");
        assert!(reply.starts_with("-ERR blocks/") && reply.ends_with("+PONG :500"), "{reply}");
        let (reply, _) = cold.talk.say_patiently(0, "XTRIM s MAXLEN 20 ; XRANGE s - + COUNT 1");
        assert!(reply.starts_with(":480 *1"), "{reply}");
    }
}

#[test]
fn without_room_in_the_queue_blocks_are_read_on_the_spot() {
    let mut cold = cold();
    let server = cold.talk.server();
    server.loaders.drive();
    for _ in 0..WAITING_MAX {
        let mut keys = server.engine.lock(firth_engine::ShardSet::ALL, 1);
        keys.allow_suspension(0, None);
        keys.stream(0, b"s").unwrap().unwrap().entries().open(9);
        let wanted = keys.end_suspension().unwrap();
        let mailbox = server.mailbox(0).unwrap().clone();
        assert!(server.loaders.submit(wanted, mailbox, Address { mailbox: 0, token: 77 }));
    }
    assert!(cold.talk.say(0, "XRANGE s 15 16").contains("15-0"));
}

#[test]
fn what_takes_memory_is_refused_when_none_is_left() {
    let mut talk = Conversation::new();
    talk.say(0, "SET k v ; XADD s 1-0 a b ; CONFIG SET maxmemory 1b");
    talk.follow(
        "SET k x => -OOM command not allowed when used memory > 'maxmemory'.
        XADD s 2-0 a b => -OOM command not allowed when used memory > 'maxmemory'.
        GET k ; XLEN s ; XTRIM s MAXLEN 1 => $1 v :1 :0
        1: MULTI ; GET k ; INCR n ; EXEC => +OK +QUEUED \
         -OOM command not allowed when used memory > 'maxmemory'. \
         -EXECABORT Transaction discarded because of previous errors.
        2: MULTI ; DEL k ; EXEC => +OK +QUEUED *1 :1
        CONFIG SET maxmemory 1gb ; CONFIG GET maxmemory => +OK *2 $9 maxmemory $10 1073741824
        SET k x => +OK",
    );
}

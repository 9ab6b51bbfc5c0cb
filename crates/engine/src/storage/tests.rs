//! What an engine with a data folder finds when it is opened again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::path::Path;
use std::sync::Arc;

use firth_wal::sim::SimDisk;
use firth_wal::{Disk, Driving, Lsn, SyncDue};

use crate::replay::dump::dump;
use crate::replay::step::{self, KINDS, Step};
use crate::stream::{Append, CreateStream, EntryId, NewId};
use crate::{Deadline, Engine, ManualClock, OpenError, Opened, Options, ShardSet};

fn options() -> Options {
    let folder = Some("data".into());
    Options { folder, driving: Driving::Caller, ..Options::new() }
}

fn open_at(disk: &SimDisk, now_ms: u64) -> Result<(Engine, Opened), OpenError> {
    Engine::open(&options(), Arc::new(ManualClock::at_ms(now_ms)), Arc::new(disk.clone()))
}

fn open(disk: &SimDisk) -> (Engine, Opened) {
    open_at(disk, 1_000).unwrap()
}

/// Writes and syncs what was changed.
fn sync(engine: &Engine) {
    engine.storage().unwrap().log().drive(SyncDue::NotYet);
}

fn set(engine: &Engine, key: &[u8], value: &[u8]) -> Lsn {
    let mut keys = engine.lock(ShardSet::ALL, engine.clock().now_ms());
    keys.set_string(0, key, value, Deadline::Clear, None);
    keys.lsn()
}

fn add(engine: &Engine) -> EntryId {
    let append = Append { id: NewId::Auto, fields: &[b"f", b"v"], attempt: None, trim: None };
    let mut keys = engine.lock(ShardSet::ALL, engine.clock().now_ms());
    let appended = keys.append_to_stream(0, b"s", &append, CreateStream::IfAbsent);
    appended.unwrap().unwrap()
}

#[test]
fn what_was_done_is_there_when_it_is_opened_again() {
    let mut disk = SimDisk::new(1);
    let mut random = 7_u64;
    let mut next = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 56) as u8
    };
    let mut expect = Vec::new();
    for round in 0..20 {
        let (engine, opened) = open(&disk);
        assert_eq!(dump(&engine), expect, "round {round}");
        assert_eq!(opened.records > 0, round > 0);
        for tick in 0..60 {
            let mut keys = engine.lock(ShardSet::ALL, 1_000 + tick);
            let step: Step = [next() % KINDS, next(), next(), next(), next(), next()];
            step::run(&mut keys, step);
        }
        sync(&engine);
        expect = dump(&engine);
        // Closed in order, or after a loss of power.
        if round % 2 == 0 {
            disk = disk.crash();
        }
    }
}

#[test]
fn what_was_not_written_is_not_settled_and_may_be_gone() {
    let disk = SimDisk::new(2);
    let (engine, _) = open(&disk);
    assert_eq!(set(&engine, b"a", b"1"), Lsn(1));
    sync(&engine);
    assert_eq!(engine.journal().settled(), Lsn(1));
    assert_eq!(set(&engine, b"a", b"2"), Lsn(2));
    assert_eq!((engine.journal().last(), engine.journal().settled()), (Lsn(2), Lsn(1)));
    let (engine, opened) = open(&disk.crash());
    assert_eq!((opened.keys, opened.records), (1, 1));
    let mut keys = engine.lock(ShardSet::ALL, 1_000);
    assert!(keys.peek(0, b"a").is_some_and(|entry| format!("{:?}", entry.value()).contains("49")));
}

#[test]
fn a_folder_tells_what_it_held() {
    let disk = SimDisk::new(3);
    let (engine, opened) = open(&disk);
    assert_eq!(opened, Opened::default());
    for _ in 0..3 {
        add(&engine);
    }
    set(&engine, b"a", b"1");
    sync(&engine);
    drop(engine);
    let (_, opened) = open(&disk);
    let expect = Opened { keys: 2, entries: 3, records: 4, ..Opened::default() };
    assert_eq!(opened, expect);
}

#[test]
fn ids_never_go_back_whatever_the_clock_does() {
    let disk = SimDisk::new(4);
    let mut last = EntryId::MIN;
    for now_ms in [5_000, 4_000, 0, 4_999, 5_000, 10] {
        let (engine, _) = open_at(&disk, now_ms).unwrap();
        for _ in 0..3 {
            let id = add(&engine);
            assert!(id > last, "{id:?} after {last:?}");
            last = id;
        }
        sync(&engine);
    }
}

#[test]
fn what_expires_goes_by_the_clock_of_the_day() {
    let disk = SimDisk::new(5);
    let (engine, _) = open_at(&disk, 1_000).unwrap();
    let mut keys = engine.lock(ShardSet::ALL, 1_000);
    keys.set_string(0, b"k", b"v", Deadline::At(2_000), None);
    drop(keys);
    sync(&engine);
    drop(engine);
    for (now_ms, there) in [(1_999, true), (1_000, true), (2_000, false)] {
        let (engine, _) = open_at(&disk, now_ms).unwrap();
        let mut keys = engine.lock(ShardSet::ALL, now_ms);
        assert_eq!(keys.peek(0, b"k").is_some(), there, "at {now_ms}");
    }
}

#[test]
fn a_folder_is_opened_once() {
    let disk = SimDisk::new(6);
    let (engine, _) = open(&disk);
    let refused = open_at(&disk, 1_000).unwrap_err();
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused}");
    drop(engine);
    open(&disk);
}

#[test]
fn an_unknown_format_is_refused() {
    let disk = SimDisk::new(7);
    drop(open(&disk));
    let format = Path::new("data/FORMAT");
    assert_eq!(disk.read(format).unwrap(), b"firth 1\n");
    disk.replace(format, b"firth 2\n").unwrap();
    let refused = open_at(&disk, 1_000).unwrap_err().to_string();
    let expect = r#"data/FORMAT says "firth 2", and this program knows "firth 1""#;
    assert_eq!(refused, expect);
    disk.remove(format).unwrap();
    let refused = open_at(&disk, 1_000).unwrap_err().to_string();
    assert_eq!(refused, "data/FORMAT is missing, although there is a log beside it");
}

#[test]
fn a_torn_tail_is_cut_and_said() {
    let disk = SimDisk::new(8);
    let (engine, _) = open(&disk);
    set(&engine, b"a", b"1");
    sync(&engine);
    drop(engine);
    let segment = Path::new("data/log/0000000000000001.log");
    disk.open(segment).unwrap().append(&[std::io::IoSlice::new(b"torn")]).unwrap();
    let (_, opened) = open(&disk);
    let cut = opened.cut.expect("it was cut");
    assert_eq!((cut.bytes, &*cut.path), (4, segment));
}

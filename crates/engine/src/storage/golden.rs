//! A data folder of the first format opens for ever, to exactly the state that was written.
//!
//! `golden/folder-1.hex` holds its files: a line with a path, then lines of hexadecimal digits. It was
//! written by [`work`] on an empty disk and is never written again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use firth_wal::sim::SimDisk;
use firth_wal::{Driving, Lsn, SyncDue};

use crate::check::check;
use crate::replay::dump::dump;
use crate::stream::{
    Acknowledgement, Append, Attempt, CreateStream, EntryId, GroupRead, GroupStart, NewId,
    NodeLimits,
};
use crate::{Deadline, Engine, ManualClock, Options, Pace, ShardSet};

const FOLDER: &str = include_str!("golden/folder-1.hex");
const NOW_MS: u64 = 1_000;

fn open(disk: &SimDisk) -> Engine {
    let folder = Some("data".into());
    let options = Options { folder, driving: Driving::Caller, ..Options::new() };
    let clock = Arc::new(ManualClock::at_ms(NOW_MS));
    let (engine, opened) = Engine::open(&options, clock, Arc::new(disk.clone())).unwrap();
    assert!(opened.unsound.is_empty() && opened.cut.is_none(), "{opened:?}");
    engine
}

/// Puts the files of the fixture on a disk.
fn golden() -> SimDisk {
    let disk = SimDisk::new(1);
    let mut files: Vec<(&str, Vec<u8>)> = Vec::new();
    for line in FOLDER.lines() {
        if line.contains('/') {
            files.push((line, Vec::new()));
            continue;
        }
        let (_, bytes) = files.last_mut().unwrap();
        let pairs = line.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        bytes.extend(pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()));
    }
    files.iter().for_each(|(path, bytes)| disk.put(Path::new(path), bytes));
    disk
}

fn add(engine: &Engine, ms: u64, iid: Option<&[u8]>) {
    let value = format!("value-{ms}");
    let append = Append {
        id: NewId::Explicit(EntryId::new(ms, 1)),
        fields: &[b"name", value.as_bytes()],
        attempt: iid.map(|iid| Attempt { producer: b"p", iid: Some(iid) }),
        trim: None,
    };
    let mut keys = engine.lock(ShardSet::ALL, NOW_MS);
    keys.append_to_stream(0, b"s", &append, CreateStream::IfAbsent).unwrap();
}

fn read(engine: &Engine, consumer: &[u8], count_max: usize) {
    let read = GroupRead {
        group: b"g",
        consumer,
        count_max,
        claim_min_idle_ms: None,
        acknowledgement: Acknowledgement::Required,
    };
    let mut keys = engine.lock(ShardSet::ALL, NOW_MS);
    let mut stream = keys.stream_mut(0, b"s").unwrap().unwrap();
    stream.read_group(&read, |_| true).unwrap();
}

/// Does some of everything: blocks in a file, a checkpoint, and records of the log behind it.
fn work(engine: &Engine) {
    let sync = || engine.storage().unwrap().log().drive(SyncDue::NotYet);
    let set = |db, key: &[u8], value: &[u8], deadline| {
        let mut keys = engine.lock(ShardSet::ALL, NOW_MS);
        assert!(keys.set_string(db, key, value, deadline, None));
    };
    engine.settings().set_node_limits(NodeLimits { entries_max: 10, bytes_max: 0 });
    (1..=35).for_each(|ms| add(engine, ms, None));
    add(engine, 36, Some(b"once"));
    set(0, b"k", b"before", Deadline::Clear);
    set(15, b"lives", b"on", Deadline::At(99_000));
    let mut keys = engine.lock(ShardSet::ALL, NOW_MS);
    let mut stream = keys.stream_mut(0, b"s").unwrap().unwrap();
    stream.delete(&[EntryId::new(2, 1)]);
    stream.create_group(b"g", GroupStart::After(EntryId::MIN), Some(0)).unwrap();
    drop(keys);
    read(engine, b"a", 3);
    sync();
    engine.request_checkpoint();
    while engine.keep() == Pace::Busy {}
    assert!(engine.saves().last_error.is_none());
    read(engine, b"b", 2);
    add(engine, 37, None);
    set(0, b"k", b"behind", Deadline::Clear);
    sync();
}

/// Writes the files of a disk as the fixture has them.
fn files_of(disk: &SimDisk) -> String {
    let mut text = String::new();
    for (path, bytes) in disk.contents().iter().filter(|(path, _)| !path.ends_with("LOCK")) {
        writeln!(text, "{}", path.display()).unwrap();
        for line in bytes.chunks(40) {
            line.iter().for_each(|byte| write!(text, "{byte:02x}").unwrap());
            text.push('\n');
        }
    }
    text
}

#[test]
fn a_folder_of_the_first_format_opens_to_what_was_written() {
    let fresh = SimDisk::new(1);
    let written = open(&fresh);
    work(&written);
    let state = dump(&written);
    written.storage().unwrap().log().close().unwrap();
    drop(written);

    let kinds = ["data/FORMAT", "data/log/", "data/checkpoints/", "data/blocks/"];
    let is_whole = kinds.iter().all(|kind| FOLDER.contains(kind));
    assert!(is_whole, "the fixture would be:\n{}", files_of(&fresh));
    let disk = golden();
    let report = check(Path::new("data"), Arc::new(ManualClock::at_ms(NOW_MS)), &{
        let disk: Arc<dyn firth_wal::Disk> = Arc::new(disk.clone());
        disk
    });
    let report = report.unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.keys, report.entries), (3, 36));
    assert!(report.checkpoint > Some(Lsn::ZERO) && report.records > 0, "{report:?}");
    let engine = open(&disk);
    assert_eq!(dump(&engine), state);
}

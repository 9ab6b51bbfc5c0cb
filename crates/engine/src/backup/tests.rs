//! A backup opens as the state that was there, and outlives the folder that it was made of.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::path::Path;
use std::sync::Arc;

use firth_wal::sim::SimDisk;
use firth_wal::{Disk, Driving};

use super::{BackupError, COPY_BYTES, copy};
use crate::replay::dump::dump;
use crate::stream::{Append, CreateStream, NewId, NodeLimits};
use crate::{Engine, ManualClock, Options, Pace, ShardSet};

fn open(disk: &SimDisk, folder: &str) -> Engine {
    let options =
        Options { folder: Some(folder.into()), driving: Driving::Caller, ..Options::new() };
    let clock = Arc::new(ManualClock::at_ms(1_000));
    Engine::open(&options, clock, Arc::new(disk.clone())).unwrap().0
}

fn add(engine: &Engine, entries: usize) {
    engine.settings().set_node_limits(NodeLimits { entries_max: 10, bytes_max: 0 });
    let mut keys = engine.lock(ShardSet::ALL, 1_000);
    for _ in 0..entries {
        let append = Append { id: NewId::Auto, fields: &[b"f", b"v"], attempt: None, trim: None };
        keys.append_to_stream(0, b"s", &append, CreateStream::IfAbsent).unwrap();
    }
}

fn back_up(engine: &Engine, to: &str) -> Result<(), BackupError> {
    engine.request_backup(Path::new(to))?;
    while engine.keep() == Pace::Busy {}
    engine.backups().last.unwrap().map(|path| assert_eq!(path, Path::new(to)))
}

#[test]
fn a_backup_opens_by_itself() {
    let disk = SimDisk::new(1);
    let live = open(&disk, "data");
    add(&live, 95);
    back_up(&live, "data/backups/one").unwrap();
    let expect = dump(&live);
    // What goes on in the folder is nothing to the backup.
    add(&live, 50);
    live.checkpoint().unwrap();
    live.lock(ShardSet::ALL, 1_000).flush(0);
    live.checkpoint().unwrap();
    let taken = BackupError::Taken { path: "data/backups/one".into() };
    assert_eq!(back_up(&live, "data/backups/one"), Err(taken));
    back_up(&live, "data/backups/two").unwrap();
    let empty = dump(&live);
    let disk = disk.crash();
    let copy = open(&disk, "data/backups/one");
    assert_eq!(dump(&copy), expect);
    add(&copy, 30);
    copy.checkpoint().unwrap();
    drop(copy);
    assert_eq!(dump(&open(&disk, "data/backups/two")), empty);
}

#[test]
fn what_cannot_have_two_names_is_copied() {
    let disk = SimDisk::new(1);
    let content: Vec<u8> = (0..3 * COPY_BYTES / 2).map(|n| (n % 251) as u8).collect();
    disk.put(Path::new("a"), &content);
    disk.set_short_reads(2);
    disk.set_short_writes(2);
    copy(&disk, Path::new("a"), Path::new("b")).unwrap();
    disk.sync_folder(Path::new("")).unwrap();
    assert!(disk.crash().read(Path::new("b")).unwrap() == content);
}

#[test]
fn a_backup_that_fails_is_said_and_is_not_opened() {
    for nth in 1..30 {
        let disk = SimDisk::new(nth);
        let live = open(&disk, "data");
        add(&live, 95);
        disk.stop_at(nth);
        let made = back_up(&live, "backup");
        let after = disk.crash();
        if made.is_ok() {
            continue;
        }
        if after.read(Path::new("backup/FORMAT")).is_ok() {
            assert_eq!(dump(&open(&after, "backup")), dump(&live));
        }
    }
}

#[test]
fn there_is_one_at_a_time() {
    let disk = SimDisk::new(1);
    let live = open(&disk, "data");
    live.request_backup(Path::new("one")).unwrap();
    assert_eq!(live.request_backup(Path::new("two")), Err(BackupError::Busy));
    while live.keep() == Pace::Busy {}
    live.request_backup(Path::new("two")).unwrap();
}

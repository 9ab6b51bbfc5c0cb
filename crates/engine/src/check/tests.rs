//! Whatever is damaged is noticed, told, and costs no more than itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use firth_wal::sim::SimDisk;
use firth_wal::{Disk, Driving, Lsn, SyncDue};
use proptest::prelude::*;

use super::*;
use crate::replay::dump::dump;
use crate::replay::step::{self, KINDS, Step};
use crate::stream::{Append, CreateStream, EntryId, NewId, NodeLimits};
use crate::{Deadline, Engine, ManualClock, Opened, Options, Pace, ShardSet};

const FOLDER: &str = "data";

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at_ms(1_000))
}

fn open(disk: &SimDisk) -> Result<(Engine, Opened), OpenError> {
    let folder = Some(FOLDER.into());
    let options = Options { folder, driving: Driving::Caller, ..Options::new() };
    Engine::open(&options, clock(), Arc::new(disk.clone()))
}

fn on(disk: &SimDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

fn checked(disk: &SimDisk) -> Result<Report, CheckError> {
    check(Path::new(FOLDER), clock(), &on(disk))
}

fn repaired(disk: &SimDisk) -> Result<Repaired, CheckError> {
    repair(Path::new(FOLDER), clock(), &on(disk))
}

fn sync(engine: &Engine) {
    engine.storage().unwrap().log().drive(SyncDue::NotYet);
}

fn checkpoint(engine: &Engine) {
    sync(engine);
    engine.request_checkpoint();
    while engine.keep() == Pace::Busy {}
    assert!(engine.saves().last_error.is_none());
}

fn close(engine: Engine) {
    engine.storage().unwrap().log().close().unwrap();
    drop(engine);
}

fn add(engine: &Engine, key: &[u8], ms: u64) {
    let id = NewId::Explicit(EntryId::new(ms, 0));
    let value = ms.to_string();
    let fields: [&[u8]; 2] = [b"value", value.as_bytes()];
    let append = Append { id, fields: &fields, attempt: None, trim: None };
    let mut keys = engine.lock(ShardSet::ALL, 1_000);
    keys.append_to_stream(0, key, &append, CreateStream::IfAbsent).unwrap();
}

fn ids(engine: &Engine, key: &[u8]) -> Vec<u64> {
    let mut keys = engine.lock(ShardSet::ALL, 1_000);
    let stream = keys.stream(0, key).unwrap();
    stream.map(crate::stream::testing::ids).unwrap_or_default()
}

/// A new folder, open.
fn fresh() -> (SimDisk, Engine) {
    let disk = SimDisk::new(1);
    let (engine, _) = open(&disk).unwrap();
    (disk, engine)
}

/// A folder that was closed, with these entries of the stream `s`, each in a record of its own.
fn with_records(ms: RangeInclusive<u64>) -> SimDisk {
    let (disk, engine) = fresh();
    for ms in ms {
        add(&engine, b"s", ms);
        sync(&engine);
    }
    close(engine);
    disk
}

/// The only file of a folder whose name ends so.
fn file(disk: &SimDisk, folder: &str, nth: usize) -> PathBuf {
    let folder = Path::new(FOLDER).join(folder);
    let paths = disk.contents().into_keys();
    paths.filter(|path| path.parent() == Some(&*folder)).nth(nth).unwrap()
}

/// Flips a bit of the only occurrence of some bytes.
fn hit(disk: &SimDisk, path: &Path, bytes: &[u8]) {
    let content = disk.contents()[path].clone();
    let places: Vec<_> =
        (0..content.len()).filter(|at| content[*at..].starts_with(bytes)).collect();
    disk.flip_bit(path, 8 * places[0] as u64);
}

#[test]
fn a_sound_folder_is_sound_and_stays_as_it_is() {
    let (disk, engine) = fresh();
    add(&engine, b"s", 1);
    checkpoint(&engine);
    add(&engine, b"s", 2);
    close(engine);
    let before = disk.contents();
    let report = checked(&disk).unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.keys, report.entries), (1, 2));
    assert_eq!((report.checkpoint, report.records), (Some(Lsn(1)), 1));
    let repaired = repaired(&disk).unwrap();
    assert_eq!((repaired.kept_in, repaired.checkpoint), (None, None));
    assert_eq!(disk.contents(), before);
}

#[test]
fn what_cannot_be_checked_is_refused() {
    let disk = SimDisk::new(1);
    assert!(matches!(checked(&disk), Err(CheckError::NoFolder { .. })));
    assert!(disk.contents().is_empty());
    let (engine, _) = open(&disk).unwrap();
    assert!(matches!(checked(&disk), Err(CheckError::Open(OpenError::InUse { .. }))));
    assert!(matches!(repaired(&disk), Err(CheckError::Open(OpenError::InUse { .. }))));
    close(engine);
    assert!(checked(&disk).unwrap().is_sound());
    disk.put(&Path::new(FOLDER).join("FORMAT"), b"firth 2\n");
    assert!(matches!(checked(&disk), Err(CheckError::Open(OpenError::Format { .. }))));
    disk.put(&Path::new(FOLDER).join("FORMAT"), b"firti 1\n");
    assert!(!checked(&disk).unwrap().is_sound());
    assert!(repaired(&disk).unwrap().kept_in.is_some());
    open(&disk).unwrap();
}

#[test]
fn a_damaged_record_costs_itself() {
    let disk = with_records(1001..=1009);
    hit(&disk, &file(&disk, "log", 0), b"1005");
    assert!(open(&disk).is_err());
    let report = checked(&disk).unwrap();
    assert_eq!(report.losses, [Loss::Records(Lsn(5)..Lsn(6))]);
    assert_eq!((report.records, report.entries), (8, 8));
    let original = disk.contents()[&file(&disk, "log", 0)].clone();
    let kept_in = repaired(&disk).unwrap().kept_in.unwrap();
    assert_eq!(disk.contents()[&kept_in.join("log/0000000000000001.log")], original);
    assert!(checked(&disk).unwrap().is_sound());
    let (engine, opened) = open(&disk).unwrap();
    assert_eq!(ids(&engine, b"s"), [1001, 1002, 1003, 1004, 1006, 1007, 1008, 1009]);
    assert_eq!(opened.records, 0);
    add(&engine, b"s", 1010);
    close(engine);
    assert_eq!(ids(&open(&disk).unwrap().0, b"s").last(), Some(&1010));
}

/// The first record creates the stream.
#[test]
fn entries_outlive_the_record_that_created_their_stream() {
    let disk = with_records(1001..=1003);
    hit(&disk, &file(&disk, "log", 0), b"1001");
    repaired(&disk).unwrap();
    assert_eq!(ids(&open(&disk).unwrap().0, b"s"), [1002, 1003]);
}

#[test]
fn what_does_not_fit_behind_a_lost_record_is_told() {
    let (disk, engine) = fresh();
    add(&engine, b"s", 500);
    add(&engine, b"t", 7);
    sync(&engine);
    engine.lock(ShardSet::ALL, 1_000).rename(0, b"t", b"s", crate::Overwrite::Allowed);
    sync(&engine);
    add(&engine, b"s", 8);
    close(engine);
    let path = file(&disk, "log", 0);
    hit(&disk, &path, b"\x06\x02t\x00\x01s");
    let report = checked(&disk).unwrap();
    let entry = Loss::Entry { lsn: Lsn(4), db: 0, key: b"s"[..].into(), id: EntryId::new(8, 0) };
    assert_eq!(report.losses, [Loss::Records(Lsn(3)..Lsn(4)), entry]);
    repaired(&disk).unwrap();
    let (engine, _) = open(&disk).unwrap();
    assert_eq!((ids(&engine, b"s"), ids(&engine, b"t")), (vec![500], vec![7]));
}

#[test]
fn a_damaged_checkpoint_costs_nothing_while_the_log_is_there() {
    let (disk, engine) = fresh();
    add(&engine, b"s", 1);
    sync(&engine);
    let log = file(&disk, "log", 0);
    let before = disk.contents()[&log].clone();
    checkpoint(&engine);
    add(&engine, b"s", 2);
    let expect = dump(&engine);
    close(engine);
    disk.put(&log, &before);
    let path = file(&disk, "checkpoints", 0);
    disk.flip_bit(&path, 8 * 60);
    let report = checked(&disk).unwrap();
    assert!(!report.is_sound() && report.losses.is_empty(), "{report:?}");
    assert_eq!(report.checkpoint, None);
    let kept_in = repaired(&disk).unwrap().kept_in.unwrap();
    assert!(disk.contents().contains_key(&kept_in.join("checkpoints/0000000000000001.ckp")));
    assert!(checked(&disk).unwrap().is_sound());
    assert_eq!(dump(&open(&disk).unwrap().0), expect);
}

/// Makes a folder whose checkpoint is all there is, of keys that take many frames.
fn long_checkpoint() -> SimDisk {
    let (disk, engine) = fresh();
    for n in 0..40_u8 {
        let mut keys = engine.lock(ShardSet::ALL, 1_000);
        keys.set_string(0, &[b'k', n], &vec![n; 10_000], Deadline::Clear, None);
    }
    // A block takes about ten bytes in the checkpoint.
    engine.settings().set_node_limits(NodeLimits { entries_max: 1, bytes_max: 0 });
    for ms in 10_000..40_000 {
        add(&engine, b"s", ms);
    }
    checkpoint(&engine);
    close(engine);
    let log = file(&disk, "log", 0);
    disk.remove(&log).unwrap();
    firth_wal::begin_log(&disk, &Path::new(FOLDER).join("log"), Lsn(30_041)).unwrap();
    disk
}

#[test]
fn a_damaged_frame_of_a_checkpoint_costs_what_is_in_it() {
    let disk = long_checkpoint();
    let whole = dump(&open(&disk).unwrap().0);
    assert!(checked(&disk).unwrap().is_sound());
    let path = file(&disk, "checkpoints", 0);
    let bytes = disk.contents()[&path].clone();
    let frames = bytes.len().div_ceil(131_092);
    assert!(frames > 4);
    for frame in 0..frames {
        let disk = disk.reopen();
        disk.flip_bit(&path, 8 * (32 + 131_092 * frame as u64 + 30));
        assert!(open(&disk).is_err(), "{frame}");
        let report = checked(&disk).unwrap();
        assert!(!report.losses.is_empty(), "{frame} of {frames}: {report:?}");
        repaired(&disk).unwrap();
        assert!(checked(&disk).unwrap().is_sound(), "{frame}");
        let (engine, _) = open(&disk).unwrap();
        let left = ids(&engine, b"s");
        let strings = dump(&engine).iter().filter(|line| line.contains(" = ")).count();
        // A frame holds about 13 strings or 18,000 entries.
        let lost = (40 - strings, 30_000 - left.len());
        assert!(
            lost.0 <= 14 && (lost.1 <= 19_000 || frame_of_stream_head(&bytes) == frame),
            "{frame}: {lost:?}"
        );
        let there: BTreeSet<_> = left.iter().collect();
        assert!(there.len() == left.len() && left.is_sorted());
        if lost.0 == 0 && !left.is_empty() {
            assert!(
                report
                    .losses
                    .iter()
                    .all(|loss| !matches!(loss, Loss::Keys { count: Some(1..), .. })),
                "{report:?}"
            );
        }
        assert!(dump(&engine).len() <= whole.len());
    }
}

/// The frame in which the item of the stream begins.
fn frame_of_stream_head(bytes: &[u8]) -> usize {
    let head = b"\x02\x15\x00\x00\x00\x00\x01s";
    let at = (0..bytes.len())
        .find(|at| bytes[*at..].starts_with(&head[..1]) && bytes[at + 5..].starts_with(&head[5..]));
    (at.unwrap() - 32) / 131_092
}

/// Does random work with checkpoints in between, and closes in order.
fn worked(steps: &[(Step, bool)], checkpoints: u8) -> (SimDisk, Vec<String>) {
    let disk = SimDisk::new(3);
    let (engine, _) = open(&disk).unwrap();
    for (n, (step, is_synced)) in steps.iter().enumerate() {
        let now_ms = 1_000 + n as u64;
        step::run(&mut engine.lock(ShardSet::ALL, now_ms), *step);
        if *is_synced {
            sync(&engine);
        }
        if checkpoints > 0 && n % (1 + steps.len() / usize::from(checkpoints)) == 3 {
            checkpoint(&engine);
        }
    }
    let state = dump(&engine);
    close(engine);
    (disk, state)
}

fn steps() -> impl Strategy<Value = Vec<(Step, bool)>> {
    let step = (0..KINDS, Just(0_u8), 1..3_u8, any::<u8>(), any::<u8>(), any::<u8>());
    let step = step.prop_map(|(kind, db, key, a, b, c)| [kind, db, key, a, b, c]);
    prop::collection::vec((step, any::<bool>()), 5..60)
}

#[derive(Clone, Debug)]
enum Harm {
    Flip(prop::sample::Index),
    Cut(prop::sample::Index),
    Remove,
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        6 => any::<prop::sample::Index>().prop_map(Harm::Flip),
        2 => any::<prop::sample::Index>().prop_map(Harm::Cut),
        1 => Just(Harm::Remove),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn damage_is_noticed_and_can_be_repaired(
        steps in steps(),
        checkpoints in 0..3_u8,
        which: prop::sample::Index,
        harm in harm(),
    ) {
        let (disk, state) = worked(&steps, checkpoints);
        assert!(checked(&disk).unwrap().is_sound());
        let paths: Vec<PathBuf> = disk.contents().into_keys().collect();
        let path = &paths[which.index(paths.len())];
        let bytes = disk.contents()[path].clone();
        // That a log has lost its end nobody can notice.
        let newest = paths.iter().rfind(|path| path.extension().is_some_and(|it| it == "log"));
        let is_end_missing = newest == Some(path) && !matches!(harm, Harm::Flip(_));
        prop_assume!(!bytes.is_empty() && !path.ends_with("LOCK"));
        match harm {
            Harm::Flip(bit) => disk.flip_bit(path, bit.index(bytes.len() * 8) as u64),
            Harm::Cut(len) => disk.put(path, &bytes[..len.index(bytes.len())]),
            Harm::Remove => disk.remove(path).unwrap(),
        }
        let report = match checked(&disk) {
            Ok(report) => report,
            Err(error) => {
                // A flipped bit of a version makes another version of it.
                assert!(path.ends_with("FORMAT"), "{error}");
                assert!(open(&disk).is_err());
                return Ok(());
            }
        };
        let started = open(&disk.reopen());
        let is_torn = report.files.iter().any(|file| !file.notes.is_empty());
        let is_block_lost = path.extension().is_some_and(|it| it == "blk") && !report.is_sound();
        match started {
            // A block is read when it is wanted, and then refused.
            Ok(_) if is_block_lost => {}
            // What is damaged is not needed, or is a write that may not have ended.
            Ok((engine, opened)) => {
                assert!(dump(&engine) == state || opened.cut.is_some() && is_torn || is_end_missing, "{report:?}");
            }
            Err(error) => assert!(!report.is_sound(), "{error} {report:?}"),
        }
        let repaired = repaired(&disk).unwrap();
        assert_eq!(repaired.kept_in.is_some(), !report.is_sound());
        let after = checked(&disk).unwrap();
        assert!(after.is_sound(), "{report:?} {after:?}");
        assert_eq!((after.keys, after.entries), (report.keys, report.entries));
        let (engine, _) = open(&disk).unwrap();
        if report.losses.is_empty() && !is_torn && !is_end_missing {
            assert_eq!(dump(&engine), state);
        }
    }
}

/// Whenever a repair is interrupted, the folder can be repaired again, and nothing more is lost.
#[test]
fn an_interrupted_repair_does_no_harm() {
    let (disk, engine) = fresh();
    for ms in 1001..=1009 {
        add(&engine, b"s", ms);
        sync(&engine);
        if ms == 1003 {
            checkpoint(&engine);
        }
    }
    close(engine);
    let damaged = {
        hit(&disk, &file(&disk, "log", 0), b"1005");
        disk.reopen()
    };
    let expect = [1001, 1002, 1003, 1004, 1006, 1007, 1008, 1009];
    repaired(&damaged.reopen()).unwrap();
    for nth in 0.. {
        let disk = damaged.reopen();
        disk.stop_at(nth + 1);
        let outcome = repaired(&disk);
        let is_over = !disk.is_stopped();
        assert_eq!(outcome.is_ok(), is_over, "{nth}");
        for after in [disk.reopen(), disk.crash()] {
            repaired(&after).unwrap();
            assert!(checked(&after).unwrap().is_sound(), "{nth}");
            assert_eq!(ids(&open(&after).unwrap().0, b"s"), expect, "{nth}");
        }
        if is_over {
            assert!(nth > 10);
            break;
        }
    }
}

/// Makes a folder whose entries 1001 to 1100 lie in blocks of ten, all but the last one in a block
/// file, and what comes behind them in the log.
fn with_blocks() -> (SimDisk, PathBuf) {
    let (disk, engine) = fresh();
    engine.settings().set_node_limits(NodeLimits { entries_max: 10, bytes_max: 0 });
    for ms in 1001..=1100 {
        add(&engine, b"s", ms);
    }
    checkpoint(&engine);
    add(&engine, b"s", 1101);
    close(engine);
    let path = file(&disk, "blocks", 0);
    assert!(checked(&disk).unwrap().is_sound());
    (disk, path)
}

#[test]
fn a_damaged_block_costs_its_entries() {
    let (disk, path) = with_blocks();
    let before = disk.contents()[&path].clone();
    // The third frame: each has a head of 13 bytes, and nothing in it is so long as not to be hit.
    let mut at = 20;
    for _ in 0..2 {
        at += 13 + u32::from_le_bytes(*before[at + 4..].first_chunk().unwrap()) as usize;
    }
    disk.flip_bit(&path, 8 * (at as u64 + 15));
    let damaged = disk.contents()[&path].clone();
    let report = checked(&disk).unwrap();
    let flawed: Vec<_> = report.files.iter().filter(|file| !file.flaws.is_empty()).collect();
    assert_eq!((&flawed[0].path, flawed[0].flaws[0].offset, flawed.len()), (&path, at as u64, 1));
    let (after, before) = (Some(EntryId::new(1021, 0)), Some(EntryId::new(1031, 0)));
    let lost = Loss::Entries { db: 0, key: b"s"[..].into(), after, before, count: Some(10) };
    assert_eq!(report.losses, [lost]);
    let kept_in = repaired(&disk).unwrap().kept_in.unwrap();
    assert_eq!(disk.contents()[&kept_in.join("blocks/00000001.blk")], damaged);
    assert!(checked(&disk).unwrap().is_sound());
    let (engine, _) = open(&disk).unwrap();
    assert_eq!(ids(&engine, b"s"), (1001..=1020).chain(1031..=1101).collect::<Vec<_>>());
    let mut keys = engine.lock(ShardSet::ALL, 1_000);
    assert_eq!(keys.stream(0, b"s").unwrap().unwrap().entries_added(), 101);
}

#[test]
fn a_damaged_header_of_a_block_file_costs_nothing() {
    let (disk, path) = with_blocks();
    disk.flip_bit(&path, 3);
    assert!(open(&disk).is_err());
    let report = checked(&disk).unwrap();
    assert!(!report.is_sound() && report.losses.is_empty(), "{report:?}");
    repaired(&disk).unwrap();
    assert!(checked(&disk).unwrap().is_sound());
    assert_eq!(ids(&open(&disk).unwrap().0, b"s"), (1001..=1101).collect::<Vec<_>>());
}

#[test]
fn a_block_file_that_is_missing_costs_its_entries() {
    let (disk, path) = with_blocks();
    disk.remove(&path).unwrap();
    assert!(open(&disk).is_err());
    let report = checked(&disk).unwrap();
    assert_eq!(report.losses.len(), 9, "{report:?}");
    repaired(&disk).unwrap();
    assert!(checked(&disk).unwrap().is_sound());
    assert_eq!(ids(&open(&disk).unwrap().0, b"s"), (1091..=1101).collect::<Vec<_>>());
}

#[test]
fn a_damaged_block_file_is_named_by_a_start() {
    let (disk, path) = with_blocks();
    disk.flip_bit(&path, 3);
    let Err(error) = open(&disk) else { panic!("it is damaged") };
    assert!(error.is_damage());
    let checkpoint = file(&disk, "checkpoints", 0);
    let expect = format!(
        "{} is not sound at offset 0: the header is damaged; {} needs it",
        path.display(),
        checkpoint.display()
    );
    assert_eq!(error.to_string(), expect);
}

/// Makes a file say that it has version 2, with a checksum that is right.
fn make_version_2(disk: &SimDisk, path: &Path) {
    let mut bytes = disk.contents()[path].clone();
    bytes[8] = 2;
    // That of a log stands before the last number that it covers.
    let (crc_at, behind) = match path.extension().unwrap().to_str().unwrap() {
        "log" => (12, 16..24),
        "ckp" => (28, 32..32),
        _ => (16, 20..20),
    };
    let crc = crc32c::crc32c(&bytes[..crc_at]);
    let crc = crc32c::crc32c_append(crc, &bytes[behind]);
    bytes[crc_at..crc_at + 4].copy_from_slice(&crc.to_le_bytes());
    disk.put(path, &bytes);
}

#[test]
fn an_unknown_version_is_no_damage_and_is_refused_by_all() {
    for folder in ["log", "checkpoints", "blocks"] {
        let (disk, _) = with_blocks();
        let path = file(&disk, folder, 0);
        make_version_2(&disk, &path);
        let before = disk.contents()[&path].clone();
        let Err(error) = open(&disk) else { panic!("{folder}") };
        assert!(!error.is_damage(), "{error}");
        let told = error.to_string();
        assert!(told.starts_with(&*path.to_string_lossy()), "{told}");
        assert!(told.contains("version 2 is unknown"), "{told}");
        for error in [checked(&disk).unwrap_err(), repaired(&disk).unwrap_err()] {
            let CheckError::Version { path: named, version: 2 } = error else { panic!("{error}") };
            assert_eq!(named, path);
        }
        assert_eq!(disk.contents()[&path], before, "nothing is changed");
    }
}

/// An older checkpoint is no reason to go on without what another program has written.
#[test]
fn a_newest_checkpoint_of_an_unknown_version_is_not_passed_over() {
    let (disk, engine) = fresh();
    add(&engine, b"s", 1);
    sync(&engine);
    let log = file(&disk, "log", 0);
    let before = disk.contents()[&log].clone();
    checkpoint(&engine);
    close(engine);
    disk.put(&log, &before);
    make_version_2(&disk, &file(&disk, "checkpoints", 0));
    let Err(error) = open(&disk) else { panic!("it is unknown") };
    assert!(matches!(error, OpenError::Checkpoint(_)) && !error.is_damage(), "{error}");
}

/// Makes a folder whose log is several files, with entries from 1001 on, one in each record.
fn with_segments() -> (SimDisk, Vec<PathBuf>) {
    let disk = SimDisk::new(1);
    let (folder, driving) = (Some(FOLDER.into()), Driving::Caller);
    let options = Options { folder, driving, segment_bytes: 200, ..Options::new() };
    let (engine, _) = Engine::open(&options, clock(), on(&disk)).unwrap();
    for ms in 1001..=1020 {
        add(&engine, b"s", ms);
        sync(&engine);
    }
    close(engine);
    let log = Path::new(FOLDER).join("log");
    let paths = disk.contents().into_keys().filter(|path| path.parent() == Some(&log));
    (disk, paths.collect())
}

/// The position that a file of the log begins with, by its name.
fn first_of(path: &Path) -> u64 {
    u64::from_str_radix(path.file_stem().unwrap().to_str().unwrap(), 16).unwrap()
}

#[test]
fn a_missing_file_of_the_log_costs_its_records_and_is_told() {
    let (disk, paths) = with_segments();
    assert!(paths.len() > 3, "{paths:?}");
    let (before, gone, behind) = (&paths[0], &paths[1], &paths[2]);
    let lost = first_of(gone)..first_of(behind);
    disk.remove(gone).unwrap();
    assert!(open(&disk).is_err());
    let report = checked(&disk).unwrap();
    assert_eq!(report.losses, [Loss::Records(Lsn(lost.start)..Lsn(lost.end))]);
    let told = report.files.iter().find(|file| file.path == *before).unwrap();
    let flaw = format!("records {} to {} are missing", lost.start, lost.end - 1);
    assert_eq!(told.flaws[0].flaw, flaw);
    assert_eq!(repaired(&disk).unwrap().report.losses, report.losses);
    let left = ids(&open(&disk).unwrap().0, b"s");
    let expect: Vec<u64> = (1001..=1020).filter(|ms| !lost.contains(&(ms - 1000))).collect();
    assert_eq!(left, expect);
}

#[test]
fn a_missing_first_file_of_the_log_is_named() {
    let (disk, paths) = with_segments();
    disk.remove(&paths[0]).unwrap();
    let report = checked(&disk).unwrap();
    let second = first_of(&paths[1]);
    assert_eq!(report.losses, [Loss::Between(Lsn(1)..Lsn(second))]);
    let missing: Vec<_> = report.files.iter().filter(|file| file.is_missing).collect();
    assert_eq!(missing.len(), 1);
    assert_eq!(missing[0].path, paths[0]);
    assert!(missing[0].holds.contains(&format!("records 1 to {}", second - 1)), "{missing:?}");
    repaired(&disk).unwrap();
    assert!(checked(&disk).unwrap().is_sound());
    let left = ids(&open(&disk).unwrap().0, b"s");
    assert_eq!(left, (1000 + second..=1020).collect::<Vec<_>>());
}

#[test]
fn an_older_sound_checkpoint_stands_in_for_a_damaged_newest_one() {
    let (disk, engine) = fresh();
    add(&engine, b"s", 1001);
    checkpoint(&engine);
    let older = file(&disk, "checkpoints", 0);
    let checkpoint_1 = disk.contents()[&older].clone();
    add(&engine, b"s", 1002);
    sync(&engine);
    let log = file(&disk, "log", 0);
    let log_before = disk.contents()[&log].clone();
    checkpoint(&engine);
    add(&engine, b"s", 1003);
    let expect = dump(&engine);
    close(engine);
    disk.put(&older, &checkpoint_1);
    disk.put(&log, &log_before);
    let newest = file(&disk, "checkpoints", 1);
    disk.flip_bit(&newest, 8 * 60);
    let report = checked(&disk).unwrap();
    assert!(!report.is_sound() && report.losses.is_empty(), "{report:?}");
    assert_eq!(report.checkpoint, Some(Lsn(1)));
    assert_eq!(report.files.iter().filter(|file| !file.is_sound()).count(), 1);
    let kept_in = repaired(&disk).unwrap().kept_in.unwrap();
    let name = newest.strip_prefix(FOLDER).unwrap();
    assert!(disk.contents().contains_key(&kept_in.join(name)));
    assert!(checked(&disk).unwrap().is_sound());
    assert_eq!(dump(&open(&disk).unwrap().0), expect);
}

#[test]
fn a_torn_tail_is_no_damage_and_is_told() {
    let disk = with_records(1001..=1003);
    let path = file(&disk, "log", 0);
    let whole = disk.contents()[&path].clone();
    let last = whole.windows(4).position(|bytes| bytes == b"1003").unwrap();
    disk.put(&path, &whole[..last]);
    let report = checked(&disk).unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.records, report.entries), (2, 2));
    let told = report.files.iter().find(|file| file.path == path).unwrap();
    assert!(told.notes[0].contains("a write that had not ended"), "{told:?}");
    let (engine, opened) = open(&disk).unwrap();
    assert!(opened.cut.is_some());
    assert_eq!(ids(&engine, b"s"), [1001, 1002]);
}

#[test]
fn a_file_without_records_says_so() {
    let (disk, engine) = fresh();
    close(engine);
    let report = checked(&disk).unwrap();
    let log = file(&disk, "log", 0);
    let told = report.files.iter().find(|file| file.path == log).unwrap();
    assert_eq!(told.holds, "log, version 1: no records yet");
}

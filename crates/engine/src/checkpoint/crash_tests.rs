//! Whatever happens to the disk while a checkpoint is made, what is found afterwards is right.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use firth_wal::sim::{Chance, SimDisk};
use firth_wal::{Disk, Driving, Lsn, SyncDue};

use crate::CheckpointError;
use crate::blocks::{BlockMover, StoreError, reading};
use crate::replay::dump::dump;
use crate::replay::step::{self, KINDS};
use crate::stream::NodeLimits;
use crate::{Engine, ManualClock, OpenError, Opened, Options, Pace, ShardSet};

fn open(disk: &SimDisk) -> Result<(Engine, Opened), OpenError> {
    let folder = Some("data".into());
    let options = Options { folder, driving: Driving::Caller, ..Options::new() };
    Engine::open(&options, Arc::new(ManualClock::at_ms(1_000)), Arc::new(disk.clone()))
}

/// An engine at work, and what its state was at each position.
struct World {
    disk: SimDisk,
    engine: Engine,
    chance: Chance,
    states: BTreeMap<Lsn, Vec<String>>,
    cold_blocks_max: usize,
}

impl World {
    fn new(disk: &SimDisk, seed: u64) -> Self {
        let (engine, _) = open(disk).unwrap();
        engine.settings().set_node_limits(NodeLimits { entries_max: 2, bytes_max: 0 });
        let states = [(engine.journal().last(), dump(&engine))].into();
        World { disk: disk.clone(), engine, chance: Chance::new(seed), states, cold_blocks_max: 0 }
    }

    /// Changes something, most of the time one stream, and has it written some of the time.
    fn work(&mut self) {
        let mut byte = || (self.chance.next() >> 56) as u8;
        let mut step = [(); 6].map(|()| byte());
        if step[5] % 4 > 0 {
            let kind = if step[0] % 2 > 0 { 12 } else { 12 + step[0] % (KINDS - 12) };
            step = [kind, 0, 2, step[3], step[4], step[5]];
        }
        let sync = byte() % 2 == 0;
        // Nothing that is done after the disk has stopped can be found on it.
        if self.engine.journal().admits() && !self.disk.is_stopped() {
            let now_ms = 1_000 + self.states.len() as u64;
            step::run(&mut self.engine.lock(ShardSet::ALL, now_ms), step);
            let last = self.engine.journal().last();
            // Looking at all there is reads blocks, so the disk may stop right here.
            let state = catch_unwind(AssertUnwindSafe(|| dump(&self.engine)));
            assert!(state.is_ok() || self.disk.is_stopped());
            self.states.extend(state.ok().map(|state| (last, state)));
        }
        if sync {
            self.sync();
        }
    }

    fn sync(&self) {
        self.engine.storage().unwrap().log().drive(SyncDue::NotYet);
    }

    /// Makes a checkpoint while work goes on; says whether it succeeded.
    fn checkpoint(&mut self) -> bool {
        self.engine.request_checkpoint();
        for n in 0.. {
            if self.engine.keep() == Pace::Idle {
                break;
            }
            if n % 50 == 0 {
                self.work();
                let blocks = Arc::clone(self.engine.storage().unwrap().blocks());
                let mut mover = BlockMover::new(blocks);
                // What has been used is spared once.
                (0..16).for_each(|_| {
                    mover.evict(&self.engine, 100);
                });
                self.cold_blocks_max = self.cold_blocks_max.max(self.engine.memory().cold_blocks());
            }
        }
        self.engine.saves().last_error.is_none()
    }

    /// Ends the process, opens what the disk has then, and checks that it is a state that was not
    /// before anything that clients were told of.
    fn check(self, after: &SimDisk, context: &str) -> Engine {
        let settled = self.engine.journal().settled();
        reading::take_failure();
        let (engine, opened) = open(after).unwrap_or_else(|error| panic!("{context}: {error}"));
        let last = engine.journal().last();
        assert!(opened.unsound.is_empty(), "{context}: {opened:?}");
        assert!(last >= settled, "{context}: {last} of {settled}");
        assert!(
            self.states.get(&last) == Some(&dump(&engine)),
            "{context}: not the state at {last}"
        );
        // The old process goes on in a world of its own.
        drop(self);
        engine.checkpoint().unwrap();
        drop(engine);
        open(after).unwrap().0
    }
}

fn checkpoints(disk: &SimDisk) -> Vec<PathBuf> {
    let files = disk.contents().into_keys();
    files.filter(|path| path.starts_with("data/checkpoints")).collect()
}

#[test]
fn a_checkpoint_replaces_the_log_before_it() {
    let disk = SimDisk::new(1);
    let mut world = World::new(&disk, 1);
    for round in 0..3 {
        (0..40).for_each(|_| world.work());
        assert!(world.checkpoint(), "{:?}", world.engine.saves());
        assert_eq!(world.engine.saves().made, round + 1);
        assert_eq!(checkpoints(&disk).len(), 1);
    }
    world.sync();
    assert!(world.cold_blocks_max > 0);
    let first = world.engine.storage().unwrap().log().first_lsn();
    assert!(first > Lsn(60), "{first}");
    let last = world.engine.journal().last();
    let engine = world.check(&disk.reopen(), "reopened");
    assert_eq!(engine.journal().last(), last);
}

#[test]
fn a_crash_at_any_operation_loses_nothing() {
    let mut stopped = 0;
    for nth in 1.. {
        let disk = SimDisk::new(nth);
        let mut world = World::new(&disk, nth);
        (0..10).for_each(|_| world.work());
        assert!(world.checkpoint());
        (0..10).for_each(|_| world.work());
        disk.stop_at(nth);
        let made = world.checkpoint();
        if !disk.is_stopped() {
            assert!(made);
            break;
        }
        stopped += 1;
        world.check(&disk.crash(), &format!("stopped at {nth}"));
    }
    assert!(stopped > 20, "{stopped}");
}

#[test]
fn a_failed_operation_leaves_what_there_was() {
    for nth in 1..12 {
        for (what, kind) in [
            ("write", ErrorKind::Other),
            ("sync", ErrorKind::Other),
            ("full", ErrorKind::StorageFull),
        ] {
            let disk = SimDisk::new(nth);
            let mut world = World::new(&disk, nth);
            (0..10).for_each(|_| world.work());
            assert!(world.checkpoint());
            (0..10).for_each(|_| world.work());
            match what {
                "sync" => disk.fail_sync(nth, kind),
                _ => disk.fail_write(nth, kind),
            }
            let made = world.checkpoint();
            disk.forget_failures();
            let drafts = checkpoints(&disk)
                .iter()
                .filter(|path| path.extension() != Some("ckp".as_ref()))
                .count();
            assert_eq!(drafts, 0, "{what} {nth}");
            let error = world.engine.saves().last_error;
            let is_final = matches!(error, Some(CheckpointError::Blocks(StoreError::Poisoned(_))));
            if !made && !is_final && !world.engine.storage().unwrap().log().is_poisoned() {
                world.sync();
                (0..5).for_each(|_| world.work());
                assert!(world.checkpoint(), "{what} {nth}: {:?}", world.engine.saves());
            }
            world.check(&disk.crash(), &format!("{what} {nth}"));
        }
    }
}

/// Makes two checkpoints, and a disk on which neither the first nor the log between them has gone.
fn two_checkpoints() -> (World, SimDisk, [PathBuf; 2]) {
    let disk = SimDisk::new(5);
    let mut world = World::new(&disk, 5);
    (0..20).for_each(|_| world.work());
    assert!(world.checkpoint());
    (0..20).for_each(|_| world.work());
    world.sync();
    let before = disk.contents();
    let old = checkpoints(&disk).remove(0);
    assert!(world.checkpoint());
    world.sync();
    let new = checkpoints(&disk).remove(0);
    let after = disk.reopen();
    for (path, bytes) in before {
        if !after.contents().contains_key(&path) {
            after.put(&path, &bytes);
        }
    }
    (world, after, [old, new])
}

#[test]
fn the_one_before_is_used_where_the_newest_is_not_sound() {
    let (world, disk, [_, new]) = two_checkpoints();
    disk.flip_bit(&new, 400);
    let (engine, opened) = open(&disk).unwrap();
    let expect = world.engine.journal().last();
    assert_eq!(engine.journal().last(), expect);
    assert!(dump(&engine) == world.states[&expect]);
    assert_eq!((opened.unsound.len(), &opened.unsound[0].path), (1, &new));
    engine.checkpoint().unwrap();
    assert_eq!(checkpoints(&disk).len(), 1);
}

#[test]
fn nothing_is_made_up_where_no_checkpoint_is_sound() {
    let (_, disk, [old, new]) = two_checkpoints();
    disk.flip_bit(&new, 400);
    disk.flip_bit(&old, 300);
    let error = open(&disk).unwrap_err().to_string();
    let expect = format!("{} is not sound at offset 32: a damaged frame", new.display());
    assert_eq!(error, expect);
}

#[test]
fn a_log_that_ends_before_its_checkpoint_is_refused() {
    let (world, disk, _) = two_checkpoints();
    drop(world);
    let log = disk.contents().into_keys().filter(|path| path.starts_with("data/log"));
    log.for_each(|path| disk.remove(&path).unwrap());
    disk.sync_folder(Path::new("data/log")).unwrap();
    let error = open(&disk).unwrap_err();
    assert!(matches!(error, OpenError::LogTooShort { .. }), "{error}");
}

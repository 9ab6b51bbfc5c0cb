//! Block files that are rewritten, whatever happens meanwhile.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::path::PathBuf;

use firth_wal::sim::SimDisk;
use firth_wal::{Driving, Durability, SyncDue};
use proptest::prelude::*;

use super::*;
use crate::blocks::{StoreStats, reading};
use crate::replay::dump::dump;
use crate::stream::{Append, CreateStream, NewId};
use crate::stream::{Exactness, NodeLimits, References, Trim, TrimLimit, TrimTo, testing};
use crate::{Clock as _, Locked, ManualClock, Options, Overwrite, ShardSet};

const FILE_BYTES: u32 = 1000;

/// An engine whose streams have blocks of ten entries, in files of some twenty blocks.
struct World {
    engine: Engine,
    clock: Arc<ManualClock>,
}

impl World {
    fn open(disk: &SimDisk) -> World {
        World::open_with(disk, 1 << 20)
    }

    fn open_with(disk: &SimDisk, checkpoint_after_bytes: u64) -> World {
        let clock = Arc::new(ManualClock::at_ms(1));
        let options = Options {
            folder: Some("d".into()),
            driving: Driving::Caller,
            durability: Durability::Always,
            block_file_bytes: FILE_BYTES,
            checkpoint_after_bytes,
            ..Options::new()
        };
        let (engine, _) = Engine::open(&options, clock.clone(), Arc::new(disk.clone())).unwrap();
        engine.settings().set_node_limits(NodeLimits { entries_max: 10, bytes_max: 0 });
        World { engine, clock }
    }

    /// A world in which half of the blocks of each of two streams have changed since they were
    /// written, here and there.
    fn scattered(disk: &SimDisk) -> World {
        let world = World::open(disk);
        testing::fill(&mut world.lock(), 1..=1000);
        assert!(world.lock().copy(0, b"s", 1, b"t", Overwrite::Refused));
        world.cool();
        for (db, key, first) in [(0, &b"s"[..], 0), (1, b"t", 3)] {
            let ids: Vec<EntryId> =
                (0..98).filter(|n| n % 8 != first).map(|n| testing::id(10 * n + 5)).collect();
            world.lock().stream_mut(db, key).unwrap().unwrap().delete(&ids);
        }
        world.sync();
        world
    }

    fn lock(&self) -> Locked<'_> {
        self.engine.lock(ShardSet::ALL, self.clock.now_ms())
    }

    fn sync(&self) {
        self.engine.storage().unwrap().log().drive(SyncDue::Now);
    }

    fn store(&self) -> &BlockStore {
        self.engine.storage().unwrap().blocks()
    }

    fn stats(&self) -> StoreStats {
        self.store().stats()
    }

    /// Has the keeper do all that there is to do for some time.
    fn keep(&self) {
        for _ in 0..25 {
            self.clock.set_ms(self.clock.now_ms() + 1000);
            while self.engine.keep() == Pace::Busy {}
        }
    }

    /// Lets all blocks leave memory that can.
    fn cool(&self) {
        self.engine.memory().set_limit_bytes(1);
        self.keep();
        self.engine.memory().set_limit_bytes(0);
    }
}

fn block_files(disk: &SimDisk) -> Vec<PathBuf> {
    disk.contents().into_keys().filter(|path| path.starts_with("d/blocks")).collect()
}

#[test]
fn files_that_are_mostly_dead_go_and_all_content_stays() {
    let disk = SimDisk::new(1);
    let world = World::scattered(&disk);
    let (before, content) = (world.stats(), dump(&world.engine));
    assert!(before.live_bytes < before.bytes / 2 && before.files > 5, "{before:?}");
    world.cool();
    assert!(world.engine.memory().cold_blocks() > 190);
    world.engine.checkpoint().unwrap();
    let after = world.stats();
    assert!(after.compactions > 0 && after.moved_bytes > 0, "{after:?}");
    assert!(after.bytes <= 2 * after.live_bytes + u64::from(FILE_BYTES), "{after:?}");
    assert_eq!(after.files, block_files(&disk).len());
    assert_eq!(dump(&world.engine), content);
    assert_eq!(dump(&World::open(&disk.crash()).engine), content);
    // Nothing is moved without need.
    world.keep();
    assert_eq!(world.stats().moved_bytes, after.moved_bytes);
}

#[test]
fn the_old_file_stays_until_a_checkpoint_does_without_it() {
    let disk = SimDisk::new(1);
    let world = World::scattered(&disk);
    world.engine.checkpoint().unwrap();
    let (content, before) = (dump(&world.engine), block_files(&disk));
    world.keep();
    assert!(world.stats().compactions > 0);
    assert!(block_files(&disk).starts_with(&before));
    assert_eq!(dump(&World::open(&disk.crash()).engine), content);
    world.engine.checkpoint().unwrap();
    assert!(!block_files(&disk).starts_with(&before));
}

#[test]
fn a_crash_at_any_operation_loses_nothing() {
    let mut stopped = 0;
    for nth in (1..).step_by(2) {
        let disk = SimDisk::new(nth);
        let world = World::scattered(&disk);
        world.engine.checkpoint().unwrap();
        let content = dump(&world.engine);
        world.cool();
        disk.stop_at(nth);
        for _ in 0..3 {
            world.cool();
            let _ = world.engine.checkpoint();
        }
        reading::take_failure();
        if !disk.is_stopped() {
            break;
        }
        stopped += 1;
        let after = disk.crash();
        drop(world);
        assert_eq!(dump(&World::open(&after).engine), content, "{nth}");
    }
    assert!(stopped > 20, "{stopped}");
}

#[test]
fn what_changes_meanwhile_is_left_alone() {
    let world = World::scattered(&SimDisk::new(1));
    let store = world.store();
    let key = DbKey::new(0, b"s");
    let files = store.sparse_files().into_keys().collect();
    let streams = [Arc::new(DbKey::new(0, b"s"))].into();
    let (progress, from) = (Progress::More, EntryId::MIN);
    let mut round = Round { files, walk: Walk::START, progress, streams, from };
    let moving = round.collect(&world.engine, &key);
    let ids: Vec<u64> = moving.iter().map(|block| block.first_id.ms).collect();
    assert_eq!(ids, [1, 81, 161, 241, 321, 401, 481, 561, 641, 721, 801, 881, 961, 981]);
    // One changes, one goes, and one is another block by now.
    let mut keys = world.lock();
    keys.stream_mut(0, b"s").unwrap().unwrap().delete(&[testing::id(85)]);
    let references = References::Keep;
    let (to, limit) = (TrimTo::MinId(testing::id(75)), TrimLimit::None);
    let trim = Trim { to, exactness: Exactness::WholeNodes, limit, references };
    keys.stream_mut(0, b"s").unwrap().unwrap().trim(&trim);
    drop(keys);
    let content = dump(&world.engine);
    relocate(&world.engine, store, &key, moving).unwrap();
    assert_eq!(dump(&world.engine), content);
    with_stream(&world.engine, &key, |stream| {
        let moved = |block: &&Block| place_in(block, &round.files).is_none();
        let moved: Vec<u64> = stream
            .entries
            .blocks()
            .filter(|block| block.place().is_some())
            .filter(moved)
            .map(|block| block.first_id().ms)
            .collect();
        assert_eq!(moved, [161, 241, 321, 401, 481, 561, 641, 721, 801, 881, 961, 981]);
    });
}

#[test]
fn a_damaged_block_stays_where_it_is_and_ends_nothing() {
    let disk = SimDisk::new(1);
    let world = World::scattered(&disk);
    world.engine.memory().set_limit_bytes(1);
    while world.engine.memory().cold_blocks() < 30 {
        world.engine.keep();
    }
    world.engine.memory().set_limit_bytes(0);
    let mut damaged = None;
    with_stream(&world.engine, &DbKey::new(0, b"s"), |stream| {
        let mut blocks = stream.entries.blocks();
        let block = blocks.find(|block| block.bytes().is_none() && block.live() == 10).unwrap();
        let place = block.place().unwrap();
        damaged = Some((block.first_id(), place.file().path().to_owned(), place.offset()));
    });
    let (first_id, path, offset) = damaged.unwrap();
    disk.flip_bit(&path, u64::from(offset + 15) * 8);
    world.cool();
    world.engine.checkpoint().unwrap();
    let moved = world.stats().moved_bytes;
    assert!(moved > 0 && block_files(&disk).contains(&path));
    world.keep();
    assert_eq!(world.stats().moved_bytes, moved);
    let mut keys = world.lock();
    let stream = keys.stream(0, b"s").unwrap().unwrap();
    assert!(stream.entries().get(first_id).is_none());
    let error = keys.take_read_failure().unwrap().to_string();
    assert!(error.starts_with(&format!("{} is not sound at offset", path.display())), "{error}");
}

#[test]
fn a_full_disk_delays_it() {
    let disk = SimDisk::new(1);
    let world = World::scattered(&disk);
    let content = dump(&world.engine);
    disk.set_capacity(Some(0));
    world.keep();
    let full = world.stats();
    assert!(full.failed_compactions > 1 && full.moved_bytes == 0, "{full:?}");
    assert_eq!(dump(&world.engine), content);
    disk.set_capacity(None);
    world.keep();
    assert!(world.stats().compactions > 0);
    assert_eq!(dump(&world.engine), content);
}

#[test]
fn dead_files_bring_a_checkpoint_about() {
    let disk = SimDisk::new(1);
    drop(World::scattered(&disk));
    let world = World::open_with(&disk, 3000);
    world.cool();
    world.engine.checkpoint().unwrap();
    let made = world.engine.saves().made;
    world.keep();
    assert_eq!(world.engine.saves().made, made);
    world.lock().delete(0, b"s");
    world.sync();
    world.keep();
    assert_eq!(world.engine.saves().made, made + 1);
    world.keep();
    assert_eq!(world.engine.saves().made, made + 1);
    assert_eq!(world.stats().dead_bytes, 0);
}

/// What is done to one of three streams.
#[derive(Clone, Debug)]
enum Act {
    Append(u8),
    /// Deletes every so manieth entry behind one.
    Delete(u8, u8),
    Trim(u8),
    Copy(u8),
    Rename(u8),
    Cool,
    Keep,
    Save,
}

fn act() -> impl Strategy<Value = (u8, Act)> {
    let acts = prop_oneof![
        4 => (20..250_u8).prop_map(Act::Append),
        4 => (any::<u8>(), 1..30_u8).prop_map(|(from, step)| Act::Delete(from, step)),
        1 => any::<u8>().prop_map(Act::Trim),
        1 => (0..3_u8).prop_map(Act::Copy),
        1 => (0..3_u8).prop_map(Act::Rename),
        3 => Just(Act::Cool),
        2 => Just(Act::Keep),
        1 => Just(Act::Save),
    ];
    (0..3_u8, acts)
}

fn perform(world: &World, key: u8, act: &Act, next_ms: &mut u64) {
    let key = &[key][..];
    let content = dump(&world.engine);
    match *act {
        Act::Append(count) => {
            for _ in 0..count {
                *next_ms += 1;
                let new = NewId::Explicit(testing::id(*next_ms));
                let append = Append { id: new, fields: &[b"f", b"v"], attempt: None, trim: None };
                let create = CreateStream::IfAbsent;
                world.lock().append_to_stream(0, key, &append, create).unwrap();
            }
        }
        Act::Delete(from, step) => {
            let mut keys = world.lock();
            let Ok(Some(mut stream)) = keys.stream_mut(0, key) else { return };
            let ids: Vec<EntryId> = stream
                .stream()
                .entries()
                .range(EntryId::MIN, EntryId::MAX)
                .skip(usize::from(from))
                .step_by(usize::from(step))
                .map(|entry| entry.id)
                .collect();
            stream.delete(&ids);
        }
        Act::Trim(count) => {
            let (to, limit) = (TrimTo::MaxLen(u64::from(count)), TrimLimit::None);
            let references = References::Keep;
            let trim = Trim { to, exactness: Exactness::Exact, limit, references };
            let mut keys = world.lock();
            if let Ok(Some(mut stream)) = keys.stream_mut(0, key) {
                stream.trim(&trim);
            }
        }
        Act::Copy(to) => {
            world.lock().copy(0, key, 0, &[to], Overwrite::Allowed);
        }
        Act::Rename(to) => {
            world.lock().rename(0, key, &[to], Overwrite::Allowed);
        }
        Act::Cool => world.cool(),
        Act::Keep => world.keep(),
        Act::Save => world.engine.checkpoint().unwrap(),
    }
    if matches!(act, Act::Cool | Act::Keep | Act::Save) {
        assert_eq!(dump(&world.engine), content);
    }
    world.sync();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn content_stays_and_space_follows_it(acts in prop::collection::vec(act(), 1..40)) {
        let disk = SimDisk::new(1);
        let world = World::open(&disk);
        let mut next_ms = 0;
        for (key, act) in &acts {
            perform(&world, *key, act, &mut next_ms);
        }
        let content = dump(&world.engine);
        world.cool();
        world.cool();
        world.engine.checkpoint().unwrap();
        let stats = world.stats();
        assert!(stats.bytes <= 2 * stats.live_bytes + u64::from(FILE_BYTES), "{stats:?}");
        assert_eq!(stats.files, block_files(&disk).len());
        assert_eq!(dump(&world.engine), content);
        assert_eq!(dump(&World::open(&disk.crash()).engine), content);
    }
}

//! Streams whose blocks leave memory and come back.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::ops::RangeInclusive;
use std::path::Path;

use firth_wal::sim::SimDisk;

use super::*;
use crate::blocks::{StoreOptions, StoreStats};
use crate::stream::testing::{self, events, id, ids};
use crate::stream::{Exactness, References, Stream, Trim, TrimLimit, TrimTo};
use crate::{Locked, Overwrite};

const ENTRIES: u64 = 1000;
const FILE: &str = "d/blocks/00000001.blk";

/// A stream of a hundred blocks, of which all but two are on the disk alone.
fn cooled() -> (Engine, BlockMover, SimDisk) {
    let disk = SimDisk::new(1);
    let store = BlockStore::open("d/blocks", Arc::new(disk.clone()), StoreOptions::default());
    let mut mover = BlockMover::new(Arc::new(store.unwrap()));
    let engine = testing::engine_with_nodes_of(10);
    testing::fill(&mut testing::lock(&engine, 7), 1..=ENTRIES);
    cool(&engine, &mut mover);
    assert_eq!((engine.memory().blocks(), engine.memory().cold_blocks()), (100, 98));
    (engine, mover, disk)
}

fn cool(engine: &Engine, mover: &mut BlockMover) {
    while mover.write_sealed(engine, 500).unwrap() == Progress::More {}
    for _ in 0..2 {
        while mover.evict(engine, 100).1 == Progress::More {}
    }
}

/// Makes every read of a block fail.
fn spoil(disk: &SimDisk, mover: &BlockMover) {
    for byte in (20..mover.store().stats().bytes).step_by(20) {
        disk.flip_bit(Path::new(FILE), byte * 8);
    }
}

fn read(keys: &mut Locked<'_>, ids: RangeInclusive<u64>) -> Vec<u64> {
    let stream = keys.stream(0, b"s").unwrap().unwrap();
    let (start, end) = (id(*ids.start()), id(*ids.end()));
    stream.entries().range(start, end).map(|entry| entry.id.ms).collect()
}

#[test]
fn a_cold_stream_reads_like_a_warm_one() {
    let (engine, mut mover, _disk) = cooled();
    let block_bytes = engine.memory().block_bytes();
    let mut keys = testing::lock(&engine, 7);
    assert_eq!(read(&mut keys, 95..=106), (95..=106).collect::<Vec<_>>());
    assert_eq!(engine.memory().cold_blocks(), 96);
    let stream = keys.stream(0, b"s").unwrap().unwrap();
    let entries = stream.entries();
    assert!(entries.contains(id(500)) && !entries.contains(id(1001)));
    assert_eq!((entries.first_id(), entries.last_id()), (Some(id(1)), Some(id(1000))));
    let back: Vec<u64> = entries.range_rev(id(1), id(1000)).map(|entry| entry.id.ms).collect();
    assert!(back.into_iter().eq((1..=1000).rev()));
    assert_eq!(engine.memory().cold_blocks(), 0);
    drop(keys);
    cool(&engine, &mut mover);
    assert_eq!(engine.memory().cold_blocks(), 98);
    assert_eq!(engine.memory().block_bytes(), block_bytes);
    assert!(ids(testing::lock(&engine, 7).stream(0, b"s").unwrap().unwrap()).len() == 1000);
}

#[test]
fn a_read_is_suspended_until_its_blocks_are_there() {
    let (engine, _mover, _disk) = cooled();
    let (mut rounds, mut waited_for) = (0, None);
    loop {
        let mut keys = testing::lock(&engine, 7);
        keys.allow_suspension(4, waited_for);
        let seen = read(&mut keys, 95..=206);
        match keys.end_suspension() {
            None => {
                assert!(seen.into_iter().eq(95..=206));
                break;
            }
            Some(wanted) => {
                assert!(wanted.len() <= 5 && seen.len() <= 106);
                drop(keys);
                waited_for = wanted.first();
                wanted.load();
                rounds += 1;
            }
        }
    }
    assert_eq!(rounds, 3);
    assert_eq!(engine.memory().cold_blocks(), 98 - 12);
}

#[test]
fn a_suspended_command_leaves_no_trace() {
    let (engine, _mover, _disk) = cooled();
    let mut keys = testing::lock(&engine, 7);
    events(&mut keys);
    let lsn = keys.lsn();
    keys.allow_suspension(0, None);
    assert_eq!(keys.stream_mut(0, b"s").unwrap().unwrap().delete(&[id(5), id(55), id(1000)]), 1);
    assert!(keys.is_void());
    assert!(events(&mut keys).is_empty());
    keys.set_string(0, b"k", b"v", crate::Deadline::Clear, None);
    assert_eq!(keys.end_suspension().map(|wanted| wanted.len()), Some(2));
    assert_eq!(keys.lsn(), lsn);
    assert!(keys.peek(0, b"k").is_none());
    // Once it has changed something, it reads on the spot.
    keys.allow_suspension(0, None);
    let mut stream = keys.stream_mut(0, b"s").unwrap().unwrap();
    assert_eq!(stream.delete(&[id(1000)]), 1);
    assert_eq!(stream.delete(&[id(5), id(55)]), 2);
    assert!(keys.end_suspension().is_none());
    assert_eq!(read(&mut keys, 54..=56), [54, 56]);
}

#[test]
fn a_damaged_block_is_an_error_and_never_data() {
    let (engine, mover, disk) = cooled();
    spoil(&disk, &mover);
    let mut keys = testing::lock(&engine, 7);
    for may_suspend in [false, true] {
        if may_suspend {
            keys.allow_suspension(9, None);
            assert!(read(&mut keys, 25..=36).is_empty());
            let wanted = keys.end_suspension().unwrap();
            let waited_for = wanted.first();
            wanted.load();
            keys.allow_suspension(9, waited_for);
        }
        assert!(read(&mut keys, 25..=36).is_empty());
        assert!(keys.is_void());
        assert_eq!(keys.stream_mut(0, b"s").unwrap().unwrap().delete(&[id(1000)]), 1);
        let error = keys.take_read_failure().unwrap().to_string();
        assert!(error.starts_with(&format!("{FILE} is not sound at offset ")), "{error}");
        assert_eq!(read(&mut keys, 999..=1000), [999, 1000], "void commands change nothing");
    }
}

fn trim(stream: &mut crate::stream::StreamMut<'_, '_>, to: TrimTo, exactness: Exactness) -> u64 {
    let references = References::Keep;
    stream.trim(&Trim { to, exactness, limit: TrimLimit::None, references })
}

#[test]
fn whole_blocks_are_trimmed_without_being_read() {
    let (engine, mover, disk) = cooled();
    spoil(&disk, &mover);
    let mut keys = testing::lock(&engine, 7);
    let mut stream = keys.stream_mut(0, b"s").unwrap().unwrap();
    assert_eq!(trim(&mut stream, TrimTo::MaxLen(900), Exactness::Exact), 100);
    assert_eq!(trim(&mut stream, TrimTo::MaxLen(805), Exactness::WholeNodes), 90);
    assert_eq!(trim(&mut stream, TrimTo::MinId(id(301)), Exactness::Exact), 110);
    assert_eq!(stream.stream().entries().first_id(), Some(id(301)));
    assert!(keys.take_read_failure().is_none());
    assert_eq!(engine.memory().cold_blocks(), 68);
}

#[test]
fn places_go_with_what_refers_to_them() {
    let (engine, mover, _disk) = cooled();
    let live = |mover: &BlockMover| {
        let StoreStats { live_bytes, bytes, .. } = mover.store().stats();
        (live_bytes, bytes)
    };
    let (one, bytes) = live(&mover);
    assert_eq!(one, bytes - 20);
    let mut keys = testing::lock(&engine, 7);
    assert!(keys.copy(0, b"s", 1, b"copy", Overwrite::Refused));
    assert_eq!(live(&mover), (2 * one, bytes));
    assert_eq!(engine.memory().cold_blocks(), 2 * 98);
    keys.delete(0, b"s");
    assert_eq!(live(&mover), (one, bytes));
    assert_eq!(keys.rename(1, b"copy", b"s", Overwrite::Refused), crate::Renamed::Done);
    let mut stream = keys.stream_mut(1, b"s").unwrap().unwrap();
    assert_eq!(stream.delete(&[id(7)]), 1);
    assert!(live(&mover).0 < one, "a changed block is not the one that was written");
    trim(&mut stream, TrimTo::MinId(id(501)), Exactness::Exact);
    assert!(live(&mover).0 < one * 6 / 10);
    keys.flush(1);
    assert_eq!(live(&mover), (0, bytes));
    assert_eq!((engine.memory().blocks(), engine.memory().block_bytes()), (0, 0));
}

/// Appends to the stream from another thread's point of view: between two steps.
fn stream<T>(engine: &Engine, with: impl FnOnce(&mut Stream) -> T) -> T {
    let hash = engine.hash(b"s");
    let mut shard = engine.shard(hash.shard()).lock();
    with(stream_mut(&mut shard, &DbKey::new(0, b"s"), hash).unwrap())
}

#[test]
fn a_block_that_changes_while_it_is_written_stays_unwritten() {
    let (engine, mover, _disk) = cooled();
    testing::fill(&mut testing::lock(&engine, 7), 1001..=1010);
    let sealed: Vec<Sealed> = stream(&engine, |stream| {
        let key = Arc::new(DbKey::new(0, b"s"));
        let unwritten = stream.entries().unwritten();
        let sealed = |(first_id, content): (_, &[u8])| Sealed {
            key: key.clone(),
            first_id,
            content: content.to_vec(),
        };
        unwritten.map(sealed).collect()
    });
    assert_eq!(sealed.len(), 1);
    let mut keys = testing::lock(&engine, 7);
    keys.stream_mut(0, b"s").unwrap().unwrap().delete(&[id(995)]);
    drop(keys);
    let live_bytes = mover.store().stats().live_bytes;
    assert_eq!(mover.write(&engine, &sealed), Ok(0));
    assert_eq!(mover.store().stats().live_bytes, live_bytes);
    assert_eq!(stream(&engine, |stream| stream.entries().unwritten().count()), 1);
}

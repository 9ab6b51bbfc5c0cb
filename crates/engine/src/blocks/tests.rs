//! The store over a disk that fails on purpose.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use firth_wal::sim::SimDisk;
use proptest::prelude::*;

use super::*;

const SMALL: StoreOptions = StoreOptions { file_bytes: 1000, compression: Compression::Lz4 };

fn open(disk: &SimDisk) -> BlockStore {
    BlockStore::open("d/blocks", Arc::new(disk.clone()), SMALL).unwrap()
}

fn block(number: u32, len: usize) -> Vec<u8> {
    let text = format!("{number:07} ").into_bytes();
    text.into_iter().cycle().take(len).collect()
}

fn write(store: &BlockStore, blocks: &[Vec<u8>]) -> Result<Vec<Place>, StoreError> {
    let blocks: Vec<&[u8]> = blocks.iter().map(Vec::as_slice).collect();
    store.write(&blocks)
}

fn noted(place: &Place) -> (u32, u32, u32) {
    (place.number(), place.offset(), place.stored_len())
}

#[test]
fn blocks_are_read_back_from_several_files_by_the_next_process() {
    let disk = SimDisk::new(1);
    let store = open(&disk);
    let blocks: Vec<Vec<u8>> = (0..200).map(|number| block(number, 10 + number as usize)).collect();
    let places = write(&store, &blocks).unwrap();
    assert!(store.stats().files > 3);
    for (place, block) in places.iter().zip(&blocks) {
        assert_eq!(place.read().as_ref(), Ok(block));
    }
    store.sync().unwrap();
    let (disk, places) = (disk.crash(), places.iter().map(noted).collect::<Vec<_>>());
    let store = open(&disk);
    for ((number, offset, len), block) in places.into_iter().zip(&blocks) {
        let place = store.place(number, offset, len).unwrap();
        assert_eq!(place.read().as_ref(), Ok(block));
    }
    let last = write(&store, &blocks[..1]).unwrap();
    assert_eq!(last[0].number() as usize, store.stats().files);
}

#[test]
fn a_file_goes_when_nobody_refers_to_it() {
    let disk = SimDisk::new(2);
    let store = open(&disk);
    let blocks: Vec<Vec<u8>> = (0..100).map(|number| block(number, 400)).collect();
    let mut places = write(&store, &blocks).unwrap();
    let files = places.last().unwrap().number();
    assert!(files >= 4);
    let durable: BTreeSet<u32> = [2].into();
    assert_eq!(store.retain(&durable).unwrap(), 0);
    let copy = places.iter().find(|place| place.number() == 3).cloned();
    places.retain(|place| place.number() == files);
    assert_eq!(store.retain(&durable).unwrap(), files as usize - 3);
    drop(copy);
    assert_eq!(store.retain(&BTreeSet::new()).unwrap(), 2);
    drop(places);
    assert_eq!(store.retain(&BTreeSet::new()).unwrap(), 0, "the newest one stays");
    assert_eq!(store.stats().live_bytes, 0);
    assert!(store.place(2, 20, 20).is_err());
    let again = open(&disk);
    assert_eq!(again.retain(&BTreeSet::new()).unwrap(), 1);
}

#[test]
fn damage_names_file_and_offset() {
    let disk = SimDisk::new(3);
    let store = open(&disk);
    let places = write(&store, &[block(1, 50), block(2, 50)]).unwrap();
    let path = Path::new("d/blocks/00000001.blk");
    disk.flip_bit(path, u64::from(places[1].offset() + 15) * 8);
    assert_eq!(places[0].read(), Ok(block(1, 50)));
    let error = places[1].read().unwrap_err();
    let offset = places[1].offset();
    let expect =
        format!("d/blocks/00000001.blk is not sound at offset {offset}: the checksum is wrong");
    assert_eq!(error.to_string(), expect);
    let (number, offset, len) = noted(&places[0]);
    let read = |number, offset, len| store.place(number, offset, len).and_then(|at| at.read());
    assert!(read(number, offset, len).is_ok());
    assert!(read(number, offset, len - 1).is_err());
    assert!(read(number, offset + 1, len).is_err());
    assert!(read(number, offset, len + 10_000).is_err());
    assert!(read(number, 0, len).is_err());
    assert!(read(number + 1, offset, len).is_err());
    disk.flip_bit(path, 8 * 8);
    assert!(open(&disk).place(number, offset, len).is_err());
}

#[test]
fn a_failed_write_leaves_nothing_that_is_read() {
    let disk = SimDisk::new(4);
    let store = open(&disk);
    let first = write(&store, &[block(1, 300)]).unwrap();
    for kind in [ErrorKind::StorageFull, ErrorKind::Other] {
        disk.fail_write(1, kind);
        assert!(matches!(write(&store, &[block(2, 300)]), Err(StoreError::Disk(_))));
    }
    let second = write(&store, &[block(3, 300)]).unwrap();
    assert_eq!((first[0].number(), second[0].number()), (1, 1));
    assert_eq!(second[0].read(), Ok(block(3, 300)));
    disk.set_capacity(Some(0));
    assert!(write(&store, &[block(4, 300)]).is_err());
    disk.set_capacity(None);
    assert_eq!(write(&store, &[block(4, 300)]).unwrap()[0].read(), Ok(block(4, 300)));
}

#[test]
fn after_a_failed_sync_nothing_is_written() {
    let disk = SimDisk::new(5);
    let store = open(&disk);
    let places = write(&store, &[block(1, 300)]).unwrap();
    disk.fail_sync(1, ErrorKind::Other);
    assert!(matches!(store.sync(), Err(StoreError::Poisoned(_))));
    assert!(matches!(store.sync(), Err(StoreError::Poisoned(_))));
    assert!(matches!(write(&store, &[block(2, 300)]), Err(StoreError::Poisoned(_))));
    assert_eq!(places[0].read(), Ok(block(1, 300)));
}

#[derive(Clone, Debug)]
enum Step {
    Write { count: usize, len: usize },
    FailWrite,
    Sync,
    Drop(prop::sample::Index),
    Retain,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..5_usize, 0..400_usize).prop_map(|(count, len)| Step::Write { count, len }),
        1 => Just(Step::FailWrite),
        2 => Just(Step::Sync),
        2 => any::<prop::sample::Index>().prop_map(Step::Drop),
        2 => Just(Step::Retain),
        1 => Just(Step::Crash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// What was synced and is referred to is read back, whatever happens otherwise.
    #[test]
    fn behaves_like_a_map(seed: u64, steps in prop::collection::vec(step(), 1..60)) {
        let mut disk = SimDisk::new(seed);
        disk.set_short_writes(3);
        let mut store = open(&disk);
        let mut next = 0;
        let (mut synced, mut unsynced) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Write { count, len } => {
                    let blocks: Vec<_> = (next..).take(count).map(|no| block(no, len)).collect();
                    next += count as u32;
                    if let Ok(places) = write(&store, &blocks) {
                        unsynced.extend(places.into_iter().zip(blocks));
                    }
                }
                Step::FailWrite => disk.fail_write(2, ErrorKind::StorageFull),
                Step::Sync => {
                    store.sync().unwrap();
                    synced.append(&mut unsynced);
                }
                Step::Drop(index) if !synced.is_empty() => {
                    synced.swap_remove(index.index(synced.len()));
                }
                Step::Drop(_) => {}
                Step::Retain => {
                    let durable = synced.iter().map(|(place, _)| place.number()).collect();
                    store.retain(&durable).unwrap();
                }
                Step::Crash => {
                    disk = disk.crash();
                    store = open(&disk);
                    unsynced.clear();
                    for (place, _) in &mut synced {
                        let (number, offset, len) = noted(place);
                        *place = store.place(number, offset, len).unwrap();
                    }
                }
            }
            for (place, block) in synced.iter().chain(&unsynced) {
                prop_assert_eq!(&place.read().unwrap(), block);
            }
            let live: u64 = synced.iter().chain(&unsynced).map(|(at, _)| u64::from(at.stored_len())).sum();
            prop_assert_eq!(store.stats().live_bytes, live);
        }
    }
}

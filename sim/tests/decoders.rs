//! The fuzz targets of what lies on the disk, fed with seeds and with some thousands of inputs that
//! were made of them, the same ones each time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

use std::path::Path;
use std::sync::Arc;

use firth_engine::blocks::{BlockStore, StoreOptions};
use firth_wal::sim::{Chance, SimDisk};

#[path = "../../fuzz/inputs/block.rs"]
mod block;
#[path = "../../fuzz/inputs/checkpoint.rs"]
mod checkpoint;
#[path = "../../fuzz/inputs/log.rs"]
mod log;

const INPUTS: u64 = 3000;

/// A data folder with one file of each kind, as `crates/engine/src/storage/golden.rs` reads it.
const FOLDER: &str = include_str!("../../crates/engine/src/storage/golden/folder-1.hex");

/// Returns the bytes of the file whose path contains this.
fn golden(part: &str) -> Vec<u8> {
    let lines = FOLDER.lines().skip_while(|line| !line.contains(part)).skip(1);
    let digits: String = lines.take_while(|line| !line.contains('/')).collect();
    let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// Changes some bytes of an input, or its length.
fn mutate(input: &mut Vec<u8>, chance: &mut Chance) {
    for _ in 0..=chance.next() >> 62 {
        let random = chance.next();
        let (byte, at) = (random as u8, (random >> 8) as usize % input.len().max(1));
        match random >> 60 {
            0 => input.truncate(at),
            1 => input.insert(at.min(input.len()), byte),
            2 if at < input.len() => _ = input.remove(at),
            3..=8 if at < input.len() => input[at] = byte,
            _ if at < input.len() => input[at] ^= 1 << (byte % 8),
            _ => {}
        }
    }
}

/// Feeds what is sound, which has to be taken for that, and what is made of it and others.
fn feed_all(sound: &[u8], others: &[Vec<u8>], feed: fn(&[u8]) -> bool) {
    assert!(feed(sound));
    let seeds = [&[sound.to_vec()][..], others].concat();
    let mut chance = Chance::new(7);
    let mut sound = 0;
    for nth in 0..INPUTS {
        let mut input = seeds[nth as usize % seeds.len()].clone();
        mutate(&mut input, &mut chance);
        sound += u64::from(feed(&input));
    }
    assert!((1..INPUTS).contains(&sound), "{sound}");
}

#[test]
fn checkpoints_load_or_are_called_unsound() {
    feed_all(&golden("/checkpoints/"), &[], checkpoint::feed);
}

/// The seeds are a frame as it is written, one that is empty, and the content of a block.
#[test]
fn blocks_unpack_or_are_called_damaged() {
    let file = golden("/blocks/");
    let numbers = [10, 1, 1, 10];
    let first = 20 + 13 + u32::from_le_bytes(*file[24..].first_chunk().unwrap()) as usize;
    let frame = [&numbers[..], &file[20..first]].concat();
    let disk = SimDisk::new(1);
    disk.put(Path::new("blocks/00000001.blk"), &file);
    let store = BlockStore::open("blocks", Arc::new(disk), StoreOptions::default()).unwrap();
    let place = store.place(1, 20, first as u32 - 20).unwrap();
    let content = [&numbers[..], &place.read().unwrap()].concat();
    feed_all(&frame, &[content, numbers.to_vec()], block::feed);
}

/// An input is a list of changes to a sound log.
#[test]
fn logs_open_with_what_was_written_or_are_called_damaged() {
    let others = [vec![3, 0, 90, 3, 1], vec![1, 0, 40, 0, 0, 2, 0, 80, 1, 7]];
    feed_all(&[0, 0, 40, 3, 0], &others, log::feed);
}

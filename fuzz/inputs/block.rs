//! Whatever a frame of a block file holds behind a checksum that is right, its block is unpacked
//! or called damaged; and whatever a block holds, going through its entries ends.

use std::path::Path;
use std::sync::Arc;

use firth_engine::blocks::{BlockStore, StoreOptions};
use firth_engine::stream::{Block, BlockContent, BlockNumbers, EntryId};
use firth_wal::sim::SimDisk;

/// Feeds an input to the decoder; says whether it was taken for sound.
pub(crate) fn feed(data: &[u8]) -> bool {
    let Some((numbers, frame)) = data.split_at_checked(4) else { return false };
    let content = unpack(frame);
    let is_sound = content.is_some();
    content.into_iter().for_each(|content| walk(numbers, content));
    walk(numbers, frame.to_vec());
    is_sound
}

/// Reads a frame that lies where the first one of a file does.
fn unpack(frame: &[u8]) -> Option<Vec<u8>> {
    let disk = Arc::new(SimDisk::new(1));
    let store = BlockStore::open("blocks", disk.clone(), StoreOptions::default()).ok()?;
    let place = store.write(&[b"block"]).ok()?.pop()?;
    let (number, offset) = (place.number(), place.offset());
    let (path, mut file) = disk.contents().pop_first()?;
    file.truncate(offset as usize);
    file.extend_from_slice(frame);
    let covered = file.get(offset as usize + 4..)?;
    let spot = [number.to_le_bytes(), offset.to_le_bytes()].concat();
    let crc = crc32c::crc32c_append(crc32c::crc32c(&spot), covered);
    file[offset as usize..offset as usize + 4].copy_from_slice(&crc.to_le_bytes());
    let disk = Arc::new(SimDisk::new(2));
    disk.put(Path::new(&path), &file);
    let store = BlockStore::open("blocks", disk, StoreOptions::default()).ok()?;
    let stored_len = u32::try_from(frame.len()).ok()?;
    store.place(number, offset, stored_len).ok()?.read().ok()
}

fn walk(numbers: &[u8], content: Vec<u8>) {
    let slots = u32::from(numbers[0]);
    let numbers = BlockNumbers {
        first_id: EntryId::new(u64::from(numbers[1]), u64::from(numbers[2])),
        live: slots.min(u32::from(numbers[3])),
        slots,
        dead_bytes: 0,
        listpack_bytes: 0,
    };
    let length = content.len();
    let block = Block::of(numbers, BlockContent::Resident(content));
    // Each entry takes a byte at least, or there are no more than were announced.
    let mut entries = 0;
    for entry in block.entries() {
        _ = entry.fields().count();
        entries += 1;
    }
    assert!(entries <= length.max(slots as usize));
}

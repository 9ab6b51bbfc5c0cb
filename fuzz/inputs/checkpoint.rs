//! Whatever a checkpoint holds behind checksums that are right, it loads or is called unsound, and
//! what has loaded can be read to its end. How many entries a block has is believed where the
//! checksums are right, since to count them would be to read everything at the start.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use firth_engine::stream::EntryId;
use firth_engine::{DATABASES, Driving, Engine, ManualClock, Options, ShardSet, Value};
use firth_wal::sim::SimDisk;
use firth_wal::{Lsn, begin_log};

/// Bytes of the header, of its part under the checksum, of a frame before its payload, and of that
/// the ones before what its checksum covers.
const HEADER: usize = 32;
const HEADER_COVERED: usize = 28;
const FRAME_HEAD: usize = 20;
const FRAME_COVERED_AT: usize = 8;

/// A log has no end so far away.
const LSN_MAX: u64 = 1 << 48;
/// The folder of which the seed is the checkpoint.
const FOLDER: &str = include_str!("../../crates/engine/src/storage/golden/folder-1.hex");

/// Feeds an input to the decoder; says whether it was taken for sound.
pub(crate) fn feed(data: &[u8]) -> bool {
    let mut file = data.to_vec();
    let Some(lsn) = repair(&mut file).filter(|lsn| *lsn < LSN_MAX) else { return false };
    let disk = SimDisk::new(1);
    disk.put(Path::new("data/FORMAT"), b"firth 1\n");
    disk.put(Path::new(&format!("data/checkpoints/{lsn:016x}.ckp")), &file);
    disk.put(Path::new("data/blocks/00000001.blk"), blocks());
    if begin_log(&disk, Path::new("data/log"), Lsn(lsn + 1)).is_err() {
        return false;
    }
    let mut options = Options::new();
    options.folder = Some("data".into());
    options.driving = Driving::Caller;
    let clock = Arc::new(ManualClock::at_ms(1_000_000));
    let Ok((engine, _)) = Engine::open(&options, clock, Arc::new(disk)) else { return false };
    let mut keys = engine.lock(ShardSet::ALL, 1_000_000);
    for db in 0..DATABASES {
        let names: Vec<Box<[u8]>> = keys.entries(db).map(|entry| entry.key().into()).collect();
        for name in names {
            let Some(entry) = keys.peek(db, &name) else { continue };
            let Value::Stream(stream) = entry.value() else { continue };
            let range = stream.entries().range(EntryId::MIN, EntryId::MAX);
            range.for_each(|entry| _ = entry.fields().count());
        }
    }
    true
}

/// The block file that the golden checkpoint refers to.
fn blocks() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let lines = FOLDER.lines().skip_while(|line| !line.contains("/blocks/")).skip(1);
        let digits: String = lines.take_while(|line| !line.contains('/')).collect();
        let pairs = (0..digits.len()).step_by(2).map(|at| &digits[at..at + 2]);
        pairs.map(|pair| u8::from_str_radix(pair, 16).expect("two digits")).collect()
    })
}

/// Makes the checksums of header and frames right, as far as there are any; returns the position
/// that the file's name has to tell.
fn repair(file: &mut [u8]) -> Option<u64> {
    let header = file.get_mut(..HEADER)?;
    header[..12].copy_from_slice(b"FIRTHCKP\x01\0\0\0");
    let crc = crc32c::crc32c(&header[..HEADER_COVERED]);
    header[HEADER_COVERED..].copy_from_slice(&crc.to_le_bytes());
    let lsn = u64::from_le_bytes(header[16..24].try_into().ok()?);
    let mut at = HEADER;
    while let Some(head) = file.get(at..at + FRAME_HEAD) {
        let length = u32::from_le_bytes(head[..4].try_into().ok()?) as usize;
        let start = at + FRAME_HEAD;
        let end = start.saturating_add(length);
        let Some(covered) = file.get(at + FRAME_COVERED_AT..end) else { break };
        let crc = crc32c::crc32c(covered);
        file[at + 4..at + FRAME_COVERED_AT].copy_from_slice(&crc.to_le_bytes());
        at = start + length;
    }
    Some(lsn)
}

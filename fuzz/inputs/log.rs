//! However the bytes of a log are damaged, it opens with records that were written, each in its
//! place, or says that it is damaged.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use firth_wal::sim::SimDisk;
use firth_wal::{Driving, Log, Lsn, Options, SyncDue};

const RECORDS: u64 = 40;

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Feeds an input to the decoder; says whether it was taken for sound.
pub(crate) fn feed(data: &[u8]) -> bool {
    let mut files = written().clone();
    for change in data.chunks_exact(5) {
        let [which, high, low, how, value] = change else { return false };
        let count = files.len().max(1);
        let Some(file) = files.values_mut().nth(usize::from(*which) % count) else { return false };
        let at = usize::from(u16::from_be_bytes([*high, *low])) % file.len().max(1);
        match how % 4 {
            0 => file.truncate(at),
            1 => file.extend_from_slice(&vec![*value; at]),
            2 => _ = file.get_mut(at).map(|byte| *byte = *value),
            _ => _ = file.get_mut(at).map(|byte| *byte ^= *value),
        }
    }
    read(&files)
}

fn record(number: u64) -> Vec<u8> {
    vec![number as u8; (number * 7 % 50) as usize + 1]
}

fn options() -> Options {
    Options { driving: Driving::Caller, segment_bytes: 600, ..Options::default() }
}

/// The files of a sound log of several segments.
fn written() -> &'static Files {
    static FILES: OnceLock<Files> = OnceLock::new();
    FILES.get_or_init(|| {
        let disk = Arc::new(SimDisk::new(1));
        let (log, _) = Log::open("log", disk.clone(), options()).expect("an empty folder");
        for number in 1..=RECORDS {
            assert_eq!(log.append(&record(number)), Ok(Lsn(number)));
            log.commit();
            log.drive(SyncDue::Now);
        }
        drop(log);
        let files = disk.contents();
        assert!(2 < files.len());
        files
    })
}

fn read(files: &Files) -> bool {
    let disk = SimDisk::new(2);
    files.iter().for_each(|(path, bytes)| disk.put(path, bytes));
    let Ok((_log, recovery)) = Log::open("log", Arc::new(disk), options()) else { return false };
    let Ok(mut records) = recovery.records(recovery.first_lsn()) else { return false };
    let mut next = recovery.first_lsn();
    loop {
        match records.next_record() {
            Ok(Some((lsn, payload))) => {
                assert_eq!(lsn, next);
                assert_eq!(payload, record(lsn.0), "{lsn:?}");
                next = Lsn(lsn.0 + 1);
            }
            ended => return ended.is_ok(),
        }
    }
}

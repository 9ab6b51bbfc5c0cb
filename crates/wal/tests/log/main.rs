//! The log as a whole, on a simulated disk.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod crashes;
mod damage;
mod disks;
mod format;
mod full_disk;
mod group_commit;
mod poison;
mod segments;
mod speed;
mod survey;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use firth_wal::sim::SimDisk;
use firth_wal::{Driving, Log, Lsn, OpenError, Options, Recovery, SyncDue};

const FOLDER: &str = "data/log";

/// Options of a log that the test drives, with segments of this length and nothing reserved.
fn driven(segment_bytes: u64) -> Options {
    let options = Options { reserve_bytes: 0, ..Options::default() };
    Options { driving: Driving::Caller, segment_bytes, ..options }
}

fn open(disk: &SimDisk, options: Options) -> Result<(Log, Recovery), OpenError> {
    Log::open(FOLDER, Arc::new(disk.clone()), options)
}

fn first_segment() -> PathBuf {
    Path::new(FOLDER).join("0000000000000001.log")
}

type Record = (Lsn, Vec<u8>);

/// Opens the log and reads all of its records.
fn recover(disk: &SimDisk) -> Result<(Log, Recovery, Vec<Record>), OpenError> {
    let (log, recovery) = open(disk, driven(1 << 20))?;
    let records = records(&recovery)?;
    Ok((log, recovery, records))
}

fn records(recovery: &Recovery) -> Result<Vec<Record>, OpenError> {
    let mut all = Vec::new();
    let mut records = recovery.records(recovery.first_lsn())?;
    while let Some((lsn, payload)) = records.next_record()? {
        all.push((lsn, payload.to_vec()));
    }
    Ok(all)
}

/// Payloads that can be told apart, of different lengths.
fn payload(lsn: u64) -> Vec<u8> {
    (0..lsn * 7 % 23).map(|i| (lsn * 31 + i) as u8).collect()
}

/// Appends this many records, and writes them in batches of three.
fn fill(log: &Log, count: u64) -> Vec<Record> {
    let mut all = Vec::new();
    for i in 0..count {
        let payload = payload(log.last().0 + 1);
        all.push((log.append(&payload).unwrap(), payload));
        if i % 3 == 2 {
            log.drive(SyncDue::NotYet);
        }
    }
    log.drive(SyncDue::NotYet);
    all
}

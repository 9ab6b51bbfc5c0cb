//! Torn tails, flipped bits, missing files.

use firth_wal::{Damage, Flaw, Log, Lsn, OpenError};
use proptest::prelude::*;

use super::*;

/// A log of several writes, closed in order or not.
fn segment_bytes(close: bool) -> (Vec<u8>, Vec<Record>) {
    let disk = SimDisk::new(1);
    let (log, _) = open(&disk, driven(1 << 20)).unwrap();
    let expect = fill(&log, 8);
    if close {
        log.close().unwrap();
    }
    let bytes = disk.contents()[&first_segment()].clone();
    (bytes, expect)
}

fn disk_with(bytes: &[u8]) -> SimDisk {
    let disk = SimDisk::new(1);
    disk.put(&first_segment(), bytes);
    disk
}

#[test]
fn a_segment_cut_anywhere_gives_its_whole_records() {
    let (bytes, expect) = segment_bytes(false);
    let mut counts = Vec::new();
    for len in 0..=bytes.len() {
        let disk = disk_with(&bytes[..len]);
        let (log, recovery, records) = recover(&disk).unwrap();
        assert_eq!(records, expect[..records.len()], "{len}");
        let after = disk.contents()[&first_segment()].len();
        match recovery.cut() {
            Some(cut) if after == 24 => assert_eq!(cut.bytes, (len - cut.offset as usize) as u64),
            Some(cut) => assert_eq!((cut.offset, cut.bytes), (after as u64, (len - after) as u64)),
            None => assert!(after == len || len == 0, "{len}: {after}"),
        }
        // What is appended now goes on behind the cut, and is found again.
        let next = log.append(b"next").unwrap();
        assert_eq!(next, Lsn(records.len() as u64 + 1));
        log.close().unwrap();
        let (_, _, again) = recover(&disk).unwrap();
        assert_eq!(again.len(), records.len() + 1);
        counts.push(records.len());
    }
    assert_eq!(*counts.last().unwrap(), expect.len());
    assert!(counts.is_sorted());
}

#[test]
fn zeros_behind_the_end_are_no_damage() {
    let (bytes, expect) = segment_bytes(true);
    for zeros in [1, 15, 16, 4096] {
        let disk = disk_with(&[bytes.clone(), vec![0; zeros]].concat());
        let (_log, recovery, records) = recover(&disk).unwrap();
        assert_eq!((recovery.cut(), &records), (None, &expect), "{zeros}");
    }
}

#[test]
fn every_flipped_bit_of_a_closed_log_is_found() {
    let (bytes, expect) = segment_bytes(true);
    let proven = bytes.len() - 32;
    for bit in 0..bytes.len() * 8 {
        let disk = disk_with(&bytes);
        disk.flip_bit(&first_segment(), bit as u64);
        match recover(&disk) {
            Err(OpenError::Damage(Damage { path, offset, .. })) => {
                assert_eq!(path, first_segment());
                assert!(offset as usize <= bit / 8, "{bit}: {offset}");
                assert!(bit / 8 < proven);
            }
            Err(other) => panic!("{bit}: {other}"),
            // Only the last mark is not proven by another one.
            Ok((_, recovery, records)) => {
                let cut = recovery.cut().unwrap();
                assert_eq!((cut.offset, cut.bytes), (proven as u64, 32), "{bit}");
                assert_eq!(records, expect);
            }
        }
    }
}

#[test]
fn every_flipped_bit_of_an_interrupted_log_is_found_or_in_the_last_write() {
    let (bytes, expect) = segment_bytes(false);
    // The last write has the records 7 and 8.
    let last_write = bytes.len() - 32 - 2 * 16 - payload(7).len() - payload(8).len();
    for bit in 0..bytes.len() * 8 {
        let disk = disk_with(&bytes);
        disk.flip_bit(&first_segment(), bit as u64);
        match recover(&disk) {
            Err(OpenError::Damage(Damage { path, offset, .. })) => {
                assert_eq!(path, first_segment());
                assert!(offset as usize <= bit / 8, "{bit}: {offset}");
                assert!(bit / 8 < last_write, "{bit}");
            }
            Err(other) => panic!("{bit}: {other}"),
            Ok((_, recovery, records)) => {
                let cut = recovery.cut().expect("it is said what was cut");
                assert!(bit / 8 >= last_write && cut.offset >= last_write as u64, "{bit}");
                assert!(records.len() >= 6);
                assert_eq!(records, expect[..records.len()]);
            }
        }
    }
}

#[test]
fn a_copy_of_a_log_as_a_payload_is_no_proof() {
    let (copy, _) = segment_bytes(true);
    let disk = SimDisk::new(1);
    let (log, _) = open(&disk, driven(1 << 20)).unwrap();
    log.append(&copy).unwrap();
    log.drive(SyncDue::NotYet);
    let mut bytes = disk.contents()[&first_segment()].clone();
    // The record's own head is torn, the marks in its payload are whole.
    bytes[24 + 32] ^= 1;
    let disk = disk_with(&bytes);
    let (_log, recovery, records) = recover(&disk).unwrap();
    assert_eq!(records, []);
    assert_eq!(recovery.cut().unwrap().offset, 24 + 32);
}

/// Five segments of three records each.
fn many() -> (SimDisk, Vec<PathBuf>) {
    let disk = SimDisk::new(1);
    let (log, _) = open(&disk, driven(1 << 20)).unwrap();
    for _ in 0..5 {
        fill(&log, 3);
        log.rotate().unwrap();
    }
    fill(&log, 1);
    drop::<Log>(log);
    let paths = disk.contents().into_keys().collect();
    (disk, paths)
}

#[test]
fn a_missing_segment_is_found() {
    let (disk, paths) = many();
    assert_eq!(paths.len(), 6);
    for missing in 1..5 {
        let partial = SimDisk::new(1);
        for (path, bytes) in disk.contents() {
            if path != paths[missing] {
                partial.put(&path, &bytes);
            }
        }
        let Err(OpenError::Damage(damage)) = recover(&partial) else { panic!("{missing}") };
        let before = &paths[missing - 1];
        let expected = Lsn(missing as u64 * 3 + 1);
        let found = Lsn(expected.0 + 3);
        assert_eq!(damage.flaw, Flaw::Missing { expected, found });
        assert_eq!(
            (&damage.path, damage.offset),
            (before, disk.contents()[before].len() as u64),
            "{missing}"
        );
    }
}

#[test]
fn a_bad_byte_in_an_earlier_segment_is_damage() {
    let (disk, paths) = many();
    let len = disk.contents()[&paths[1]].len() as u64;
    for byte in 0..len {
        let bad = SimDisk::new(1);
        for (path, bytes) in disk.contents() {
            bad.put(&path, &bytes);
        }
        bad.flip_bit(&paths[1], byte * 8 + 3);
        let Err(OpenError::Damage(damage)) = recover(&bad) else { panic!("{byte}") };
        assert_eq!(damage.path, paths[1], "{byte}");
        assert!(damage.offset <= byte);
        // Who does not need the segment does not trip over it.
        let (_log, recovery) = open(&bad, driven(1 << 20)).unwrap();
        let mut rest = recovery.records(Lsn(7)).unwrap();
        assert_eq!(rest.next_record().unwrap().unwrap().0, Lsn(7));
    }
}

#[test]
fn a_renamed_segment_is_found() {
    let (disk, paths) = many();
    let bad = SimDisk::new(1);
    for (path, bytes) in disk.contents() {
        let name = Path::new(FOLDER).join("0000000000000005.log");
        bad.put(if path == paths[1] { &name } else { &path }, &bytes);
    }
    let Err(OpenError::Damage(damage)) = recover(&bad) else { panic!("it was read") };
    assert!(matches!(damage.flaw, Flaw::Missing { .. }), "{damage}");
    let (_log, recovery) = open(&bad, driven(1 << 20)).unwrap();
    let Err(OpenError::Damage(damage)) = recovery.records(Lsn(6)).unwrap().next_record() else {
        panic!("it was read")
    };
    assert_eq!(damage.flaw, Flaw::Name);
}

#[test]
fn what_has_been_removed_cannot_be_asked_for() {
    let (disk, _) = many();
    let (log, _) = open(&disk, driven(1 << 20)).unwrap();
    assert_eq!(log.remove_before(Lsn(8)).unwrap(), 2);
    drop(log);
    let (_log, recovery) = open(&disk, driven(1 << 20)).unwrap();
    assert_eq!(recovery.first_lsn(), Lsn(7));
    assert!(matches!(
        recovery.records(Lsn(6)),
        Err(OpenError::Removed { wanted: Lsn(6), first: Lsn(7) })
    ));
    assert!(recovery.records(Lsn(7)).is_ok());
    assert!(recovery.records(Lsn(900)).unwrap().next_record().unwrap().is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn any_bytes_as_a_segment_do_not_panic(
        noise in prop::collection::vec(any::<u8>(), 0..300),
        keep in 0usize..400,
        zeros in 0usize..40,
    ) {
        let (bytes, _) = segment_bytes(true);
        let keep = keep.min(bytes.len());
        let _ = recover(&disk_with(&noise));
        let mixed = [&bytes[..keep], &vec![0; zeros], &noise, &bytes[keep..]].concat();
        let _ = recover(&disk_with(&mixed));
    }
}

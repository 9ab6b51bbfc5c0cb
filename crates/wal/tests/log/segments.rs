//! Rotation, removal, reading from a position on.

use firth_wal::{AppendError, Lsn, OpenError};

use super::*;

#[test]
fn a_record_never_spans_two_segments() {
    let disk = SimDisk::new(1);
    let (log, _) = open(&disk, driven(200)).unwrap();
    let expect = fill(&log, 60);
    assert!(log.stats().segments > 5);
    assert_eq!(log.stats().segments, disk.contents().len());
    assert_eq!(log.stats().segment_bytes, disk.contents().values().map(|f| f.len() as u64).sum());
    for (path, bytes) in disk.contents() {
        assert!(bytes.len() <= 200, "{}: {}", path.display(), bytes.len());
    }
    log.close().unwrap();
    let (_log, recovery, records) = recover(&disk).unwrap();
    assert_eq!(records, expect);
    for from in 0..=61 {
        let mut rest = recovery.records(Lsn(from)).unwrap();
        let first = rest.next_record().unwrap().map(|(lsn, _)| lsn.0);
        assert_eq!(first, (from <= 60).then_some(from.max(1)));
    }
}

#[test]
fn what_is_reserved_is_given_back_at_the_end() {
    let disk = SimDisk::new(1);
    let options = Options { reserve_bytes: 1000, ..driven(1500) };
    let (log, _) = open(&disk, options).unwrap();
    let expect = fill(&log, 60);
    // As after the end of a process: the newest segment has zeros behind its last record.
    let newest = disk.contents().into_values().last().unwrap();
    assert!(newest.ends_with(&[0; 64]) && newest.len() <= 1500);
    let (_, recovery, records) = recover(&disk.reopen()).unwrap();
    assert_eq!((recovery.cut(), &records), (None, &expect));
    log.close().unwrap();
    let bytes = disk.contents().values().map(|file| file.len() as u64).sum();
    assert_eq!(log.stats().segment_bytes, bytes);
    assert_eq!(recover(&disk).unwrap().2, expect);
}

#[test]
fn a_long_record_has_a_segment_of_its_own() {
    let disk = SimDisk::new(1);
    let (log, _) = open(&disk, driven(200)).unwrap();
    let long = vec![7; 1000];
    for payload in [&b"a"[..], &long, b"b", &long] {
        log.append(payload).unwrap();
    }
    log.close().unwrap();
    let lens: Vec<usize> = disk.contents().values().map(Vec::len).collect();
    assert_eq!(lens, [73, 1072, 73, 1072 + 32]);
    assert_eq!(recover(&disk).unwrap().2.len(), 4);
}

#[test]
fn removal_keeps_what_is_needed() {
    let disk = SimDisk::new(1);
    let (log, _) = open(&disk, driven(1 << 20)).unwrap();
    let mut firsts = vec![1];
    for _ in 0..4 {
        fill(&log, 5);
        firsts.push(log.rotate().unwrap().0);
    }
    assert_eq!(firsts, [1, 6, 11, 16, 21]);
    assert_eq!(log.rotate().unwrap(), Lsn(21), "an empty segment is enough");
    for (before, removed, first) in [(5, 0, 1), (6, 1, 6), (10, 0, 6), (17, 2, 16), (900, 1, 21)] {
        assert_eq!(log.remove_before(Lsn(before)).unwrap(), removed, "{before}");
        assert_eq!(log.first_lsn(), Lsn(first), "{before}");
    }
    let expect = fill(&log, 2);
    log.close().unwrap();
    let (_log, recovery, records) = recover(&disk.crash()).unwrap();
    assert_eq!(records, expect);
    assert_eq!((recovery.first_lsn(), recovery.last_lsn()), (Lsn(21), Lsn(22)));
}

#[test]
fn an_empty_log_keeps_its_position() {
    let disk = SimDisk::new(1);
    let options = Options { first_lsn: Lsn(100), ..driven(1 << 20) };
    let (log, recovery) = open(&disk, options).unwrap();
    assert_eq!((recovery.first_lsn(), recovery.last_lsn()), (Lsn(100), Lsn(99)));
    assert_eq!(log.durable(), Lsn(99));
    drop(log);
    for _ in 0..3 {
        let (log, recovery) = open(&disk, driven(1 << 20)).unwrap();
        assert_eq!(recovery.last_lsn(), Lsn(99));
        assert!(matches!(recovery.records(Lsn(1)), Err(OpenError::Removed { .. })));
        drop(log);
    }
    assert_eq!(disk.contents()[&Path::new(FOLDER).join("0000000000000064.log")].len(), 24);
}

#[test]
fn other_files_are_left_alone() {
    let disk = SimDisk::new(1);
    let stranger = Path::new(FOLDER).join("LOCK");
    disk.put(&stranger, b"mine");
    let (log, _) = open(&disk, driven(1 << 20)).unwrap();
    fill(&log, 3);
    log.close().unwrap();
    assert_eq!(recover(&disk).unwrap().2.len(), 3);
    assert_eq!(disk.contents()[&stranger], b"mine");
}

#[test]
fn a_closed_log_takes_nothing() {
    let disk = SimDisk::new(1);
    let (log, _) = open(&disk, driven(1 << 20)).unwrap();
    log.admit().unwrap();
    log.close().unwrap();
    log.close().unwrap();
    assert_eq!(log.append(b"late"), Err(AppendError::Closed));
    assert_eq!(log.append_admitted(|_| {}), Err(AppendError::Closed));
    assert_eq!(log.wait_durable(Lsn(1)), Err(AppendError::Closed));
    assert_eq!(log.wait_durable(Lsn(0)), Ok(()));
}

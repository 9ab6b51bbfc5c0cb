//! What happens after a write or sync has failed.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicU64, Ordering};

use firth_wal::{Action, AppendError, Durability, LogState, Lsn};

use super::*;

#[test]
fn a_failed_sync_poisons_and_is_not_retried() {
    let disk = SimDisk::new(1);
    let (log, _) = open(&disk, driven(1 << 20)).unwrap();
    fill(&log, 3);
    assert_eq!(log.durable(), Lsn(3));
    let told = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&told);
    log.on_durable(move |durable, state| {
        assert!(matches!(state, LogState::Poisoned(_)));
        seen.fetch_add(durable.0, Ordering::Relaxed);
    });
    disk.fail_sync(1, ErrorKind::Other);
    log.append(b"doubtful").unwrap();
    log.admit().unwrap();
    log.drive(SyncDue::NotYet);
    assert_eq!(told.load(Ordering::Relaxed), 3, "the callback is told once, with what is durable");
    let LogState::Poisoned(why) = log.state() else { panic!("{:?}", log.state()) };
    assert_eq!((why.action, &*why.path), (Action::Sync, &*first_segment()));
    let syncs = disk.syncs();
    assert_eq!(log.append(b"more"), Err(AppendError::Poisoned(why.clone())));
    assert_eq!(log.append_admitted(|_| {}), Err(AppendError::Poisoned(why.clone())));
    assert_eq!(log.wait_durable(Lsn(4)), Err(AppendError::Poisoned(why.clone())));
    assert_eq!(log.rotate(), Err(AppendError::Poisoned(why.clone())));
    log.retry();
    log.drive(SyncDue::Now);
    assert_eq!(log.close(), Err(AppendError::Poisoned(why)));
    assert_eq!((log.durable(), disk.syncs()), (Lsn(3), syncs));
    // What was durable is there when the log is opened anew.
    let (_log, _, records) = recover(&disk.crash()).unwrap();
    assert!(records.len() == 3 || records.len() == 4);
}

#[test]
fn a_failed_write_poisons() {
    for kind in [ErrorKind::Other, ErrorKind::PermissionDenied, ErrorKind::BrokenPipe] {
        let disk = SimDisk::new(1);
        let (log, _) = open(&disk, driven(1 << 20)).unwrap();
        fill(&log, 3);
        disk.fail_write(1, kind);
        log.append(b"lost").unwrap();
        log.drive(SyncDue::NotYet);
        assert!(matches!(log.state(), LogState::Poisoned(why) if why.kind == kind));
        assert_eq!(log.durable(), Lsn(3));
        assert_eq!(recover(&disk).unwrap().2.len(), 3);
    }
}

#[test]
fn an_interrupted_write_goes_on() {
    let disk = SimDisk::new(1);
    let (log, _) = open(&disk, driven(1 << 20)).unwrap();
    disk.set_short_writes(1);
    let expect = fill(&log, 20);
    log.close().unwrap();
    assert_eq!(recover(&disk).unwrap().2, expect);
}

#[test]
fn no_room_at_a_sync_is_final() {
    let disk = SimDisk::new(1);
    let (log, _) = open(&disk, driven(1 << 20)).unwrap();
    disk.fail_sync(1, ErrorKind::StorageFull);
    fill(&log, 1);
    assert!(matches!(log.state(), LogState::Poisoned(_)));
}

#[test]
fn a_removal_that_is_not_durable_is_the_last() {
    let disk = SimDisk::new(1);
    let (log, _) = open(&disk, driven(1 << 20)).unwrap();
    for _ in 0..3 {
        fill(&log, 2);
        log.rotate().unwrap();
    }
    disk.fail_sync(1, ErrorKind::Other);
    let why = log.remove_before(Lsn(5)).unwrap_err();
    assert_eq!((why.action, &*why.path), (Action::Sync, Path::new(FOLDER)));
    assert_eq!(log.remove_before(Lsn(5)), Err(why.clone()));
    assert_eq!(log.append(b"more"), Err(AppendError::Poisoned(why)));
    assert_eq!(disk.contents().len(), 3);
}

#[test]
fn the_thread_tells_everybody_who_waits() {
    let disk = SimDisk::new(1);
    let options = Options { batch_bytes_max: 64, ..Options::default() };
    let (log, _) = open(&disk, options).unwrap();
    disk.fail_sync(3, ErrorKind::Other);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let failed = loop {
                    let appended = log.append(&[1; 40]);
                    match appended.and_then(|lsn| log.wait_durable(lsn)) {
                        Ok(()) => {}
                        Err(error) => break error,
                    }
                };
                assert!(matches!(failed, AppendError::Poisoned(_)));
            });
        }
    });
    let durable = log.durable();
    drop(log);
    assert!(recover(&disk.crash()).unwrap().2.len() as u64 >= durable.0);
}

#[test]
fn durability_decides_when_to_sync() {
    for (durability, not_yet, now) in
        [(Durability::Always, 2, 3), (Durability::Everysec, 0, 3), (Durability::Never, 0, 0)]
    {
        let disk = SimDisk::new(1);
        let (log, _) = open(&disk, Options { durability, ..driven(1 << 20) }).unwrap();
        log.append(b"a").unwrap();
        log.append(b"b").unwrap();
        log.drive(SyncDue::NotYet);
        assert_eq!((log.written(), log.durable()), (Lsn(2), Lsn(not_yet)), "{durability:?}");
        log.append(b"c").unwrap();
        log.drive(SyncDue::Now);
        assert_eq!((log.written(), log.durable()), (Lsn(3), Lsn(now)), "{durability:?}");
        log.wait_durable(Lsn(3)).unwrap();
        assert_eq!(log.durable(), Lsn(3), "who waits is served, whatever the durability");
        let all = durability != Durability::Always;
        assert_eq!(log.settled(), if all { Lsn::MAX } else { Lsn(3) });
    }
}

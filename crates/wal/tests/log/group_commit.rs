//! Many threads on one log.

use std::time::Duration;

use firth_wal::{Durability, Lsn};

use super::*;

#[test]
fn one_sync_serves_everybody_who_arrived_meanwhile() {
    const THREADS: u64 = 16;
    const EACH: u64 = 25;
    let disk = SimDisk::new(1);
    let (log, _) = open(&disk, Options::default()).unwrap();
    let before = disk.syncs();
    disk.set_sync_delay(Duration::from_millis(2));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let log = &log;
            scope.spawn(move || {
                for i in 0..EACH {
                    let lsn = log.append(&[thread as u8, i as u8]).unwrap();
                    log.commit();
                    log.wait_durable(lsn).unwrap();
                }
            });
        }
    });
    let syncs = disk.syncs() - before;
    assert!(syncs <= THREADS * EACH / 2, "{syncs} syncs for {} records", THREADS * EACH);
    assert_eq!(log.stats().syncs, syncs);
    assert_eq!(log.durable(), Lsn(THREADS * EACH));
    disk.set_sync_delay(Duration::ZERO);
    log.close().unwrap();
    let (_log, _, records) = recover(&disk).unwrap();
    for thread in 0..THREADS {
        let own = records.iter().filter(|(_, payload)| u64::from(payload[0]) == thread);
        let order: Vec<u8> = own.map(|(_, payload)| payload[1]).collect();
        assert_eq!(order, (0..EACH as u8).collect::<Vec<u8>>());
    }
}

#[test]
fn a_crash_while_threads_append_keeps_what_was_durable() {
    let disk = SimDisk::new(1);
    let options = Options { segment_bytes: 2000, ..Options::default() };
    let (log, _) = open(&disk, options).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while log.durable() < Lsn(2000) {
                    let lsn = log.append_with(|bytes| bytes.extend([7; 30])).unwrap();
                    log.commit();
                    log.wait_durable(lsn).unwrap();
                }
            });
        }
        for i in 1..=20 {
            log.wait_durable(Lsn(i * 100)).unwrap();
            let durable = log.durable();
            let (_log, recovery, records) = recover(&disk.crash()).unwrap();
            assert!(recovery.last_lsn() >= durable);
            assert_eq!(records.len() as u64, recovery.last_lsn().0);
        }
    });
}

#[test]
fn appending_waits_for_room_in_the_batch() {
    let disk = SimDisk::new(1);
    let durability = Durability::Never;
    let options = Options { batch_bytes_max: 100, durability, ..Options::default() };
    let (log, _) = open(&disk, options).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    log.admit().unwrap();
                    log.append_admitted(|bytes| bytes.extend([7; 30])).unwrap();
                    assert!(log.stats().open_bytes <= 100 + 4 * 46);
                }
            });
        }
    });
    log.close().unwrap();
    assert_eq!(recover(&disk).unwrap().2.len(), 800);
}

#[test]
fn the_callback_hears_of_progress() {
    let disk = SimDisk::new(1);
    let (log, _) = open(&disk, Options::default()).unwrap();
    let (send, heard) = std::sync::mpsc::sync_channel(100);
    log.on_durable(move |durable, _| {
        let _ = send.send(durable);
    });
    for i in 1..=5 {
        assert_eq!(log.append(b"x").unwrap(), Lsn(i));
        log.commit();
        while heard.recv().unwrap() < Lsn(i) {}
    }
}

#[test]
fn every_second_is_synced_by_itself() {
    let disk = SimDisk::new(1);
    let options = Options { durability: Durability::Everysec, ..Options::default() };
    let (log, _) = open(&disk, options).unwrap();
    let (send, heard) = std::sync::mpsc::sync_channel(100);
    log.on_durable(move |durable, _| {
        let _ = send.send(durable);
    });
    log.append(b"x").unwrap();
    log.commit();
    while heard.recv().unwrap() < Lsn(1) {}
    assert_eq!(log.durable(), Lsn(1));
}

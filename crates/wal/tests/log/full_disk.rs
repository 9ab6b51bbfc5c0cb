//! A disk without room, and with room again.

use firth_wal::{AppendError, Durability, LogState, Lsn};
use proptest::prelude::*;

use super::*;

#[test]
fn a_full_disk_is_waited_for() {
    let disk = SimDisk::new(1);
    let (log, _) = open(&disk, driven(1 << 20)).unwrap();
    let mut expect = fill(&log, 3);
    let good = disk.contents()[&first_segment()].len() as u64;
    disk.set_capacity(Some(good + 40));
    for i in 4..=6 {
        expect.push((log.append(&payload(i)).unwrap(), payload(i)));
    }
    log.admit().unwrap();
    log.drive(SyncDue::NotYet);
    let LogState::Full(why) = log.state() else { panic!("{:?}", log.state()) };
    assert_eq!(log.append(b"refused"), Err(AppendError::Full(why)));
    assert_eq!(disk.contents()[&first_segment()].len() as u64, good, "the part is cut back");
    assert_eq!((log.written(), log.durable()), (Lsn(3), Lsn(3)));
    // Who was let in before is not turned away.
    let late = log.append_admitted(|bytes| bytes.extend(payload(7))).unwrap();
    expect.push((late, payload(7)));
    // A crash now finds what is durable.
    assert_eq!(recover(&disk.crash()).unwrap().2, expect[..3]);

    log.drive(SyncDue::NotYet);
    assert!(matches!(log.state(), LogState::Full(_)), "there is still no room");
    disk.set_capacity(None);
    log.drive(SyncDue::NotYet);
    assert_eq!((log.state(), log.durable()), (LogState::Running, Lsn(7)));
    expect.extend(fill(&log, 2));
    log.close().unwrap();
    assert_eq!(recover(&disk.crash()).unwrap().2, expect);
}

#[test]
fn the_thread_goes_on_when_there_is_room() {
    let disk = SimDisk::new(1);
    let (log, _) = open(&disk, Options::default()).unwrap();
    disk.set_capacity(Some(30));
    let (send, states) = std::sync::mpsc::sync_channel(8);
    log.on_durable(move |durable, state| {
        let _ = send.send((durable, state.clone()));
    });
    let lsn = log.append(b"patient").unwrap();
    log.commit();
    let (durable, state) = states.recv().unwrap();
    assert_eq!(durable, Lsn::ZERO);
    assert!(matches!(state, LogState::Full(_)));
    disk.set_capacity(None);
    log.retry();
    log.wait_durable(lsn).unwrap();
    assert_eq!(states.recv().unwrap(), (lsn, LogState::Running));
    assert_eq!(log.append(b"again").unwrap(), Lsn(2));
}

#[test]
fn a_segment_there_was_no_room_for_does_not_come_back() {
    for seed in 0..100 {
        for room in [0, 10] {
            let disk = SimDisk::new(seed);
            let (log, _) = open(&disk, driven(1 << 20)).unwrap();
            fill(&log, 2);
            let used: usize = disk.contents().values().map(Vec::len).sum();
            disk.set_capacity(Some((used + room) as u64));
            assert!(matches!(log.rotate(), Err(AppendError::Full(_))));
            disk.set_capacity(None);
            log.drive(SyncDue::NotYet);
            fill(&log, 2);
            assert_eq!(recover(&disk.crash()).unwrap().2.len(), 4, "{seed}, {room}");
        }
    }
}

#[test]
fn who_waits_for_room_hears_of_the_end() {
    let disk = SimDisk::new(1);
    let (log, _) = open(&disk, Options::default()).unwrap();
    disk.set_capacity(Some(30));
    let lsn = log.append(b"patient").unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| log.wait_durable(lsn));
        assert!(matches!(log.close(), Err(AppendError::Full(_))));
        assert!(matches!(waiting.join().unwrap(), Err(AppendError::Full(_))));
    });
}

#[test]
fn closing_on_a_full_disk_says_so() {
    let disk = SimDisk::new(1);
    let (log, _) = open(&disk, driven(1 << 20)).unwrap();
    disk.set_capacity(Some(30));
    log.append(b"lost").unwrap();
    assert!(matches!(log.close(), Err(AppendError::Full(_))));
}

proptest! {
    /// Whatever the room at any time and the length of segments: in the end everything is there.
    #[test]
    fn nothing_is_lost_for_want_of_room(
        seed: u64,
        segment_bytes in 100u64..400,
        reserve_bytes in prop_oneof![Just(0), 1u64..300],
        durability in prop_oneof![Just(Durability::Always), Just(Durability::Everysec)],
        rooms in prop::collection::vec(prop::option::of(0u64..300), 1..30),
    ) {
        let disk = SimDisk::new(seed);
        let (log, _) = open(&disk, Options { durability, reserve_bytes, ..driven(segment_bytes) }).unwrap();
        let mut expect = Vec::new();
        for room in rooms {
            let used: usize = disk.contents().values().map(Vec::len).sum();
            disk.set_capacity(room.map(|room| used as u64 + room));
            for _ in 0..3 {
                let payload = payload(log.last().0 + 1);
                match log.append(&payload) {
                    Ok(lsn) => expect.push((lsn, payload)),
                    Err(AppendError::Full(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            log.drive(SyncDue::NotYet);
            prop_assert!(matches!(log.state(), LogState::Running | LogState::Full(_)));
            let (_log, _, records) = recover(&disk.crash()).unwrap();
            prop_assert!(records.len() as u64 >= log.durable().0);
            prop_assert_eq!(&records[..], &expect[..records.len()]);
        }
        disk.set_capacity(None);
        log.drive(SyncDue::NotYet);
        log.close().unwrap();
        prop_assert_eq!(recover(&disk.crash()).unwrap().2, expect);
    }
}

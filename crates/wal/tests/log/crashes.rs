//! Crashes at random points, with random faults before them.

use std::io::ErrorKind;

use firth_wal::{Durability, Lsn};
use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Act {
    Append(usize),
    Drive(SyncDue),
    Wait,
    Rotate,
    Remove(u64),
    FailWrite(u64, ErrorKind),
    FailSync(u64),
    Room(Option<u64>),
    Short(u64),
    Crash,
    Reopen,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => (0usize..120).prop_map(Act::Append),
        6 => prop_oneof![Just(SyncDue::NotYet), Just(SyncDue::Now)].prop_map(Act::Drive),
        1 => Just(Act::Wait),
        1 => Just(Act::Rotate),
        1 => (0u64..60).prop_map(Act::Remove),
        1 => (1u64..4, prop_oneof![Just(ErrorKind::Other), Just(ErrorKind::StorageFull)])
            .prop_map(|(nth, kind)| Act::FailWrite(nth, kind)),
        1 => (1u64..4).prop_map(Act::FailSync),
        1 => prop::option::of(0u64..200).prop_map(Act::Room),
        1 => (0u64..3).prop_map(Act::Short),
        3 => Just(Act::Crash),
        1 => Just(Act::Reopen),
    ]
}

fn durability() -> impl Strategy<Value = Durability> {
    prop_oneof![
        3 => Just(Durability::Always),
        2 => Just(Durability::Everysec),
        1 => Just(Durability::Never),
    ]
}

/// A log, and what must be in it.
struct Run {
    disk: SimDisk,
    log: Log,
    options: Options,
    /// Payloads of all records, the one with LSN 1 first; what a crash took is forgotten.
    model: Vec<Vec<u8>>,
    /// The most that was ever called durable.
    durable: Lsn,
    noise: u8,
}

impl Run {
    fn new(seed: u64, options: Options) -> Self {
        let disk = SimDisk::new(seed);
        let (log, _) = open(&disk, options).unwrap();
        Run { disk, log, options, model: Vec::new(), durable: Lsn::ZERO, noise: 0 }
    }

    fn act(&mut self, act: &Act) {
        match *act {
            Act::Append(len) => {
                self.noise = self.noise.wrapping_mul(5).wrapping_add(31);
                let payload = vec![self.noise; len];
                if let Ok(lsn) = self.log.append(&payload) {
                    self.model.push(payload);
                    assert_eq!(lsn.0, self.model.len() as u64);
                }
            }
            Act::Drive(due) => self.log.drive(due),
            Act::Wait => drop(self.log.wait_durable(self.log.last())),
            Act::Rotate => drop(self.log.rotate()),
            // Only what is durable may be removed: a checkpoint stands for nothing else.
            Act::Remove(before) => {
                let before = Lsn(before).min(self.log.durable());
                drop(self.log.remove_before(before));
            }
            Act::FailWrite(nth, kind) => self.disk.fail_write(nth, kind),
            Act::FailSync(nth) => self.disk.fail_sync(nth, ErrorKind::Other),
            Act::Room(room) => {
                let used: usize = self.disk.contents().values().map(Vec::len).sum();
                self.disk.set_capacity(room.map(|room| used as u64 + room));
            }
            Act::Short(one_in) => self.disk.set_short_writes(one_in),
            Act::Crash => self.recover(self.disk.crash()),
            Act::Reopen => {
                let closed = self.log.close();
                self.note_durable();
                if closed.is_ok() {
                    self.durable = Lsn(self.model.len() as u64);
                }
                self.recover(self.disk.crash());
            }
        }
        self.note_durable();
    }

    fn note_durable(&mut self) {
        assert!(self.log.durable() >= self.durable);
        assert!(self.log.durable() <= self.log.written());
        self.durable = self.log.durable();
    }

    /// Everything durable is there, once and in order, and nothing that was not appended.
    fn recover(&mut self, disk: SimDisk) {
        let (log, recovery) = open(&disk, self.options).expect("a crash is no damage");
        let records = records(&recovery).expect("a crash is no damage");
        let last = recovery.last_lsn();
        assert!(last >= self.durable, "{last} < {}", self.durable);
        assert!(last.0 <= self.model.len() as u64);
        let lsns: Vec<u64> = records.iter().map(|(lsn, _)| lsn.0).collect();
        assert_eq!(lsns, (recovery.first_lsn().0..=last.0).collect::<Vec<u64>>());
        for (lsn, payload) in &records {
            assert_eq!(payload, &self.model[lsn.0 as usize - 1], "{lsn}");
        }
        self.model.truncate(last.0 as usize);
        self.durable = last;
        self.log = log;
        self.disk = disk;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    #[test]
    fn what_was_called_durable_outlives_every_crash(
        seed: u64,
        segment_bytes in 100u64..1500,
        reserve_bytes in prop_oneof![Just(0), 1u64..1000],
        durability in durability(),
        acts in prop::collection::vec(act(), 1..80),
    ) {
        let options = Options { durability, reserve_bytes, ..driven(segment_bytes) };
        let options = Options { batch_bytes_max: 600, ..options };
        let mut run = Run::new(seed, options);
        for act in &acts {
            run.act(act);
        }
        run.recover(run.disk.crash());
    }

    #[test]
    fn equal_seeds_make_equal_bytes(
        seed: u64,
        durability in durability(),
        acts in prop::collection::vec(act(), 1..60),
    ) {
        let run = || {
            let mut run = Run::new(seed, Options { durability, reserve_bytes: 100, ..driven(400) });
            acts.iter().for_each(|act| run.act(act));
            run.disk.crash().contents()
        };
        prop_assert_eq!(run(), run());
    }
}

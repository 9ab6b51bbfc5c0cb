//! Replaying records makes the state that the records were made of.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use firth_wal::sim::SimDisk;
use firth_wal::{AppendError, FileDisk};
use parking_lot::Mutex;
use proptest::prelude::*;

use super::dump::dump;
use super::step::{self, Step};
use crate::blocks::{BlockMover, BlockStore, Progress, StoreOptions};
use crate::effect::Effect;
use crate::journal::Sink;
use crate::record::decode;
use crate::stream::testing;
use crate::stream::{
    Acknowledgement, Append, Attempt, CreateStream, EntryId, GroupRead, GroupStart, NewId,
    NodeLimits,
};
use crate::{
    Deadline, Engine, EventMask, Locked, Lsn, ManualClock, Options, Service, ShardSet, Waiter,
    verify,
};

/// Keeps all records in memory.
#[derive(Debug, Default)]
struct Kept(Mutex<Vec<Vec<u8>>>);

impl Sink for Kept {
    fn append(&self, record: &[u8]) -> Lsn {
        self.0.lock().push(record.to_vec());
        self.last()
    }

    fn last(&self) -> Lsn {
        Lsn(self.0.lock().len() as u64)
    }

    fn settled(&self) -> Lsn {
        Lsn::ZERO
    }

    fn admits(&self) -> bool {
        true
    }

    fn admit(&self) -> Result<(), AppendError> {
        Ok(())
    }
}

/// An engine with a seed of its own whose clock stands at 0, and where its records go.
fn engine(seed: u64) -> Engine {
    let options = Options { seed, ..Options::new() };
    Engine::open(&options, Arc::new(ManualClock::at_ms(0)), Arc::new(FileDisk)).unwrap().0
}

fn kept_engine(seed: u64) -> (Engine, Arc<Kept>) {
    let kept = Arc::new(Kept::default());
    (engine(seed).kept_by(kept.clone()), kept)
}

fn mover(folder: &str, disk: &SimDisk) -> BlockMover {
    let options = StoreOptions { file_bytes: 5000, ..StoreOptions::default() };
    let store = BlockStore::open(folder, Arc::new(disk.clone()), options).unwrap();
    BlockMover::new(Arc::new(store))
}

/// Lets all blocks leave memory that can.
fn cool(engine: &Engine, mover: &mut BlockMover) {
    while mover.write_sealed(engine, 100).unwrap() == Progress::More {}
    // What was used since the last time is spared once.
    for _ in 0..2 {
        while mover.evict(engine, 1000).1 == Progress::More {}
    }
}

/// Runs steps, at first so that they are suspended where they lack blocks; returns how many changes
/// they made.
fn run_transaction(live: &Engine, now_ms: u64, steps: &[Step], mut suspensions: u8) -> u64 {
    let mut waited_for = None;
    loop {
        let mut keys = live.lock(ShardSet::ALL, now_ms);
        if suspensions > 0 {
            keys.allow_suspension(usize::from(suspensions), waited_for);
        }
        steps.iter().for_each(|step| step::run(&mut keys, *step));
        let Some(wanted) = keys.end_suspension() else { return keys.changes() };
        assert_eq!(keys.changes(), 0);
        assert!(keys.take_signals().is_empty());
        drop(keys);
        waited_for = wanted.first();
        wanted.load();
        suspensions -= 1;
    }
}

/// Runs transactions of steps, each at a time of its own, and replays what came of them in another
/// engine; the two are the same after each transaction, whichever blocks are in memory.
fn check(transactions: &[(u8, Vec<Step>)]) {
    let disk = SimDisk::new(1);
    let (live, kept) = kept_engine(1);
    let copy = engine(2);
    let (mut live_mover, mut copy_mover) = (mover("live", &disk), mover("copy", &disk));
    let mut now_ms = 1_000;
    for (choice, steps) in transactions {
        now_ms += u64::from(choice % 32);
        if choice & 0x20 > 0 {
            cool(&live, &mut live_mover);
        }
        if choice & 0x40 > 0 {
            cool(&copy, &mut copy_mover);
        }
        let changes = run_transaction(&live, now_ms, steps, 5 * (choice >> 7));
        let records = std::mem::take(&mut *kept.0.lock());
        assert_eq!(records.len(), usize::from(changes > 0), "a transaction is one batch");
        for record in &records {
            assert_eq!(verify(record), Ok(changes as usize));
            copy.replay().apply(record).unwrap();
        }
        let (live, copy) = (dump(&live), dump(&copy));
        assert!(live == copy, "{steps:?}\n{}\n-----\n{}", live.join("\n"), copy.join("\n"));
    }
}

/// A consumer that waits for one entry; it notes the position that its reply depends on.
#[derive(Debug)]
struct Consumer {
    name: &'static [u8],
    lsns: Arc<Mutex<Vec<Lsn>>>,
}

impl Waiter for Consumer {
    fn id(&self) -> u64 {
        self.name.len() as u64
    }

    fn serve(&self, keys: &mut Locked<'_>, db: u8, key: &[u8]) -> Service {
        let read = GroupRead {
            group: b"g",
            consumer: self.name,
            count_max: 1,
            claim_min_idle_ms: None,
            acknowledgement: Acknowledgement::Required,
        };
        let mut stream = keys.stream_mut(db, key).unwrap().unwrap();
        if stream.read_group(&read, |_| true).unwrap().is_empty() {
            return Service::Waiting;
        }
        self.lsns.lock().push(keys.lsn());
        Service::Done
    }

    fn watches_absence(&self) -> bool {
        false
    }
}

#[test]
fn a_batch_has_its_position_before_anybody_replies() {
    let (live, kept) = kept_engine(1);
    let mut keys = live.lock(ShardSet::ALL, 5);
    assert_eq!(keys.lsn(), Lsn::ZERO);
    let mut stream = keys.stream_or_create(0, b"s").unwrap();
    stream.create_group(b"g", GroupStart::AtEnd, None).unwrap();
    assert_eq!((keys.lsn(), keys.lsn()), (Lsn(1), Lsn(1)));
    let lsns = Arc::<Mutex<Vec<Lsn>>>::default();
    for name in [&b"a"[..], b"bb", b"ccc"] {
        keys.park(0, b"s", Arc::new(Consumer { name, lsns: lsns.clone() }));
    }
    drop(keys);
    assert_eq!(kept.last(), Lsn(1));

    let mut keys = live.lock(ShardSet::of(live.hash(b"s")), 6);
    testing::fill(&mut keys, 1..=2);
    keys.serve_waiters();
    assert_eq!(*lsns.lock(), [Lsn(2), Lsn(3)], "the entries and the first delivery are one batch");
    assert_eq!(keys.lsn(), Lsn(4), "that the third one asked is a change");
    drop(keys);
    let counts: Vec<_> = kept.0.lock().iter().map(|record| verify(record)).collect();
    assert_eq!(counts, [Ok(2), Ok(5), Ok(3), Ok(1)]);

    let mut keys = live.lock(ShardSet::of(live.hash(b"s")), 7);
    assert!(keys.read(0, b"s").is_some());
    assert_eq!(keys.lsn(), Lsn(4), "who reads waits for what was written");
}

#[test]
fn nothing_but_the_records_has_a_say_in_replay() {
    let (live, kept) = kept_engine(1);
    live.settings().set_node_limits(NodeLimits { entries_max: 3, bytes_max: 0 });
    live.settings().set_idempotence(7, 8);
    let mut keys = live.lock(ShardSet::ALL, 5);
    testing::fill(&mut keys, 1..=10);
    assert!(keys.set_string(0, b"overdue", b"1", Deadline::At(0), None));
    assert!(keys.set_string(0, b"k", b"1", Deadline::At(9), None));
    keys.write_string_at(0, b"k", 1, b"2", "append").unwrap();
    drop(keys);

    let clock = Arc::new(ManualClock::at_ms(1_000_000));
    let copy = Engine::open(&Options::new(), clock, Arc::new(FileDisk)).unwrap().0;
    copy.settings().set_event_mask(EventMask(u32::MAX));
    copy.settings().set_broadcasts(true);
    let mut replay = copy.replay();
    for record in &*kept.0.lock() {
        replay.apply(record).unwrap();
    }
    assert!(replay.keys.take_signals().is_empty());
    assert_eq!(replay.keys.changes(), 0);
    drop(replay);
    assert_eq!(copy.journal().last(), Lsn::ZERO);
    assert_eq!(dump(&copy), dump(&live));
    let mut keys = copy.lock(ShardSet::ALL, 8);
    assert_eq!(keys.string(0, b"k"), Ok(Some(&b"12"[..])));
    assert!(keys.read(0, b"overdue").is_none());
}

/// Attempts are swept out now and then, at times that are part of the state.
#[test]
fn repeated_attempts_are_known_after_replay_as_before() {
    let (live, kept) = kept_engine(1);
    live.settings().set_idempotence(1, 5);
    let mut keys = live.lock(ShardSet::ALL, 5);
    for n in 1..1_500_u64 {
        let producer = n.to_le_bytes();
        let attempt = Some(Attempt { producer: &producer, iid: Some(&producer[..1]) });
        let id = NewId::Explicit(EntryId::new(n * 7, 0));
        let append = Append { id, fields: &[b"f", b"v"], attempt, trim: None };
        keys.append_to_stream(0, b"s", &append, CreateStream::IfAbsent).unwrap();
    }
    drop(keys);
    let copy = engine(2);
    for record in &*kept.0.lock() {
        copy.replay().apply(record).unwrap();
    }
    let keys = copy.lock(ShardSet::ALL, 5).stream(0, b"s").unwrap().cloned();
    let known = keys.unwrap().idempotence().cloned().unwrap();
    assert!(known.tracked_producers() < 1_000, "some have been swept out");
    assert_eq!(dump(&copy), dump(&live));
}

#[test]
fn a_malformed_record_is_refused() {
    let copy = engine(1);
    let error = copy.replay().apply(b"\x05\x02k\xff").unwrap_err();
    assert!(
        matches!(error, crate::ReplayError::Record(crate::RecordError { offset: 3, .. })),
        "{error}"
    );
}

/// The steps of the property tests are of use only if they do everything that can be done.
#[test]
fn steps_have_effects_of_every_kind() {
    let (live, kept) = kept_engine(1);
    let mut state = 1_u64;
    let mut byte = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    for now_ms in 1_000..17_000 {
        let mut keys = live.lock(ShardSet::ALL, now_ms);
        let mut step = [(); 6].map(|()| byte());
        if now_ms % 4 > 0 {
            // Most steps are on one stream, or groups would hardly come to have anything pending.
            step = [12 + step[0] % (step::KINDS - 12), 0, 2, step[3], step[4], step[5]];
        }
        step::run(&mut keys, step);
    }
    let mut kinds = BTreeSet::new();
    for record in &*kept.0.lock() {
        let first_word = |text: &str| text.split([' ', '{']).next().map(str::to_owned);
        let mut note = |effect: &Effect<'_>| match effect {
            Effect::Stream { change, .. } => kinds.insert(first_word(&format!("{change:?}"))),
            effect => kinds.insert(first_word(&format!("{effect:?}"))),
        };
        decode(record, |_, effect| {
            note(effect);
        })
        .unwrap();
    }
    // Both kinds of effects know a `Delete`.
    assert_eq!(kinds.len(), 10 + 17 - 1, "{kinds:?}");
}

/// Steps of these kinds on these keys of so many databases.
fn transactions(
    kinds: Range<u8>,
    databases: u8,
    keys: Range<u8>,
) -> impl Strategy<Value = Vec<(u8, Vec<Step>)>> {
    let choices = (any::<u8>(), any::<u8>(), any::<u8>());
    let step = (kinds, 0..databases, keys, choices)
        .prop_map(|(kind, db, key, (a, b, c))| [kind, db, key, a, b, c]);
    prop::collection::vec((any::<u8>(), prop::collection::vec(step, 1..4)), 1..100)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn replaying_gives_the_same_state(steps in transactions(0..step::KINDS, 3, 0..4)) {
        check(&steps);
    }

    #[test]
    fn replaying_gives_the_same_keys(steps in transactions(0..15, 2, 0..3)) {
        check(&steps);
    }

    #[test]
    fn replaying_gives_the_same_groups(steps in transactions(12..step::KINDS, 1, 2..3)) {
        check(&steps);
    }
}

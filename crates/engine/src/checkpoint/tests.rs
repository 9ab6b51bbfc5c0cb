//! A checkpoint that was taken while work went on, with the rest replayed, is the state.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use firth_wal::sim::SimDisk;
use firth_wal::{AppendError, Disk, FileDisk};
use parking_lot::Mutex;
use proptest::prelude::*;

use super::reader::{ItemReader, ReadError};
use super::*;
use crate::blocks::{BlockMover, BlockStore, StoreOptions};
use crate::journal::Sink;
use crate::replay::dump::dump;
use crate::replay::step::{self, Step};
use crate::stream::testing::lock;
use crate::stream::{
    Acknowledgement, Append, Attempt, CreateStream, EntryId, GroupRead, GroupStart, Nack, NackMode,
    NackScope, NewId, NodeLimits, Retention, Unacknowledged,
};
use crate::{Deadline, Engine, Lsn, ManualClock, Options, ShardSet};

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

fn engine(seed: u64) -> Engine {
    let options = Options { seed, ..Options::new() };
    Engine::open(&options, Arc::new(ManualClock::at_ms(0)), Arc::new(FileDisk)).unwrap().0
}

/// Makes the bytes of a file of captured items.
fn file_of(capture: &mut Capture, engine: &Engine, mut between: impl FnMut()) -> Vec<u8> {
    let mut frames = Frames::new(Header { lsn: capture.lsn() });
    let (mut counts, mut end) = (Counts::default(), Items::default());
    while let Some(captured) = capture.step(engine) {
        for items in captured {
            frames.push(items.bytes());
            counts.add(items.counts());
        }
        between();
    }
    end.end_of_all(counts);
    frames.push(end.bytes());
    frames.finish();
    frames.take_ready()
}

/// Loads a file into an engine and returns the position that it stands for.
fn load(bytes: &[u8], into: &Engine) -> Result<Lsn, ReadError> {
    load_with(None, bytes, into)
}

fn load_with(store: Option<&BlockStore>, bytes: &[u8], into: &Engine) -> Result<Lsn, ReadError> {
    let (disk, path) = (SimDisk::new(1), Path::new("checkpoint"));
    disk.put(path, bytes);
    let mut reader = ItemReader::new(disk.open(path).unwrap())?;
    let (mut decoder, mut replay) = (Decoder::new(store), into.replay());
    while !decoder.has_ended() {
        let (tag, body) = reader.next_item()?;
        let read = decoder.item(tag, body, |loaded| assert!(replay.load(loaded)));
        read.map_err(|flaw| reader.flaw(flaw))?;
    }
    reader.finish()?;
    Ok(reader.header().lsn)
}

/// An engine with one key of each kind, and one with everything that a stream can have.
fn furnished() -> Engine {
    let engine = engine(1);
    engine.settings().set_node_limits(NodeLimits { entries_max: 3, bytes_max: 0 });
    engine.settings().set_idempotence(7, 8);
    let mut keys = lock(&engine, 5);
    assert!(keys.set_string(15, b"text", b"value", Deadline::At(99), None));
    for n in 1..=5 {
        let iid = [b'0' + n];
        let attempt = Attempt { producer: b"p", iid: Some(&iid) };
        let append = Append {
            id: NewId::Explicit(EntryId::new(n.into(), 7)),
            fields: &[b"f", &[b'0' + n]],
            attempt: (n > 3).then_some(attempt),
            trim: None,
        };
        keys.append_to_stream(0, b"s", &append, CreateStream::IfAbsent).unwrap();
    }
    let mut stream = keys.stream_mut(0, b"s").unwrap().unwrap();
    stream.delete(&[EntryId::new(2, 7)]);
    stream.create_group(b"g", GroupStart::After(EntryId::MIN), Some(0)).unwrap();
    for consumer in [&b"gone"[..], b"a", b"b"] {
        let read = GroupRead {
            group: b"g",
            consumer,
            count_max: 1,
            claim_min_idle_ms: None,
            acknowledgement: Acknowledgement::Required,
        };
        stream.read_group(&read, |_| true).unwrap();
    }
    stream.delete_consumer(b"g", b"gone").unwrap();
    let (mode, scope) = (NackMode::Fail, NackScope::Pending);
    stream
        .nack(&Nack { group: b"g", mode, deliveries: None, scope }, &[EntryId::new(4, 7)])
        .unwrap();
    drop(keys);
    engine
}

fn store() -> Arc<BlockStore> {
    let disk = Arc::new(SimDisk::new(9));
    Arc::new(BlockStore::open("blocks", disk, StoreOptions::default()).unwrap())
}

/// Makes a file of these keys.
fn file_of_keys(engine: &Engine, lsn: Lsn, places: &[(u8, &[u8])]) -> Vec<u8> {
    let (mut frames, mut items) = (Frames::new(Header { lsn }), Items::default());
    let mut keys = lock(engine, 5);
    for (db, key) in places {
        items.entry(*db, keys.peek(*db, key).unwrap());
    }
    items.end_of_all(items.counts());
    frames.push(items.bytes());
    frames.finish();
    frames.take_ready()
}

/// The first format, which is read for ever.
#[test]
fn the_format_is_as_documented() {
    let live = furnished();
    let file = file_of_keys(&live, Lsn(0x0102), &[(15, b"text"), (0, b"s")]);
    let hex: Vec<String> = file.iter().map(|byte| format!("{byte:02x}")).collect();
    let lines: Vec<String> = hex.chunks(32).map(|line| line.concat()).collect();
    let golden = include_str!("fixtures/version-1.hex");
    assert_eq!(lines, golden.lines().collect::<Vec<_>>());
    let copy = engine(2);
    assert_eq!(load(&file, &copy).unwrap(), Lsn(0x0102));
    assert_eq!(dump(&copy), dump(&live));
}

/// What came to the first format later stands in items of its own.
#[test]
fn a_retention_policy_is_an_item_of_its_stream() {
    let live = engine(1);
    let policy = Retention { age_ms: Some(300), len_max: Some(9), ..Retention::default() };
    let forced = Retention { unacknowledged: Unacknowledged::Removed, ..policy };
    let mut keys = lock(&live, 5);
    keys.stream_or_create(0, b"a").unwrap().set_retention(policy);
    keys.stream_or_create(0, b"b").unwrap().set_retention(forced);
    drop(keys);
    let file = file_of_keys(&live, Lsn(3), &[(0, b"a"), (0, b"b")]);
    let item = b"\x09\x05\x00\x00\x00\xac\x02\x00\x09";
    let found = |last: u8| file.windows(10).any(|bytes| bytes == [&item[..], &[last]].concat());
    assert!(found(0) && found(1));
    let copy = engine(2);
    assert_eq!(load(&file, &copy).unwrap(), Lsn(3));
    assert_eq!(dump(&copy), dump(&live));
    assert_eq!(lock(&copy, 5).retained_streams(), 2);
}

/// The same with blocks that lie in block files.
#[test]
fn the_format_of_places_is_as_documented() {
    let live = furnished();
    let (store, names) = (store(), [(0, &b"s"[..])]);
    let fill = |from: u64| {
        let mut keys = lock(&live, 5);
        for n in from..from + 6 {
            let id = NewId::Explicit(EntryId::new(n, 0));
            let append = Append { id, fields: &[b"f", b"v"], attempt: None, trim: None };
            keys.append_to_stream(0, b"s", &append, CreateStream::IfAbsent).unwrap();
        }
    };
    for from in [10, 20] {
        fill(from);
        BlockMover::new(store.clone()).write_sealed(&live, 1 << 20).unwrap();
    }
    fill(30);
    let file = file_of_keys(&live, Lsn(7), &names);
    let hex: Vec<String> = file.iter().map(|byte| format!("{byte:02x}")).collect();
    let lines: Vec<String> = hex.chunks(32).map(|line| line.concat()).collect();
    let golden = include_str!("fixtures/version-1-places.hex");
    assert_eq!(lines, golden.lines().collect::<Vec<_>>());
    let copy = engine(2);
    load_with(Some(&store), &file, &copy).unwrap();
    let mut keys = lock(&live, 5);
    keys.delete(15, b"text");
    drop(keys);
    assert!(copy.memory().cold_blocks() > 3);
    assert_eq!(dump(&copy), dump(&live));
    let missing = load_with(Some(&self::store()), &file, &engine(3)).unwrap_err();
    let ReadError::Flaw(_, CheckpointFlaw::Block(error)) = missing else { panic!("{missing:?}") };
    assert!(error.to_string().contains("blocks/00000001.blk"), "{error}");
}

#[test]
fn a_reload_changes_nothing() {
    let live = furnished();
    let before = dump(&live);
    live.reload().unwrap();
    assert_eq!(dump(&live), before);
}

#[test]
fn every_bit_is_under_a_checksum() {
    let file = file_of_keys(&furnished(), Lsn(7), &[(15, b"text"), (0, b"s")]);
    for bit in 0..file.len() * 8 {
        let mut flipped = file.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(matches!(load(&flipped, &engine(2)), Err(ReadError::Flaw(..))), "{bit}");
    }
    for len in 0..file.len() {
        assert!(matches!(load(&file[..len], &engine(2)), Err(ReadError::Flaw(..))), "{len}");
    }
    let more = [&file[..], &file[32..]].concat();
    assert!(matches!(load(&more, &engine(2)), Err(ReadError::Flaw(_, CheckpointFlaw::Length))));
}

#[test]
fn a_flaw_is_named_with_its_frame() {
    let check = |at: usize, with: u8, offset: u64, flaw: CheckpointFlaw| {
        let mut file = file_of_keys(&furnished(), Lsn(7), &[(0, b"s")]);
        file[at] = with;
        let crc = crc32c::crc32c(&file[..28]);
        file[28..32].copy_from_slice(&crc.to_le_bytes());
        let crc = crc32c::crc32c(&file[40..]);
        file[36..40].copy_from_slice(&crc.to_le_bytes());
        match load(&file, &engine(2)) {
            Err(ReadError::Flaw(at, found)) => assert_eq!((at, found), (offset, flaw)),
            other => panic!("{other:?}"),
        }
    };
    check(0, 0, 0, CheckpointFlaw::Header);
    check(8, 9, 0, CheckpointFlaw::Version { found: 9, known: 1 });
    check(32, 1, 32, CheckpointFlaw::Frame);
    check(52, 0x55, 32, CheckpointFlaw::Tag(0x55));
    check(57, 16, 32, CheckpointFlaw::Item(2));
}

/// Many keys, some of them long: buckets split and are left in the middle.
#[test]
fn a_capture_does_not_miss_keys_while_tables_grow() {
    let (live, expected) = (engine(1), engine(2));
    let set = |engine: &Engine, from: u32, until: u32, value: &[u8]| {
        let mut keys = lock(engine, 5);
        for n in from..until {
            assert!(keys.set_string(0, &n.to_le_bytes(), value, Deadline::Clear, None));
        }
    };
    set(&live, 0, 30_000, &[b'v'; 400]);
    set(&expected, 0, 30_000, &[b'v'; 400]);
    let mut next = 30_000;
    let file = file_of(&mut Capture::begin(&live), &live, || {
        set(&live, next - 20, next + 40, b"other");
        next += 40;
    });
    let copy = engine(3);
    load(&file, &copy).unwrap();
    assert!(dump(&copy) == dump(&expected));
}

type Transaction = (u8, Vec<Step>);

fn run(engine: &Engine, now_ms: &mut u64, (pause_ms, steps): &Transaction) {
    *now_ms += u64::from(pause_ms % 32);
    let mut keys = engine.lock(ShardSet::ALL, *now_ms);
    steps.iter().for_each(|step| step::run(&mut keys, *step));
}

/// Does some work, captures while the rest of it is done, loads what was captured and replays what
/// came after the position that it stands for.
fn check(transactions: &[Transaction], before: usize, steps_between: usize) {
    let kept = Arc::new(Kept::default());
    let live = engine(1).kept_by(kept.clone());
    let mut now_ms = 1_000;
    let (before, meanwhile) = transactions.split_at(before.min(transactions.len()));
    before.iter().for_each(|transaction| run(&live, &mut now_ms, transaction));
    let expect = dump(&live);

    let store = store();
    let mut mover = BlockMover::new(store.clone());
    if !steps_between.is_multiple_of(3) {
        mover.write_sealed(&live, 1_000).unwrap();
    }
    let mut capture = Capture::begin(&live);
    let (mut rest, mut step) = (meanwhile.iter(), 0);
    let file = file_of(&mut capture, &live, || {
        if step % steps_between == 0 {
            rest.next().into_iter().for_each(|transaction| run(&live, &mut now_ms, transaction));
        }
        // Blocks come and go without any change of the state.
        if step % 90 == 7 {
            mover.write_sealed(&live, 200).unwrap();
            mover.evict(&live, 300);
        }
        step += 1;
    });
    rest.for_each(|transaction| run(&live, &mut now_ms, transaction));

    let copy = engine(2);
    let lsn = load_with(Some(&store), &file, &copy).unwrap();
    let same = |one: &[String], other: &[String]| {
        assert!(one == other, "{}\n-----\n{}", one.join("\n"), other.join("\n"));
    };
    same(&dump(&copy), &expect);
    for record in &kept.0.lock()[usize::try_from(lsn.0).unwrap()..] {
        copy.replay().apply(record).unwrap();
    }
    same(&dump(&copy), &dump(&live));
    // What was loaded can be captured in its turn.
    let again = file_of(&mut Capture::begin(&copy), &copy, || ());
    let third = engine(3);
    load_with(Some(&store), &again, &third).unwrap();
    same(&dump(&third), &dump(&live));
}

/// Steps of these kinds on these keys of so many databases.
fn transactions(
    kinds: Range<u8>,
    databases: u8,
    keys: Range<u8>,
) -> impl Strategy<Value = Vec<Transaction>> {
    let choices = (any::<u8>(), any::<u8>(), any::<u8>());
    let step = (kinds, 0..databases, keys, choices)
        .prop_map(|(kind, db, key, (a, b, c))| [kind, db, key, a, b, c]);
    prop::collection::vec((any::<u8>(), prop::collection::vec(step, 1..4)), 1..100)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_capture_is_the_state_of_one_moment(
        steps in transactions(0..step::KINDS, 3, 0..4), before in 0_usize..100, between in 1_usize..40,
    ) {
        check(&steps, before, between);
    }

    #[test]
    fn a_capture_has_the_keys_of_one_moment(
        steps in transactions(0..15, 2, 0..3), before in 0_usize..100, between in 1_usize..40,
    ) {
        check(&steps, before, between);
    }

    #[test]
    fn a_capture_has_the_groups_of_one_moment(
        steps in transactions(12..step::KINDS, 1, 2..3), before in 0_usize..100,
    ) {
        check(&steps, before, 1);
    }

    #[test]
    fn any_items_decode_to_something(
        items in prop::collection::vec((0_u8..10, prop::collection::vec(0_u8..20, 0..30)), 0..20),
    ) {
        let mut decoder = Decoder::new(None);
        for (tag, body) in items {
            let _ = decoder.item(tag, &body, |_| ());
        }
    }
}

//! `Entries` against a naive model, its memory, and its speed (ignored, for the eye).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::time::Instant;

use firth_wal::sim::SimDisk;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::blocks::{BlockStore, StoreOptions};
use crate::stream::BlockContent;

const DOCUMENT: [&[u8]; 6] = [b"type", b"purchase", b"userId", b"123", b"amount", b"99.99"];

#[derive(Clone, Debug)]
enum Step {
    Append { ms_jump: u64, seq: Option<u64>, fields: Vec<Vec<u8>> },
    Remove(Vec<Index>),
    Trim { len: Option<Index>, id: Index, exactness: Exactness, limit: Option<u64> },
    Write(usize),
    LetGo(usize),
    Reopen,
}

/// The entries as a map, and the node of each as Redis would place it.
#[derive(Default)]
struct Model {
    entries: BTreeMap<EntryId, Vec<Vec<u8>>>,
    nodes: Vec<Node>,
    newest: EntryId,
}

struct Node {
    slots: u32,
    live: BTreeSet<EntryId>,
}

impl Model {
    fn append(&mut self, id: EntryId, fields: &[Vec<u8>], begins_node: bool) {
        if begins_node {
            self.nodes.push(Node { slots: 0, live: BTreeSet::new() });
        }
        let node = self.nodes.last_mut().unwrap();
        node.slots += 1;
        node.live.insert(id);
        self.entries.insert(id, fields.to_vec());
        self.newest = id;
    }

    fn remove(&mut self, id: EntryId) -> bool {
        for node in &mut self.nodes {
            node.live.remove(&id);
        }
        self.nodes.retain(|node| !node.live.is_empty());
        self.entries.remove(&id).is_some()
    }

    /// Returns the ids that a trim removes, found the way Redis words it.
    fn doomed(&self, to: TrimTo, exactness: Exactness, limit: Option<u64>) -> Vec<EntryId> {
        let mut doomed = Vec::new();
        let len = |doomed: &Vec<EntryId>| (self.entries.len() - doomed.len()) as u64;
        if exactness == Exactness::Exact {
            for id in self.entries.keys() {
                match to {
                    TrimTo::MaxLen(max) if len(&doomed) <= max => break,
                    TrimTo::MinId(min) if *id >= min => break,
                    _ => doomed.push(*id),
                }
            }
            return doomed;
        }
        for node in &self.nodes {
            let live = node.live.len() as u64;
            let fits = match to {
                TrimTo::MaxLen(max) => len(&doomed) - live >= max,
                TrimTo::MinId(min) => node.live.iter().all(|id| *id < min),
            };
            if !fits || limit.is_some_and(|limit| doomed.len() as u64 + live > limit) {
                break;
            }
            doomed.extend(&node.live);
        }
        doomed
    }

    /// Returns an id at or beside one of the entries, or an outermost one.
    fn id_near(&self, index: Index) -> EntryId {
        let near = |id: &EntryId| [id.prev(), Some(*id), id.next()];
        let ids: Vec<EntryId> = self.entries.keys().flat_map(near).flatten().collect();
        *index.get(&[&[EntryId::MIN, EntryId::MAX][..], &ids].concat())
    }
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[a-c]{0,2}".prop_map(String::into_bytes),
        2 => any::<i32>().prop_map(|number| number.to_string().into_bytes()),
        1 => (100_usize..300).prop_map(|len| vec![b'x'; len]),
        1 => Just(vec![0xff; 5000]),
    ]
}

fn fields() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let names = prop_oneof![
        4 => Just(vec![b"type".to_vec(), b"userId".to_vec()]),
        1 => Just(vec![b"type".to_vec()]),
        1 => prop::collection::vec("[a-z]{0,2}".prop_map(String::into_bytes), 1..4),
        1 => prop::collection::vec(text(), 1..3),
    ];
    (names, prop::collection::vec(text(), 4)).prop_map(|(names, values)| {
        names.into_iter().zip(values).flat_map(|(name, value)| [name, value]).collect()
    })
}

fn step() -> impl Strategy<Value = Step> {
    let jump = prop_oneof![
        4 => 0_u64..3,
        4 => 28_u64..34,
        1 => 0_u64..100_000,
        1 => any::<u64>().prop_map(|jump| jump >> 6),
    ];
    let seq =
        prop_oneof![4 => Just(None), 2 => (0_u64..9).prop_map(Some), 1 => Just(Some(u64::MAX))];
    let exactness = prop_oneof![Just(Exactness::Exact), Just(Exactness::WholeNodes)];
    let index = any::<Index>;
    prop_oneof![
        20 => (jump, seq, fields())
            .prop_map(|(ms_jump, seq, fields)| Step::Append { ms_jump, seq, fields }),
        5 => prop::collection::vec(index(), 1..6).prop_map(Step::Remove),
        1 => (prop::option::of(index()), index(), exactness, prop::option::of(0_u64..20))
            .prop_map(|(len, id, exactness, limit)| Step::Trim { len, id, exactness, limit }),
        2 => (1_usize..50).prop_map(Step::Write),
        2 => (1_usize..2000).prop_map(Step::LetGo),
        1 => Just(Step::Reopen),
    ]
}

/// Writes blocks that are full and have not been written.
fn write(entries: &mut Entries, store: &BlockStore, count: usize) {
    let unwritten = entries.unwritten().take(count);
    let blocks: Vec<_> = unwritten.map(|(id, content)| (id, content.to_vec())).collect();
    let contents: Vec<&[u8]> = blocks.iter().map(|(_, content)| &**content).collect();
    for ((id, content), place) in blocks.iter().zip(store.write(&contents).unwrap()) {
        assert!(entries.note_written(*id, content, place));
    }
}

/// Returns a block as it is known after a restart.
fn reopened(block: &Block, is_last: bool) -> Block {
    let content = match block.place() {
        Some(place) if !is_last => BlockContent::Cold(place.clone()),
        _ => BlockContent::Resident(block.bytes().unwrap().to_vec()),
    };
    Block::of(block.numbers(), content)
}

fn store(disk: &SimDisk) -> BlockStore {
    let options = StoreOptions { file_bytes: 2000, ..StoreOptions::default() };
    BlockStore::open("d/blocks", Arc::new(disk.clone()), options).unwrap()
}

fn run(
    entries: &mut Entries,
    model: &mut Model,
    step: Step,
    limits: NodeLimits,
    store: &BlockStore,
) {
    match step {
        Step::Append { ms_jump, seq, fields } => {
            let ms = model.newest.ms.saturating_add(ms_jump);
            let wanted = seq.map(|seq| EntryId::new(ms, seq)).filter(|id| *id > model.newest);
            let implied = (ms > model.newest.ms).then_some(EntryId::new(ms, 0));
            let Some(id) = wanted.or(implied).or(model.newest.next()) else { return };
            let full = model.nodes.last().is_none_or(|node| node.slots >= limits.entries_max);
            let nodes = entries.node_count();
            let flat: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
            entries.append(id, &flat, entries.node_for(&flat, limits));
            let begins_node = entries.node_count() > nodes;
            assert!(begins_node == full || begins_node && limits.bytes_max > 0);
            model.append(id, &fields, begins_node);
        }
        Step::Remove(indexes) => {
            for index in indexes {
                let id = model.id_near(index);
                assert_eq!(entries.remove(id), model.remove(id));
            }
        }
        Step::Trim { len, id, exactness, limit } => {
            let to = len.map_or(TrimTo::MinId(model.id_near(id)), |len| {
                TrimTo::MaxLen(len.index(model.entries.len() + 2) as u64)
            });
            let doomed = model.doomed(to, exactness, limit);
            let plan = entries.trim_plan(to, exactness, limit);
            let through = plan.map(|plan| plan.through);
            let last = model.entries.keys().rfind(|id| Some(**id) <= through);
            assert_eq!(last, doomed.last());
            assert_eq!(plan.map_or(0, |plan| plan.removed), doomed.len() as u64);
            let removed = plan.map_or(0, |plan| match plan.through.next() {
                Some(below) if limit.is_none() => entries.trim_front(below),
                _ => entries.trim_through(plan.through),
            });
            assert_eq!(removed, doomed.len() as u64);
            doomed.iter().for_each(|id| assert!(model.remove(*id)));
        }
        Step::Write(count) => write(entries, store, count),
        Step::LetGo(bytes) => drop(entries.let_go(bytes)),
        Step::Reopen => {
            let count = entries.node_count();
            let numbered = entries.blocks().zip(1..);
            let blocks = numbered.map(|(block, number)| reopened(block, number == count));
            *entries = Entries::of_blocks(blocks.collect(), entries.last_id);
        }
    }
}

fn owned(entry: Entry<'_>) -> (EntryId, Vec<Vec<u8>>) {
    let fields = entry.fields().flat_map(|(name, value)| [name.to_vec(), value.to_vec()]);
    (entry.id, fields.collect())
}

fn compare(entries: &Entries, model: &Model, bounds: (Index, Index), seeks: &[Index]) {
    assert_eq!(entries.len(), model.entries.len() as u64);
    assert_eq!(entries.is_empty(), model.entries.is_empty());
    assert_eq!(entries.node_count(), model.nodes.len());
    assert_eq!(entries.first_id(), model.entries.keys().next().copied());
    assert_eq!(entries.last_id(), model.entries.keys().last().copied());
    for (block, node) in entries.blocks().zip(&model.nodes) {
        assert_eq!((block.slots(), block.live()), (node.slots, node.live.len() as u32));
    }
    let capacity: usize = entries.blocks().filter_map(Block::capacity).sum();
    assert_eq!(entries.account.block_bytes(), capacity);
    let cold = entries.blocks().filter(|block| block.bytes().is_none()).count();
    assert_eq!(entries.cold_blocks(), cold);
    assert!(entries.written <= entries.node_count());
    assert!(entries.blocks().take(entries.written).all(|block| block.place().is_some()));
    assert!(entries.blocks().next_back().is_none_or(|last| last.bytes().is_some()));
    let check = |block: &Block| {
        block.place().zip(block.bytes()).is_none_or(|(place, bytes)| place.read().unwrap() == bytes)
    };
    assert!(entries.blocks().all(check));

    let (start, end) = (model.id_near(bounds.0), model.id_near(bounds.1));
    let inside = model.entries.iter().filter(|(id, _)| start <= **id && **id <= end);
    let mut expect: Vec<_> = inside.map(|(id, fields)| (*id, fields.clone())).collect();
    let range: Vec<_> = entries.range(start, end).map(owned).collect();
    assert_eq!(range, expect);
    expect.reverse();
    let range: Vec<_> = entries.range_rev(start, end).map(owned).collect();
    assert_eq!(range, expect);

    // What comes last is read without what stands before it in its block.
    let last = model.entries.keys().rev().take(3).copied();
    for start in last.flat_map(|id| [Some(id), id.next()]).flatten().chain([model.newest]) {
        let expect = model.entries.range(start..).map(|(id, fields)| (*id, fields.clone()));
        assert!(entries.range(start, EntryId::MAX).map(owned).eq(expect), "from {start}");
    }

    let mut ids: Vec<EntryId> = seeks.iter().map(|index| model.id_near(*index)).collect();
    ids.sort_unstable_by_key(|id| (id.seq % 2, *id));
    let mut cursor = entries.cursor();
    for id in ids {
        let expect = model.entries.get(&id).map(|fields| (id, fields.clone()));
        assert_eq!(cursor.seek(id).map(owned), expect);
        assert_eq!(entries.get(id).map(owned), expect);
        assert_eq!(entries.contains(id), expect.is_some());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn behaves_like_a_map(
        steps in prop::collection::vec(
            (step(), any::<(Index, Index)>(), prop::collection::vec(any::<Index>(), 4)),
            1..150,
        ),
        entries_max in prop_oneof![1_u32..8, Just(40)],
        bytes_max in prop_oneof![2 => Just(0_u32), 1 => 50_u32..500, 1 => Just(4096)],
    ) {
        let limits = NodeLimits { entries_max, bytes_max };
        let (mut entries, mut model) = (Entries::new(), Model::default());
        let store = store(&SimDisk::new(1));
        for (step, bounds, seeks) in steps {
            run(&mut entries, &mut model, step, limits, &store);
            compare(&entries, &model, bounds, &seeks);
        }
    }
}

#[test]
fn nodes_end_where_those_of_redis_end() {
    let check = |entries_max: u32, bytes_max: u32, value: &[u8], expect: u32| {
        let mut entries = Entries::new();
        for n in 0..20_000 {
            let limits = NodeLimits { entries_max, bytes_max };
            let fields: &[&[u8]] = &[b"field", value];
            let node = entries.node_for(fields, limits);
            entries.append(EntryId::new(1_700_000_000_000 + n, 0), fields, node);
        }
        assert_eq!(entries.blocks().next().map(Block::slots), Some(expect));
    };
    check(100, 4096, b"value", 100);
    check(7, 4096, b"value", 7);
    check(0, 0, b"value", NODE_ENTRIES_MAX);
    check(3, 0, &[b'x'; 10_000], 3);
    check(100, 4096, &[b'x'; 4096], 1);
    // Every entry takes 2 + 2 (later 3) + 2 for flags and id, 1003 for the value, 2 at the end.
    check(100, 4096, &[b'x'; 1000], 4);
}

#[test]
fn an_entry_with_the_greatest_id_can_be_trimmed() {
    let mut entries = Entries::new();
    entries.append(EntryId::MAX, &[b"a", b"b"], super::Node::Last);
    assert_eq!(entries.trim_plan(TrimTo::MinId(EntryId::MAX), Exactness::Exact, None), None);
    let plan = entries.trim_plan(TrimTo::MaxLen(0), Exactness::Exact, None);
    assert_eq!(plan, Some(TrimPlan { removed: 1, through: EntryId::MAX }));
    assert_eq!(entries.trim_front(EntryId::MAX), 0);
    assert_eq!(entries.trim_through(EntryId::MAX), 1);
    assert!(entries.is_empty());
}

#[test]
fn removals_give_memory_back() {
    let mut entries = Entries::new();
    let append = |entries: &mut Entries, ms: u64| {
        let node = entries.node_for(&DOCUMENT, NodeLimits::default());
        entries.append(EntryId::new(ms, 1), &DOCUMENT, node);
    };
    (0..10_000).for_each(|ms| append(&mut entries, ms));
    let full = entries.memory_bytes();
    (0..10_000)
        .filter(|ms| ms % 10 > 0)
        .for_each(|ms| assert!(entries.remove(EntryId::new(ms, 1))));
    assert!(entries.memory_bytes() < full / 2);
    (10_000..200_000).for_each(|ms| {
        append(&mut entries, ms);
        entries.trim_front(EntryId::new(ms - 5, 0));
    });
    assert!(entries.memory_bytes() < 10_000);
}

/// Returns a stream of `count` of the document's entries by a plausible clock.
fn purchases(count: u64) -> Entries {
    let mut entries = Entries::new();
    let mut id = EntryId::new(1_700_000_000_000, 0);
    for n in 0..count {
        let pause = [0, 0, 1, 3, 7, 20, 45][(n % 7) as usize];
        id = if pause == 0 { id.next().unwrap() } else { EntryId::new(id.ms + pause, 0) };
        let node = entries.node_for(&DOCUMENT, NodeLimits::default());
        entries.append(id, &DOCUMENT, node);
    }
    entries
}

#[test]
fn a_million_entries_take_23_bytes_each() {
    let bytes = purchases(1_000_000).memory_bytes();
    assert!(bytes <= 23_000_000, "{bytes}");
}

#[test]
fn a_stream_of_one_entry_is_small() {
    let bytes = purchases(1).memory_bytes();
    assert!(bytes <= 300, "{bytes}");
}

#[expect(clippy::disallowed_methods, reason = "a figure for the eye, nothing depends on it")]
fn time<T>(what: &str, count: u64, run: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let result = black_box(run());
    println!("{what}: {:.1} ns", begin.elapsed().as_nanos() as f64 / count as f64);
    result
}

fn put_bulk(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'$');
    out.extend_from_slice(itoa::Buffer::new().format(text.len()).as_bytes());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}

/// Writes entries the way a reply does, with the rendered names of the last shape kept.
fn render<'a>(out: &mut Vec<u8>, entries: impl Iterator<Item = Entry<'a>>) {
    let (mut key, mut names, mut ends) = (0, Vec::new(), Vec::new());
    for entry in entries {
        if entry.shape_key() != key {
            (key, names, ends) = (entry.shape_key(), Vec::new(), Vec::new());
            for name in entry.names() {
                put_bulk(&mut names, name);
                ends.push(names.len());
            }
        }
        out.extend_from_slice(b"*2\r\n");
        put_bulk(out, &entry.id.text());
        out.push(b'*');
        out.extend_from_slice(itoa::Buffer::new().format(2 * entry.field_count()).as_bytes());
        out.extend_from_slice(b"\r\n");
        let mut start = 0;
        for (end, value) in ends.iter().zip(entry.values()) {
            out.extend_from_slice(&names[start..*end]);
            put_bulk(out, value);
            start = *end;
        }
    }
}

#[test]
#[ignore = "prints nanoseconds, for the eye"]
fn speed() {
    const COUNT: u64 = 1_000_000;
    let entries = time("append", COUNT, || purchases(COUNT));
    println!("memory: {:.2} bytes", entries.memory_bytes() as f64 / COUNT as f64);
    println!("memory of one: {} bytes", purchases(1).memory_bytes());
    println!("sizes: Entries {}, Block {}", size_of::<Entries>(), size_of::<Block>());
    let all = || entries.range(EntryId::MIN, EntryId::MAX);
    time("range, ids only", COUNT, || all().map(|entry| entry.id.seq).sum::<u64>());
    time("range, all fields", COUNT, || {
        all()
            .map(|entry| entry.fields().map(|(n, v)| n.len() + v.len()).sum::<usize>())
            .sum::<usize>()
    });
    let mut out = Vec::with_capacity(1 << 20);
    time("range and render", COUNT, || {
        let mut range = all();
        for _ in 0..COUNT / 1000 {
            out.clear();
            render(&mut out, range.by_ref().take(1000));
        }
    });
    time("range backwards", COUNT, || entries.range_rev(EntryId::MIN, EntryId::MAX).count());
    let ids: Vec<EntryId> = all().map(|entry| entry.id).step_by(10).collect();
    let looked_up = ids.len() as u64;
    time("get", looked_up, || ids.iter().filter(|id| entries.contains(**id)).count());
    time("cursor", looked_up, || {
        let mut cursor = entries.cursor();
        ids.iter().filter(|id| cursor.seek(**id).is_some()).count()
    });
    let mut entries = entries;
    time("remove from the front", looked_up, || {
        ids.iter().filter(|id| entries.remove(**id)).count()
    });
    time("trim one from the front", 100_000, || {
        for _ in 0..100_000 {
            let to = TrimTo::MaxLen(entries.len() - 1);
            let plan = entries.trim_plan(to, Exactness::Exact, None).unwrap();
            entries.trim_through(plan.through);
        }
    });
}

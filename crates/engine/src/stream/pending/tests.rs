//! The pending list against a naive model.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

const fn id(n: u64) -> EntryId {
    EntryId::new(n / 3, n % 3)
}

const fn no(n: u32) -> ConsumerNo {
    ConsumerNo::new(n)
}

/// What the pending list should be, in the simplest form: by id, with the turn of a release.
#[derive(Default)]
struct Model {
    rows: BTreeMap<EntryId, (Pending, u64)>,
    turns: u64,
}

impl Model {
    fn put(&mut self, id: EntryId, owner: Option<ConsumerNo>, delivered_ms: u64, deliveries: u64) {
        self.turns += 1;
        self.rows.insert(id, (Pending { id, owner, delivered_ms, deliveries }, self.turns));
    }

    fn all(&self) -> Vec<Pending> {
        self.rows.values().map(|&(pending, _)| pending).collect()
    }

    fn by_age(&self) -> Vec<Pending> {
        let mut rows: Vec<_> = self.rows.values().copied().collect();
        rows.sort_by_key(|&(pending, turn)| match pending.owner {
            None => (false, turn, EntryId::MIN),
            Some(_) => (true, pending.delivered_ms, pending.id),
        });
        rows.into_iter().map(|(pending, _)| pending).collect()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Own { at: u64, consumer: u32, delivered_ms: u64, deliveries: u64 },
    Read { count: u64, consumer: u32, delivered_ms: u64 },
    Release { at: u64, deliveries: u64 },
    Remove { at: u64 },
    RemoveRange { from: u64, count: u64, every: u64 },
    RemoveConsumer { consumer: u32 },
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    let at = || 0..900_u64;
    let consumer = || 0..4_u32;
    let time = || prop_oneof![0..3_u64, 0..1_000_000_u64];
    let count = || prop_oneof![0..9_u64, Just(u64::from(u32::MAX) - 1), Just(DELIVERIES_FATAL)];
    prop_oneof![
        8 => (at(), consumer(), time(), count()).prop_map(|(at, consumer, delivered_ms, deliveries)| {
            Step::Own { at, consumer, delivered_ms, deliveries }
        }),
        3 => (1..700_u64, consumer(), time()).prop_map(|(count, consumer, delivered_ms)| {
            Step::Read { count, consumer, delivered_ms }
        }),
        4 => (at(), count()).prop_map(|(at, deliveries)| Step::Release { at, deliveries }),
        4 => at().prop_map(|at| Step::Remove { at }),
        3 => (0..2_000_u64, 1..1_500_u64, 1..4_u64).prop_map(|(from, count, every)| {
            Step::RemoveRange { from, count, every }
        }),
        1 => consumer().prop_map(|consumer| Step::RemoveConsumer { consumer }),
        1 => prop_oneof![9 => Just(Step::Remove { at: 0 }), 1 => Just(Step::Clear)],
    ]
}

fn own(list: &mut PendingList, model: &mut Model, row: (u64, u32, u64, u64)) {
    let (at, consumer, delivered_ms, deliveries) = row;
    list.own(id(at), no(consumer), delivered_ms, deliveries);
    model.put(id(at), Some(no(consumer)), delivered_ms, deliveries);
}

fn remove(list: &mut PendingList, model: &mut Model, at: u64) {
    let expect = model.rows.remove(&id(at)).map(|(pending, _)| pending);
    assert_eq!(list.remove(id(at)), expect);
}

fn take(list: &mut PendingList, model: &mut Model, step: &Step) {
    match *step {
        Step::Own { at, consumer, delivered_ms, deliveries } => {
            own(list, model, (at, consumer, delivered_ms, deliveries));
        }
        Step::Read { count, consumer, delivered_ms } => {
            let last = model.rows.keys().next_back().map_or(0, |id| id.ms * 3 + id.seq + 1);
            for at in last..last + count {
                own(list, model, (at, consumer, delivered_ms, 1));
            }
        }
        Step::Release { at, deliveries } => {
            list.release(id(at), deliveries);
            model.put(id(at), None, 0, deliveries);
        }
        Step::Remove { at } => remove(list, model, at),
        Step::RemoveRange { from, count, every } => {
            for at in (from..from + count).filter(|at| at % every == 0) {
                remove(list, model, at);
            }
        }
        Step::RemoveConsumer { consumer } => {
            let before = model.rows.len();
            model.rows.retain(|_, (pending, _)| pending.owner != Some(no(consumer)));
            assert_eq!(list.remove_consumer(no(consumer)), (before - model.rows.len()) as u64);
        }
        Step::Clear => {
            list.clear();
            model.rows.clear();
        }
    }
}

fn compare(list: &PendingList, model: &Model, probe: u64) {
    let (all, start) = (model.all(), id(probe));
    let from = |pending: &&Pending| pending.id >= start;
    list.rows.check_shape();
    assert_eq!((list.len(), list.is_empty()), (all.len(), all.is_empty()));
    assert_eq!(list.nacked_len(), all.iter().filter(|pending| pending.owner.is_none()).count());
    assert_eq!(list.first_id(), all.first().map(|pending| pending.id));
    assert_eq!(list.last_id(), all.last().map(|pending| pending.id));
    assert_eq!(list.get(start), all.iter().find(from).filter(|p| p.id == start).copied());
    assert_eq!(list.contains(start), model.rows.contains_key(&start));
    assert!(list.iter_from(EntryId::MIN).eq(all.iter().copied()));
    assert!(list.iter_from(start).eq(all.iter().filter(from).copied()));
    assert!(list.iter_from(start).rev().eq(all.iter().filter(from).rev().copied()));
    assert!(list.oldest().eq(model.by_age()));
    for consumer in (0..5).map(no) {
        let mine = all.iter().filter(|pending| pending.owner == Some(consumer));
        assert_eq!(list.len_of(consumer), mine.clone().count());
        assert_eq!(list.first_id_of(consumer), mine.clone().next().map(|pending| pending.id));
        assert_eq!(list.last_id_of(consumer), mine.clone().next_back().map(|pending| pending.id));
        assert!(list.iter_of(consumer, start).eq(mine.filter(from).copied()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn behaves_like_a_sorted_map(
        steps in prop::collection::vec((step(), 0..1_000_u64), 1..80),
    ) {
        let (mut list, mut model) = (PendingList::new(), Model::default());
        for (step, probe) in steps {
            take(&mut list, &mut model, &step);
            compare(&list, &model, probe);
        }
    }
}

#[test]
fn released_entries_wait_in_line_before_the_owned() {
    let mut list = PendingList::new();
    list.own(id(1), no(0), 50, 1);
    list.own(id(2), no(0), 40, 1);
    list.own(id(3), no(1), 0, 1);
    list.release(id(2), 1);
    list.release(id(9), 0);
    list.release(id(1), 1);
    list.release(id(2), 0);
    let order = |list: &PendingList| list.oldest().map(|pending| pending.id).collect::<Vec<_>>();
    assert_eq!(order(&list), [id(9), id(1), id(2), id(3)]);
    list.own(id(9), no(1), 0, 1);
    assert_eq!(order(&list), [id(1), id(2), id(3), id(9)]);
    assert_eq!((list.nacked_len(), list.len_of(no(0)), list.len_of(no(1))), (2, 0, 2));
}

#[test]
fn rows_move_into_holes_and_empty_chunks_are_used_again() {
    let mut list = PendingList::new();
    let mut model = Model::default();
    let mut phase = |step: Step| {
        take(&mut list, &mut model, &step);
        compare(&list, &model, 2_000);
        list.memory_bytes()
    };
    let full = phase(Step::Read { count: 4_096, consumer: 0, delivered_ms: 5 });
    let gap = phase(Step::RemoveRange { from: 0, count: 2_560, every: 1 });
    assert!(gap < full / 2 + 1_000, "{gap} of {full}");
    let refilled = phase(Step::Read { count: 2_560, consumer: 1, delivered_ms: 6 });
    assert!(refilled < full + 2_000, "{refilled} of {full}");
    let sparse = phase(Step::RemoveRange { from: 0, count: 7_000, every: 2 });
    assert!(sparse < full * 3 / 4, "{sparse} of {full}");
    phase(Step::Read { count: 3_000, consumer: 1, delivered_ms: 4 });
    phase(Step::RemoveConsumer { consumer: 0 });
    phase(Step::RemoveRange { from: 0, count: 10_000, every: 3 });
    let empty = phase(Step::RemoveConsumer { consumer: 1 });
    assert!(empty < 2_000, "{empty}");
}

#[test]
fn rows_that_leave_in_order_move_no_others_and_their_places_are_used_again() {
    let mut list = PendingList::new();
    let (count, straggler) = (2_560, 10_000);
    for at in (0..count).chain([straggler]) {
        list.own(id(at), no(0), at, 1);
    }
    let (full, place) = (list.memory_bytes(), list.by_id.last());
    for round in 0..100 {
        for at in 0..count {
            list.remove(id(at));
        }
        assert!(round > 0 || list.by_id.last() == place);
        (0..count).for_each(|at| list.own(id(at), no(0), at, 1));
        list.rows.check_shape();
        // One chunk may be half used and the indexes have spare places, but nothing adds up.
        assert!(list.memory_bytes() <= full + 10_000, "{} of {full}", list.memory_bytes());
    }
}

#[test]
fn delivery_counts_saturate() {
    let largest = u64::from(u32::MAX) - 1;
    for (deliveries, expect) in [
        (0, 0),
        (1, 1),
        (largest, largest),
        (largest + 1, DELIVERIES_FATAL),
        (DELIVERIES_FATAL, DELIVERIES_FATAL),
        (u64::MAX, DELIVERIES_FATAL),
    ] {
        let mut list = PendingList::new();
        list.own(id(1), no(0), 1, deliveries);
        assert_eq!(list.get(id(1)).unwrap().deliveries, expect, "{deliveries}");
    }
}

/// Ids and times of `count` entries that came in at a few per millisecond and were read in batches.
fn delivered(count: u64) -> impl Iterator<Item = (EntryId, u64)> {
    let base = 1_700_000_000_000;
    (0..count).map(move |n| (EntryId::new(base + n / 7, n % 7), base + 50_000 + n / 100))
}

fn filled(count: u64) -> PendingList {
    let mut list = PendingList::new();
    for (id, delivered_ms) in delivered(count) {
        list.own(id, no(0), delivered_ms, 1);
    }
    list
}

/// The same numbers in an order without pattern.
fn shuffled<T>(mut items: Vec<T>) -> Vec<T> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for at in (1..items.len()).rev() {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        items.swap(at, (state >> 33) as usize % (at + 1));
    }
    items
}

fn bytes_per_entry(list: &PendingList) -> f64 {
    list.memory_bytes() as f64 / list.len() as f64
}

#[test]
fn a_pending_entry_takes_less_than_sixty_bytes() {
    let mut list = filled(100_000);
    let full = bytes_per_entry(&list);
    assert!(full <= 48.0, "{full}");
    let ids = shuffled(delivered(100_000).map(|(id, _)| id).collect());
    for &id in &ids[..50_000] {
        list.remove(id);
    }
    let half = bytes_per_entry(&list);
    assert!(half <= 60.0, "{half}");
    for &id in &ids[50_000..99_000] {
        list.remove(id);
    }
    let rest = bytes_per_entry(&list);
    assert!(rest <= 100.0, "{rest}");
    for &id in &ids[99_000..] {
        list.remove(id);
    }
    assert!(list.memory_bytes() < 2_000, "{}", list.memory_bytes());
}

fn print_cost(what: &str, times: u64, elapsed: Duration) {
    let ns = elapsed.as_nanos() / u128::from(times);
    #[expect(clippy::print_stdout, reason = "the figures are the point of the run")]
    {
        println!("{what:<44} {ns:>6} ns");
    }
}

/// Run with `cargo test --release -p firth-engine -- --ignored --nocapture pending_costs`.
#[test]
#[ignore = "prints figures"]
#[expect(clippy::disallowed_methods, reason = "the figures are times")]
fn pending_costs() {
    const COUNT: u64 = 100_000;
    let start = Instant::now();
    let mut list = filled(COUNT);
    print_cost("own, ascending", COUNT, start.elapsed());
    println_bytes("100,000 of one consumer", &list);

    let ids = shuffled(delivered(COUNT).map(|(id, _)| id).collect());
    let start = Instant::now();
    let deliveries: u64 = list.iter_from(EntryId::MIN).map(|pending| pending.deliveries).sum();
    print_cost("sweep by id, per entry", COUNT, start.elapsed());
    let start = Instant::now();
    let times = list.oldest().fold(deliveries, |sum, pending| sum ^ pending.delivered_ms);
    print_cost("sweep by age, per entry", COUNT, start.elapsed());
    black_box(times);
    let start = Instant::now();
    black_box(ids.iter().filter(|&&id| list.contains(id)).count());
    print_cost("contains, at random", COUNT, start.elapsed());

    let start = Instant::now();
    for (at, (id, delivered_ms)) in (0..).zip(delivered(COUNT)) {
        let later = EntryId::new(id.ms + COUNT, id.seq);
        list.own(later, no(at % 8), delivered_ms + COUNT, 1);
        list.remove(id);
    }
    print_cost("own at the end + remove from the front", COUNT, start.elapsed());
    let later: Vec<EntryId> = list.iter_from(EntryId::MIN).map(|pending| pending.id).collect();
    let start = Instant::now();
    for &id in &later {
        list.remove(id);
    }
    print_cost("remove from the front until empty", COUNT, start.elapsed());

    let mut list = filled(COUNT);
    let start = Instant::now();
    for (at, &id) in (0..).zip(&ids) {
        list.own(id, no(1), 1_800_000_000_000 + at, 2);
    }
    print_cost("own by another consumer, at random", COUNT, start.elapsed());
    let start = Instant::now();
    for &id in &ids[..50_000] {
        list.remove(id);
    }
    print_cost("remove at random, the first half", COUNT / 2, start.elapsed());
    println_bytes("half of them", &list);
}

#[expect(clippy::print_stdout, reason = "the figures are the point of the run")]
fn println_bytes(what: &str, list: &PendingList) {
    println!("{what:<44} {:>6.1} bytes each", bytes_per_entry(list));
}

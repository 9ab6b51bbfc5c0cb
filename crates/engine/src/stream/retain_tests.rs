//! What a retention policy removes, when, and what it must not remove.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::testing::{self, events, id, ids, lock_after};
use super::*;
use crate::{Engine, HeldStream, Locked, Overwrite};

fn len(entries: u64) -> Retention {
    Retention { len_max: Some(entries), ..Retention::default() }
}

fn age(ms: u64) -> Retention {
    Retention { age_ms: Some(ms), ..Retention::default() }
}

fn bytes(bytes: u64) -> Retention {
    Retention { bytes_max: Some(bytes), ..Retention::default() }
}

fn forced(policy: Retention) -> Retention {
    Retention { unacknowledged: Unacknowledged::Removed, ..policy }
}

fn retain(keys: &mut Locked<'_>, policy: Retention) {
    keys.stream_or_create(0, b"s").unwrap().set_retention(policy);
}

fn left(keys: &mut Locked<'_>) -> Vec<u64> {
    ids(keys.stream(0, b"s").unwrap().unwrap())
}

fn range(from: u64, to: u64) -> Vec<u64> {
    (from..=to).collect()
}

/// What is left at time 1000 of entries 1 to `last`, in nodes of 3, under a policy that was set behind
/// them, or before them unless they are too old as they come.
#[track_caller]
fn check(last: u64, policy: Retention, expect: &[u64]) {
    for is_set_before in [false, policy.age_ms.is_none()] {
        let engine = testing::engine_with_nodes_of(3);
        let mut keys = testing::lock(&engine, 1000);
        if is_set_before {
            retain(&mut keys, policy);
        }
        testing::fill(&mut keys, 1..=last);
        if !is_set_before {
            retain(&mut keys, policy);
        }
        assert_eq!(left(&mut keys), expect, "{policy:?} {is_set_before}");
    }
}

#[test]
fn whole_blocks_go_and_the_last_two_are_exact() {
    check(5, len(3), &[3, 4, 5]);
    check(6, len(1), &[6]);
    check(9, len(4), &[6, 7, 8, 9]);
    check(10, len(7), &range(4, 10));
    check(11, len(7), &range(4, 11));
    check(12, len(7), &range(4, 12));
    check(5, age(996), &[4, 5]);
    check(5, age(2), &[]);
    check(11, age(992), &range(8, 11));
    check(11, age(994), &range(4, 11));
    check(11, age(997), &range(1, 11));
    check(11, age(996), &range(4, 11));
    check(5, Retention { age_ms: Some(996), ..len(1) }, &[5]);
    check(5, Retention { age_ms: Some(995), ..len(4) }, &[5]);
}

#[test]
fn bytes_are_those_of_packed_entries() {
    let engine = testing::engine_with_nodes_of(3);
    let mut keys = testing::lock(&engine, 1000);
    testing::fill(&mut keys, 1..=3);
    let block = keys.stream(0, b"s").unwrap().unwrap().entries().packed_bytes();
    check(3, bytes(1), &range(1, 3));
    check(4, bytes(1), &[4]);
    check(9, bytes(2 * block), &range(4, 9));
    check(10, bytes(2 * block), &range(4, 10));
    check(12, bytes(2 * block + 1), &range(4, 12));
    check(12, bytes(4 * block), &range(1, 12));
    check(13, bytes(4 * block), &range(4 - 3, 13));
}

#[test]
fn what_a_group_wants_stays_unless_forced() {
    for (cursor, pending, policy, expect) in [
        (0, &[][..], len(2), range(1, 10)),
        (4, &[], len(2), range(4, 10)),
        (10, &[], len(2), vec![9, 10]),
        (10, &[8], len(2), range(8, 10)),
        (10, &[9], len(2), vec![9, 10]),
        (10, &[2], len(2), range(1, 10)),
        (0, &[], forced(len(2)), vec![9, 10]),
        (10, &[2], forced(age(1)), vec![]),
        (8, &[5], age(1), range(4, 10)),
        (9, &[8], age(1), range(8, 10)),
        (9, &[], age(1), vec![10]),
    ] {
        let engine = testing::engine_with_nodes_of(3);
        let mut keys = testing::lock(&engine, 1000);
        testing::fill(&mut keys, 1..=10);
        let mut stream = keys.stream_mut(0, b"s").unwrap().unwrap();
        testing::add_group(&mut stream, b"g", cursor, pending);
        testing::add_group(&mut stream, b"quick", 10, &[]);
        retain(&mut keys, policy);
        assert_eq!(left(&mut keys), expect, "{cursor} {pending:?} {policy:?}");
    }
}

/// Pending entries that were deleted hold nothing back.
#[test]
fn what_is_pending_and_gone_is_not_wanted() {
    let engine = testing::engine_with_nodes_of(3);
    let mut keys = testing::lock(&engine, 1000);
    testing::fill(&mut keys, 1..=12);
    let mut stream = keys.stream_mut(0, b"s").unwrap().unwrap();
    testing::add_group(&mut stream, b"g", 12, &[2, 3, 4, 5, 6, 7, 8, 9]);
    stream.delete(&[2, 3, 4, 5, 6].map(id));
    retain(&mut keys, len(1));
    assert_eq!(left(&mut keys), range(7, 12));
}

#[test]
fn it_is_told_which_group_holds_a_stream_back() {
    let engine = testing::engine_with_nodes_of(3);
    let mut keys = testing::lock(&engine, 1000);
    testing::fill(&mut keys, 1..=9);
    let mut stream = keys.stream_mut(0, b"s").unwrap().unwrap();
    testing::add_group(&mut stream, b"a", 9, &[5]);
    testing::add_group(&mut stream, b"dead", 4, &[]);
    assert_eq!(keys.held_streams().count(), 0);
    retain(&mut keys, len(9));
    assert_eq!(keys.held_streams().count(), 0);
    retain(&mut keys, len(2));
    let held = |group: &[u8], from, len| HeldStream {
        db: 0,
        key: b"s"[..].into(),
        len,
        group: group.into(),
        from: id(from),
        since_ms: 1000,
    };
    let from = EntryId::new(4, 1);
    assert_eq!(
        keys.held_streams().collect::<Vec<_>>(),
        [HeldStream { from, ..held(b"dead", 4, 5) }]
    );
    let mut keys = lock_after(keys, &engine, 1500);
    let mut stream = keys.stream_mut(0, b"s").unwrap().unwrap();
    assert!(stream.destroy_group(b"dead"));
    assert_eq!(keys.held_streams().collect::<Vec<_>>(), [held(b"a", 5, 5)]);
    let mut stream = keys.stream_mut(0, b"s").unwrap().unwrap();
    assert_eq!(stream.acknowledge(b"a", &[id(5)]), 1);
    assert_eq!((keys.held_streams().count(), keys.observe_retention(9)), (0, 0));
    let mut keys = lock_after(keys, &engine, 2000);
    assert_eq!((keys.observe_retention(9), keys.observe_retention(9)), (1, 0));
    assert_eq!(left(&mut keys), [8, 9]);
    retain(&mut keys, Retention::default());
    assert_eq!((keys.retained_streams(), keys.held_streams().count()), (0, 0));
}

#[test]
fn age_is_observed_by_time_alone() {
    let engine = testing::engine_with_nodes_of(3);
    let mut keys = testing::lock(&engine, 1);
    retain(&mut keys, age(100));
    assert_eq!(keys.observe_retention(9), 0, "nothing to wait for");
    testing::fill(&mut keys, 1..=8);
    events(&mut keys);
    for (now_ms, expect) in [(101, 1), (102, 1), (103, 1), (104, 4), (107, 7), (108, 8), (109, 9)] {
        keys = lock_after(keys, &engine, now_ms);
        keys.observe_retention(9);
        assert_eq!(keys.observe_retention(9), 0);
        assert_eq!(left(&mut keys), range(expect, 8), "{now_ms}");
    }
    testing::fill(&mut keys, 109..=109);
    keys = lock_after(keys, &engine, 210);
    assert_eq!(keys.observe_retention(9), 1);
    assert_eq!(events(&mut keys), ["xtrim"]);
    assert!(left(&mut keys).is_empty());
}

#[test]
fn a_policy_goes_where_its_stream_goes() {
    let engine = testing::engine_with_nodes_of(3);
    let mut keys = testing::lock(&engine, 1);
    retain(&mut keys, age(100));
    testing::fill(&mut keys, 1..=4);
    let policy = |keys: &mut Locked<'_>, db, key: &[u8]| {
        keys.stream(db, key).unwrap().and_then(Stream::retention)
    };
    assert!(keys.copy(0, b"s", 3, b"copy", Overwrite::Refused));
    assert_eq!(policy(&mut keys, 3, b"copy"), Some(age(100)));
    keys.rename(3, b"copy", b"name", Overwrite::Refused);
    assert_eq!((policy(&mut keys, 3, b"name"), keys.retained_streams()), (Some(age(100)), 2));
    keys.swap(3, 0);
    assert!(keys.delete(3, b"s"));
    keys = lock_after(keys, &engine, 103);
    assert_eq!(keys.observe_retention(9), 1);
    assert_eq!(ids(keys.stream(0, b"name").unwrap().unwrap()), [3, 4]);
    assert_eq!(keys.flush(0), 1);
    keys = lock_after(keys, &engine, 203);
    assert_eq!((keys.observe_retention(9), keys.retained_streams()), (0, 0));
    testing::fill(&mut keys, 1..=4);
    assert_eq!(policy(&mut keys, 0, b"s"), None);
}

#[test]
fn a_look_removes_a_bounded_number_of_blocks() {
    let engine = testing::engine_with_nodes_of(1);
    let mut keys = testing::lock(&engine, 1);
    testing::fill(&mut keys, 1..=700);
    retain(&mut keys, len(1));
    assert_eq!(left(&mut keys).len(), 700 - 256);
    assert_eq!(keys.observe_retention(9), 1);
    assert_eq!(left(&mut keys).len(), 700 - 512);
    assert_eq!((keys.observe_retention(9), keys.observe_retention(9)), (1, 0));
    assert_eq!(left(&mut keys), [700]);
}

/// What is done to a stream and its two groups.
#[derive(Clone, Debug)]
enum Step {
    Append(u64),
    Wait(u64),
    Read(bool, usize),
    Ack(bool, u64),
    Delete(u64),
    SetPolicy(Retention),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let limit = |most: u64| prop::option::of(1..most);
    let unacknowledged = prop_oneof![
        3 => Just(Unacknowledged::Kept),
        1 => Just(Unacknowledged::Removed),
    ];
    let policy = (limit(60), limit(300), limit(20), unacknowledged);
    let policy = policy.prop_map(|(age_ms, bytes_max, len_max, unacknowledged)| {
        Step::SetPolicy(Retention { age_ms, bytes_max, len_max, unacknowledged })
    });
    let step = prop_oneof![
        8 => (0..4_u64).prop_map(Step::Append),
        2 => (0..30_u64).prop_map(Step::Wait),
        4 => (any::<bool>(), 1..8_usize).prop_map(|(group, n)| Step::Read(group, n)),
        4 => (any::<bool>(), 0..8_u64).prop_map(|(group, n)| Step::Ack(group, n)),
        1 => (0..30_u64).prop_map(Step::Delete),
        1 => policy,
    ];
    prop::collection::vec(step, 1..120)
}

fn group_name(first: bool) -> &'static [u8] {
    if first { b"g" } else { b"h" }
}

fn run(keys: &mut Locked<'_>, step: &Step) {
    let now_ms = keys.now_ms();
    let mut stream = keys.stream_mut(0, b"s").unwrap().unwrap();
    match *step {
        Step::Append(behind_ms) => {
            let ms = stream.stream().last_id().ms.max(now_ms.saturating_sub(behind_ms)) + 1;
            testing::fill(keys, ms..=ms);
        }
        Step::Wait(_) => {}
        Step::Read(first, count_max) => {
            let read = GroupRead {
                group: group_name(first),
                consumer: b"c",
                count_max,
                claim_min_idle_ms: None,
                acknowledgement: Acknowledgement::Required,
            };
            stream.read_group(&read, |_| true).unwrap();
        }
        Step::Ack(first, skip) => {
            let group = stream.stream().groups().get(group_name(first)).unwrap();
            let rows = group.pending.iter_from(EntryId::MIN).skip(skip as usize % 3).take(3);
            let acked: Vec<_> = rows.map(|row| row.id).collect();
            stream.acknowledge(group_name(first), &acked);
        }
        Step::Delete(place) => {
            let there: Vec<_> = ids(stream.stream());
            if let Some(ms) = there.get(place as usize) {
                stream.delete(&[id(*ms)]);
            }
        }
        Step::SetPolicy(policy) => stream.set_retention(policy),
    }
}

/// What was removed by the policy was to be removed, and hardly anything is left that was.
fn check_step(keys: &mut Locked<'_>, before: &Stream) {
    let now_ms = keys.now_ms();
    let stream = keys.stream(0, b"s").unwrap().unwrap().clone();
    let Some(policy) = stream.retention() else { return };
    let left = ids(&stream);
    let mut all = ids(before);
    all.extend(left.iter().filter(|ms| before.last_id().ms < **ms));
    let gone: Vec<u64> = all.iter().copied().filter(|ms| !left.contains(ms)).collect();
    assert_eq!(gone, all[..gone.len()], "from the front");
    let wanted = |ms: u64| {
        policy.unacknowledged == Unacknowledged::Kept && before.groups().references(id(ms))
    };
    let is_old = |ms: u64| policy.age_ms.is_some_and(|age_ms| ms + age_ms < now_ms);
    for ms in &gone {
        assert!(!wanted(*ms), "{ms} is wanted");
        let is_excess = policy.len_max.is_some_and(|len_max| left.len() as u64 >= len_max);
        let packed_bytes = stream.entries().packed_bytes();
        let is_heavy = policy.bytes_max.is_some_and(|bytes_max| packed_bytes >= bytes_max);
        assert!(is_excess || is_heavy || is_old(*ms), "{ms} may stay");
    }
    let Some(front) = stream.entries().blocks().next() else { return };
    let holder = |ms: u64| {
        policy.unacknowledged == Unacknowledged::Kept && stream.groups().references(id(ms))
    };
    let front_ids: Vec<u64> = front.entries().map(|entry| entry.id.ms).collect();
    let was_held = stream.retained.as_ref().is_some_and(|known| known.held_since_ms.is_some());
    if front_ids.iter().any(|ms| holder(*ms)) || was_held {
        return;
    }
    let (len, live) = (stream.len(), u64::from(front.live()));
    let packed_bytes = stream.entries().packed_bytes() - front.packed_bytes();
    assert!(policy.len_max.is_none_or(|len_max| len - live < len_max), "a block too many");
    assert!(policy.bytes_max.is_none_or(|max| packed_bytes < max), "a block too many");
    let second = stream.entries().blocks().nth(1);
    assert!(second.is_none_or(|second| !is_old(second.first_id().ms)), "too old");
    if stream.entries().node_count() <= 2 {
        assert!(policy.len_max.is_none_or(|len_max| len <= len_max), "an entry too many");
        assert!(front_ids.iter().all(|ms| !is_old(*ms)), "an entry too old");
    }
}

proptest! {
    #[test]
    fn a_policy_removes_what_it_should_and_nothing_else(steps in steps()) {
        let engine: Engine = testing::engine_with_nodes_of(4);
        let mut now_ms = 100;
        let mut keys = testing::lock(&engine, now_ms);
        let mut stream = keys.stream_or_create(0, b"s").unwrap();
        testing::add_group(&mut stream, b"g", 0, &[]);
        testing::add_group(&mut stream, b"h", 0, &[]);
        for step in steps {
            // Long enough for whatever is held to be due.
            now_ms += if let Step::Wait(ms) = step { 1000 + ms } else { 1 };
            keys = lock_after(keys, &engine, now_ms);
            let before = keys.stream(0, b"s").unwrap().unwrap().clone();
            run(&mut keys, &step);
            keys.observe_retention(9);
            if matches!(step, Step::Wait(_) | Step::Append(_) | Step::SetPolicy(_)) {
                check_step(&mut keys, &before);
            }
        }
    }
}

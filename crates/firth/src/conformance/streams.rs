//! Adding, ranges, trimming, deleting, information.

use std::sync::Arc;

use bytes::Bytes;

use super::{Bench, cases, numbered, numbers};
use crate::backend::{
    Append, Attempt, Exactness, Feature, Fields, Inspected, Inspection, Keep, NewId, Order,
    Outcome, Range, Read, Retention, SetValue, Start, Trim, When, Write,
};
use crate::{EntryId, Error, Refusal};

cases![
    entries_come_back_as_they_were_added,
    ranges_have_two_directions_and_a_limit,
    explicit_ids_must_ascend,
    an_entry_needs_a_field,
    trimming_by_count,
    trimming_by_id,
    an_approximate_trim_keeps_what_should_stay,
    an_append_makes_room,
    deleted_entries_are_gone,
    an_absent_stream_is_empty,
    information_counts_entries_and_groups,
    another_type_is_refused,
    a_repeated_append_is_recognized,
    a_policy_lets_old_entries_go,
    a_policy_spares_what_a_group_wants,
];

async fn entries_come_back_as_they_were_added(bench: Bench) {
    let stream = bench.key("s");
    let binary: &'static [u8] = b"\0\xff\r\n";
    let fields = Fields::from([
        ("a", Bytes::from_static(b"1")),
        ("", Bytes::from_static(b"no name")),
        ("a", Bytes::new()),
        ("binary", Bytes::from_static(binary)),
    ]);
    let write = Write::Append(Append::new(Arc::clone(&stream), fields.clone()));
    let Ok(Outcome::Appended(id)) = bench.write(write).await else { panic!("not appended") };
    let large = Fields::from([(Bytes::from_static(binary), Bytes::from(vec![7; 300_000]))]);
    let write = Write::Append(Append::new(Arc::clone(&stream), large.clone()));
    let Ok(Outcome::Appended(next)) = bench.write(write).await else { panic!("not appended") };
    assert!(id < next);
    let entries = bench.all(&stream).await;
    assert_eq!((entries[0].id, &entries[0].fields), (id, &fields));
    assert_eq!((entries[1].id, &entries[1].fields), (next, &large));
    assert_eq!(entries[0].fields.text("a"), Some("1"));
}

async fn ranges_have_two_directions_and_a_limit(bench: Bench) {
    let stream = bench.key("s");
    let ids = bench.fill(&stream, 5).await;
    let check = async |from, to, order, limit, expect| {
        let range = Range { stream: Arc::clone(&stream), from, to, order, limit };
        let entries = bench.backend.range(range).await.unwrap();
        assert_eq!(numbers(&entries), expect);
    };
    check(EntryId::MIN, EntryId::MAX, Order::Forward, 9, "0 1 2 3 4").await;
    check(EntryId::MIN, EntryId::MAX, Order::Backward, 9, "4 3 2 1 0").await;
    check(EntryId::MIN, EntryId::MAX, Order::Forward, 2, "0 1").await;
    check(EntryId::MIN, EntryId::MAX, Order::Backward, 2, "4 3").await;
    check(ids[1], ids[3], Order::Forward, 9, "1 2 3").await;
    check(ids[1], ids[3], Order::Backward, 9, "3 2 1").await;
    check(ids[1].next().unwrap(), ids[3].prev().unwrap(), Order::Forward, 9, "2").await;
    check(ids[3], ids[1], Order::Forward, 9, "").await;
    check(EntryId::MIN, EntryId::MAX, Order::Forward, 0, "").await;
}

async fn explicit_ids_must_ascend(bench: Bench) {
    let stream = bench.key("s");
    let append = async |ms, seq| {
        let id = NewId::Explicit(EntryId::new(ms, seq));
        bench.write(Write::Append(Append { id, ..numbered(&stream, 0) })).await
    };
    let is_refused = |answer: Result<Outcome, Error>| {
        matches!(answer, Err(Error::Refused(Refusal::IdNotGreater)))
    };
    assert!(is_refused(append(0, 0).await));
    assert_eq!(append(5, 3).await.unwrap(), Outcome::Appended(EntryId::new(5, 3)));
    assert!(is_refused(append(5, 3).await));
    assert!(is_refused(append(4, 9).await));
    assert_eq!(append(5, 4).await.unwrap(), Outcome::Appended(EntryId::new(5, 4)));
    assert_eq!(bench.all(&stream).await.len(), 2);
}

async fn an_entry_needs_a_field(bench: Bench) {
    let write = Write::Append(Append::new(bench.key("s"), Fields::new()));
    let answer = bench.write(write).await;
    assert!(matches!(answer, Err(Error::Refused(Refusal::Malformed(_)))), "{answer:?}");
}

async fn trim(bench: &Bench, stream: &Arc<str>, keep: Keep, exactness: Exactness) -> u64 {
    let write = Write::Trim { stream: Arc::clone(stream), trim: Trim { keep, exactness } };
    match bench.write(write).await.unwrap() {
        Outcome::Count(count) => count,
        other => panic!("{other:?}"),
    }
}

async fn trimming_by_count(bench: Bench) {
    let stream = bench.key("s");
    bench.fill(&stream, 5).await;
    assert_eq!(trim(&bench, &stream, Keep::Newest(7), Exactness::Exact).await, 0);
    assert_eq!(trim(&bench, &stream, Keep::Newest(2), Exactness::Exact).await, 3);
    assert_eq!(numbers(&bench.all(&stream).await), "3 4");
    assert_eq!(trim(&bench, &stream, Keep::Newest(0), Exactness::Exact).await, 2);
    let info = bench.backend.stream_info(stream).await.unwrap().unwrap();
    assert_eq!((info.len, info.entries_added), (0, 5));
}

async fn trimming_by_id(bench: Bench) {
    let stream = bench.key("s");
    let ids = bench.fill(&stream, 5).await;
    assert_eq!(trim(&bench, &stream, Keep::From(ids[2]), Exactness::Exact).await, 2);
    assert_eq!(numbers(&bench.all(&stream).await), "2 3 4");
}

async fn an_approximate_trim_keeps_what_should_stay(bench: Bench) {
    let stream = bench.key("s");
    bench.fill(&stream, 250).await;
    let gone = trim(&bench, &stream, Keep::Newest(50), Exactness::Approximate).await;
    let left = bench.all(&stream).await.len();
    assert!(left >= 50, "{left} are left");
    assert_eq!(gone, 250 - left as u64);
}

async fn an_append_makes_room(bench: Bench) {
    let stream = bench.key("s");
    bench.fill(&stream, 5).await;
    let trim = Trim { keep: Keep::Newest(2), exactness: Exactness::Exact };
    let append = Append { trim: Some(trim), ..numbered(&stream, 5) };
    bench.write(Write::Append(append)).await.unwrap();
    assert_eq!(numbers(&bench.all(&stream).await), "4 5");
}

async fn deleted_entries_are_gone(bench: Bench) {
    let stream = bench.key("s");
    let ids = bench.fill(&stream, 4).await;
    let delete = async |ids: &[EntryId]| {
        let write = Write::Delete { stream: Arc::clone(&stream), ids: ids.to_vec() };
        bench.write(write).await.unwrap()
    };
    assert_eq!(delete(&[]).await, Outcome::Count(0));
    assert_eq!(delete(&[ids[1], ids[3], EntryId::MAX]).await, Outcome::Count(2));
    assert_eq!(delete(&[ids[1]]).await, Outcome::Count(0));
    assert_eq!(numbers(&bench.all(&stream).await), "0 2");
}

async fn an_absent_stream_is_empty(bench: Bench) {
    let stream = bench.key("s");
    assert!(bench.all(&stream).await.is_empty());
    assert_eq!(bench.backend.stream_info(Arc::clone(&stream)).await.unwrap(), None);
    assert_eq!(trim(&bench, &stream, Keep::Newest(0), Exactness::Exact).await, 0);
    let write = Write::Delete { stream: Arc::clone(&stream), ids: vec![EntryId::new(1, 1)] };
    assert_eq!(bench.write(write).await.unwrap(), Outcome::Count(0));
    let read = Read { streams: vec![(Arc::clone(&stream), EntryId::MIN)], limit: 10, wait: None };
    assert!(bench.backend.read(read).await.unwrap().is_empty());
    let (group, ids) = ("g".into(), vec![EntryId::new(1, 1)]);
    let write = Write::Acknowledge { stream: Arc::clone(&stream), group, ids };
    assert_eq!(bench.write(write).await.unwrap(), Outcome::Count(0));
    assert_eq!(bench.backend.stream_info(stream).await.unwrap(), None);
}

async fn information_counts_entries_and_groups(bench: Bench) {
    let stream = bench.key("s");
    let ids = bench.fill(&stream, 3).await;
    bench.create_group(&stream, "late", Start::End).await;
    bench.create_group(&stream, "early", Start::Beginning).await;
    let delete = Write::Delete { stream: Arc::clone(&stream), ids: vec![ids[2]] };
    bench.write(delete).await.unwrap();
    let info = bench.backend.stream_info(stream).await.unwrap().unwrap();
    assert_eq!((info.len, info.entries_added, info.last_id), (2, 3, ids[2]));
    assert_eq!(numbers(&[info.first.unwrap(), info.last.unwrap()]), "0 1");
    let names: Vec<&str> = info.groups.iter().map(|group| &*group.name).collect();
    assert_eq!(names, ["early", "late"]);
    assert_eq!(info.groups[1].last_delivered, ids[2]);
}

async fn another_type_is_refused(bench: Bench) {
    let key = bench.key("value");
    let value = SetValue {
        key: Arc::clone(&key),
        value: Bytes::from_static(b"v"),
        expires_in: None,
        when: When::Always,
    };
    bench.write(Write::Set(value)).await.unwrap();
    let answer = bench.write(Write::Append(numbered(&key, 0))).await;
    assert!(matches!(answer, Err(Error::Refused(Refusal::WrongType))), "{answer:?}");
    let stream = bench.key("s");
    bench.append(&stream, 0).await;
    let answer = bench.backend.value(stream).await;
    assert!(matches!(answer, Err(Error::Refused(Refusal::WrongType))), "{answer:?}");
}

async fn a_repeated_append_is_recognized(bench: Bench) {
    let stream = bench.key("s");
    let append = async |n, name: &str| {
        let attempt = Some(Attempt { producer: "p".into(), name: name.into() });
        bench.write(Write::Append(Append { attempt, ..numbered(&stream, n) })).await
    };
    let first = append(0, "a").await;
    if !bench.backend.features().has(Feature::IdempotentAppend) {
        assert!(matches!(first, Err(Error::Unsupported { .. })), "{first:?}");
        return;
    }
    let first = first.unwrap();
    assert_eq!(append(1, "a").await.unwrap(), first);
    assert_ne!(append(2, "b").await.unwrap(), first);
    assert_eq!(numbers(&bench.all(&stream).await), "0 2");
}

async fn retain(bench: &Bench, stream: &Arc<str>, retention: Retention) -> Result<Outcome, Error> {
    bench.write(Write::Retain { stream: Arc::clone(stream), retention }).await
}

async fn retention(bench: &Bench, stream: &Arc<str>) -> Option<Retention> {
    let inspection = Inspection::Retention(Arc::clone(stream));
    match bench.backend.inspect(inspection).await.unwrap() {
        Inspected::Retention(retention) => retention,
        other => panic!("{other:?}"),
    }
}

/// Says whether the backend retains by policies; if not, it must say so when it is asked to.
async fn retains(bench: &Bench, stream: &Arc<str>) -> bool {
    let feature = Feature::Retention;
    if bench.backend.features().has(feature) {
        return true;
    }
    let answer = retain(bench, stream, Retention::unlimited().entries(1)).await;
    assert!(matches!(answer, Err(Error::Unsupported { feature: of, .. }) if of == feature));
    assert_eq!(bench.backend.stream_info(Arc::clone(stream)).await.unwrap(), None);
    false
}

async fn a_policy_lets_old_entries_go(bench: Bench) {
    let stream = bench.key("s");
    if !retains(&bench, &stream).await {
        return;
    }
    let policy = Retention::unlimited().entries(3).bytes(1 << 40).even_unacknowledged();
    assert_eq!(retain(&bench, &stream, policy).await.unwrap(), Outcome::Set);
    assert_eq!(retention(&bench, &stream).await, Some(policy));
    bench.fill(&stream, 5).await;
    assert_eq!(numbers(&bench.all(&stream).await), "2 3 4");
    // What is not named of the new policy is not kept of the old one.
    let aged = Retention::unlimited().age(std::time::Duration::from_millis(1));
    retain(&bench, &stream, aged).await.unwrap();
    assert_eq!(retention(&bench, &stream).await, Some(aged));
    let mut left = 3;
    while left > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        left = bench.all(&stream).await.len();
    }
    retain(&bench, &stream, Retention::unlimited()).await.unwrap();
    assert_eq!(retention(&bench, &stream).await, None);
    bench.fill(&stream, 5).await;
    assert_eq!(bench.all(&stream).await.len(), 5);
}

async fn a_policy_spares_what_a_group_wants(bench: Bench) {
    let stream = bench.key("s");
    if !retains(&bench, &stream).await {
        return;
    }
    bench.create_group(&stream, "g", Start::Beginning).await;
    let policy = Retention::unlimited().entries(1);
    retain(&bench, &stream, policy).await.unwrap();
    bench.fill(&stream, 4).await;
    assert_eq!(numbers(&bench.all(&stream).await), "0 1 2 3");
    retain(&bench, &stream, policy.even_unacknowledged()).await.unwrap();
    assert_eq!(numbers(&bench.all(&stream).await), "3");
}

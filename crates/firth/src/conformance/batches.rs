//! Batches, their conditions, and values.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;

use super::{Bench, cases, numbered, numbers};
use crate::backend::{
    Append, Batch, Condition, Feature, GroupRead, NewId, Outcome, SetValue, Start, When, Write,
};
use crate::{EntryId, Error, Refusal};

cases![
    a_batch_answers_for_each_write,
    a_batch_needs_a_write,
    a_refused_write_stops_no_other,
    a_batch_depends_on_the_last_id,
    a_batch_depends_on_a_value,
    a_failed_condition_leaves_no_trace,
    conditions_let_nobody_overwrite_another,
    an_entry_moves_in_one_step,
    keys_that_live_apart,
    values_are_set_and_removed,
    a_value_may_be_set_once,
    a_value_expires,
];

fn set(key: &Arc<str>, value: &str) -> SetValue {
    SetValue {
        key: Arc::clone(key),
        value: Bytes::copy_from_slice(value.as_bytes()),
        expires_in: None,
        when: When::Always,
    }
}

async fn value(bench: &Bench, key: &Arc<str>) -> Option<String> {
    let value = bench.backend.value(Arc::clone(key)).await.unwrap();
    value.map(|value| String::from_utf8(value.to_vec()).unwrap())
}

async fn a_batch_answers_for_each_write(bench: Bench) {
    let (stream, key) = (bench.key("s"), bench.key("k"));
    let first = bench.append(&stream, 0).await;
    let batch = Batch::of(Write::Set(set(&key, "v")))
        .and(Write::Delete { stream: Arc::clone(&stream), ids: vec![first] })
        .and(Write::Delete { stream: Arc::clone(&stream), ids: Vec::new() })
        .and(Write::Append(numbered(&stream, 1)))
        .and(Write::Set(SetValue { when: When::Absent, ..set(&key, "w") }))
        .and(Write::Remove { key: Arc::clone(&key) });
    let outcomes = bench.backend.write(batch).await.unwrap();
    let added = bench.all(&stream).await[0].id;
    assert_eq!(
        outcomes,
        [
            Outcome::Set,
            Outcome::Count(1),
            Outcome::Count(0),
            Outcome::Appended(added),
            Outcome::NotSet,
            Outcome::Count(1),
        ]
    );
}

async fn a_batch_needs_a_write(bench: Bench) {
    let answer = bench.backend.write(Batch::default()).await;
    assert!(matches!(answer, Err(Error::Refused(Refusal::Malformed(_)))), "{answer:?}");
}

async fn a_refused_write_stops_no_other(bench: Bench) {
    let stream = bench.key("s");
    let refused = Append { id: NewId::Explicit(EntryId::MIN), ..numbered(&stream, 1) };
    let batch = Batch::of(Write::Append(numbered(&stream, 0)))
        .and(Write::Append(refused))
        .and(Write::Append(numbered(&stream, 2)));
    let answer = bench.backend.write(batch).await;
    assert!(matches!(answer, Err(Error::Refused(Refusal::IdNotGreater))), "{answer:?}");
    assert_eq!(numbers(&bench.all(&stream).await), "0 2");
}

async fn a_batch_depends_on_the_last_id(bench: Bench) {
    let stream = bench.key("s");
    let append = async |after, n| {
        let condition = Condition::LastId { stream: Arc::clone(&stream), id: after };
        let batch = Batch::of(Write::Append(numbered(&stream, n))).only_if(condition);
        bench.backend.write(batch).await
    };
    let first = append(EntryId::MIN, 0).await.unwrap()[0];
    let Outcome::Appended(first) = first else { panic!("{first:?}") };
    let answer = append(EntryId::MIN, 1).await;
    let expect = Refusal::Conflict { key: Arc::clone(&stream) };
    assert_eq!(answer.unwrap_err().refusal(), Some(&expect));
    append(first, 2).await.unwrap();
    // The last id stays when the entry goes.
    let entries = bench.all(&stream).await;
    let delete = Write::Delete { stream: Arc::clone(&stream), ids: vec![entries[1].id] };
    bench.write(delete).await.unwrap();
    assert!(append(first, 3).await.is_err());
    append(entries[1].id, 4).await.unwrap();
    assert_eq!(numbers(&bench.all(&stream).await), "0 4");
}

async fn a_batch_depends_on_a_value(bench: Bench) {
    let key = bench.key("k");
    let change = async |from: Option<&'static str>, to| {
        let value = from.map(|text| Bytes::from_static(text.as_bytes()));
        let condition = Condition::Value { key: Arc::clone(&key), value };
        bench.backend.write(Batch::of(Write::Set(set(&key, to))).only_if(condition)).await
    };
    assert!(change(Some("a"), "b").await.is_err());
    change(None, "a").await.unwrap();
    assert!(change(None, "b").await.is_err());
    assert!(change(Some("b"), "c").await.is_err());
    change(Some("a"), "b").await.unwrap();
    assert_eq!(value(&bench, &key).await.as_deref(), Some("b"));
}

async fn a_failed_condition_leaves_no_trace(bench: Bench) {
    let (stream, key) = (bench.key("s"), bench.key("k"));
    let holds = Condition::LastId { stream: Arc::clone(&stream), id: EntryId::MIN };
    let fails =
        Condition::Value { key: Arc::clone(&key), value: Some(Bytes::from_static(b"other")) };
    let batch = Batch::of(Write::Append(numbered(&stream, 0)))
        .and(Write::Set(set(&key, "v")))
        .only_if(holds)
        .only_if(fails);
    let error = bench.backend.write(batch).await.unwrap_err();
    assert_eq!(error.refusal(), Some(&Refusal::Conflict { key: Arc::clone(&key) }));
    assert_eq!(value(&bench, &key).await, None);
    assert_eq!(bench.backend.stream_info(stream).await.unwrap(), None);
}

async fn conditions_let_nobody_overwrite_another(bench: Bench) {
    let key = bench.key("k");
    let count_up = async || loop {
        let before = bench.backend.value(Arc::clone(&key)).await.unwrap();
        let text = before.as_ref().map_or("0", |value| std::str::from_utf8(value).unwrap());
        let next = (text.parse::<u32>().unwrap() + 1).to_string();
        let condition = Condition::Value { key: Arc::clone(&key), value: before };
        let batch = Batch::of(Write::Set(set(&key, &next))).only_if(condition);
        match bench.backend.write(batch).await {
            Ok(_) => return,
            Err(Error::Refused(Refusal::Conflict { .. })) => {}
            Err(error) => panic!("{error}"),
        }
    };
    join_all((0..8).map(async |_| {
        for _ in 0..5 {
            count_up().await;
        }
    }))
    .await;
    assert_eq!(value(&bench, &key).await.as_deref(), Some("40"));
}

async fn an_entry_moves_in_one_step(bench: Bench) {
    let (stream, dead) = (bench.key("s"), bench.key("dead"));
    let id = bench.append(&stream, 0).await;
    bench.create_group(&stream, "g", Start::Beginning).await;
    let (group, consumer): (Arc<str>, _) = ("g".into(), "c".into());
    let (stream_, group_) = (Arc::clone(&stream), Arc::clone(&group));
    let read = GroupRead { stream: stream_, group: group_, consumer, limit: 1, wait: None };
    bench.backend.read_group(read).await.unwrap();
    let batch = Batch::of(Write::Append(numbered(&dead, 7))).and(Write::Acknowledge {
        stream: Arc::clone(&stream),
        group,
        ids: vec![id],
    });
    let outcomes = bench.backend.write(batch).await.unwrap();
    assert!(matches!(outcomes[..], [Outcome::Appended(_), Outcome::Count(1)]), "{outcomes:?}");
    let info = bench.backend.stream_info(stream).await.unwrap().unwrap();
    assert_eq!(info.groups[0].pending, 0);
    assert_eq!(numbers(&bench.all(&dead).await), "7");
}

async fn keys_that_live_apart(bench: Bench) {
    // Other hash tags: a, b and c have slots on three different nodes of a Cluster of three.
    let keys: Vec<Arc<str>> =
        ["a", "b", "c"].map(|tag| format!("{{{tag}}}{}", bench.prefix).into()).to_vec();
    let mut batch = Batch::default();
    for key in &keys {
        batch = batch.and(Write::Set(set(key, "v")));
    }
    let answer = bench.backend.write(batch).await;
    if bench.backend.features().has(Feature::AtomicAcrossKeys) {
        assert_eq!(answer.unwrap(), [Outcome::Set; 3]);
    } else {
        assert!(matches!(answer, Err(Error::Refused(Refusal::CrossSlot))), "{answer:?}");
    }
    for key in keys {
        bench.write(Write::Set(set(&key, "w"))).await.unwrap();
        assert_eq!(value(&bench, &key).await.as_deref(), Some("w"));
        bench.write(Write::Remove { key }).await.unwrap();
    }
}

async fn values_are_set_and_removed(bench: Bench) {
    let key = bench.key("k");
    assert_eq!(value(&bench, &key).await, None);
    assert_eq!(bench.write(Write::Set(set(&key, "1"))).await.unwrap(), Outcome::Set);
    assert_eq!(value(&bench, &key).await.as_deref(), Some("1"));
    assert_eq!(bench.write(Write::Set(set(&key, ""))).await.unwrap(), Outcome::Set);
    assert_eq!(value(&bench, &key).await.as_deref(), Some(""));
    let remove = || Write::Remove { key: Arc::clone(&key) };
    assert_eq!(bench.write(remove()).await.unwrap(), Outcome::Count(1));
    assert_eq!(bench.write(remove()).await.unwrap(), Outcome::Count(0));
    assert_eq!(value(&bench, &key).await, None);
}

async fn a_value_may_be_set_once(bench: Bench) {
    let key = bench.key("k");
    let once = |value| Write::Set(SetValue { when: When::Absent, ..set(&key, value) });
    assert_eq!(bench.write(once("1")).await.unwrap(), Outcome::Set);
    assert_eq!(bench.write(once("2")).await.unwrap(), Outcome::NotSet);
    assert_eq!(value(&bench, &key).await.as_deref(), Some("1"));
}

async fn a_value_expires(bench: Bench) {
    let key = bench.key("k");
    let soon = Some(Duration::from_millis(1));
    bench.write(Write::Set(SetValue { expires_in: soon, ..set(&key, "v") })).await.unwrap();
    while value(&bench, &key).await.is_some() {
        tokio::task::yield_now().await;
    }
    let late = Some(Duration::from_secs(1000));
    bench.write(Write::Set(SetValue { expires_in: late, ..set(&key, "w") })).await.unwrap();
    assert_eq!(value(&bench, &key).await.as_deref(), Some("w"));
}

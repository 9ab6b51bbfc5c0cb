//! Streams of typed values.

use std::ops::Bound::{Excluded, Unbounded};

use firth::backend::{Feature, Fields};
use firth::{Broker, EntryId, Error, Item, Refusal, Stream, TailStart, approx, exact};
use futures_util::StreamExt as _;
use futures_util::future::join;
use serde::{Deserialize, Serialize};

use crate::{Bench, cases};

cases![
    values_come_back,
    flat_fields_are_those_of_others,
    what_cannot_be_read_is_handed_over,
    ranges,
    trimming,
    a_tail_follows,
    a_tail_from_the_end_sees_what_comes,
    several_values_in_one_step,
    an_append_can_be_repeated,
    a_closed_broker_ends_a_tail,
];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Purchase {
    user_id: String,
    amount: f64,
    gift: Option<bool>,
}

fn purchase(n: u32) -> Purchase {
    Purchase { user_id: n.to_string(), amount: f64::from(n) + 0.5, gift: None }
}

async fn fill(stream: &Stream<Purchase>, count: u32) -> Vec<EntryId> {
    let values: Vec<Purchase> = (0..count).map(purchase).collect();
    stream.append_all(&values).await.unwrap()
}

fn users<T>(items: &[Item<T>], user: impl Fn(&T) -> String) -> String {
    let users = items.iter().map(|item| item.value.as_ref().map_or("?".to_owned(), &user));
    users.collect::<Vec<_>>().join(" ")
}

async fn values_come_back(bench: Bench) {
    let broker = &bench.broker;
    let stream = broker.stream::<Purchase>(bench.name("json"));
    let id = stream.append(&purchase(1)).await.unwrap();
    let item = Item { id, value: Ok(purchase(1)) };
    assert_eq!(stream.range(..).await.unwrap(), [item]);
    let raw = broker.raw_stream(bench.name("json")).range(..).await.unwrap();
    let fields = raw[0].value.as_ref().unwrap();
    assert_eq!(fields.text("payload"), Some(r#"{"userId":"1","amount":1.5,"gift":null}"#));
    assert_eq!(stream.length().await.unwrap(), 1);
    let next = EntryId::new(id.ms + 1, 7);
    assert_eq!(stream.append(&purchase(2)).id(next).await.unwrap(), next);
    let error = stream.append(&purchase(2)).id(next).await.unwrap_err();
    assert_eq!(error.refusal(), Some(&Refusal::IdNotGreater));
}

async fn flat_fields_are_those_of_others(bench: Bench) {
    let broker = &bench.broker;
    let raw = broker.raw_stream(bench.name("flat"));
    let fields = Fields::from([("type", "purchase"), ("userId", "123"), ("amount", "99.99")]);
    raw.append(&fields).await.unwrap();
    let stream = broker.stream::<Purchase>(bench.name("flat")).flat();
    stream.append(&purchase(1)).await.unwrap();
    let items = stream.range(..).await.unwrap();
    let first = Purchase { user_id: "123".into(), amount: 99.99, gift: None };
    assert_eq!(items[0].value.as_ref().unwrap(), &first);
    assert_eq!(items[1].value.as_ref().unwrap(), &purchase(1));
    let written = raw.range(items[1].id..).await.unwrap();
    let fields = Fields::from([("userId", "1"), ("amount", "1.5")]);
    let mut found: Vec<_> = written[0].value.as_ref().unwrap().iter().cloned().collect();
    let mut expect: Vec<_> = fields.into_iter().collect();
    found.sort();
    expect.sort();
    assert_eq!(found, expect);
}

async fn what_cannot_be_read_is_handed_over(bench: Bench) {
    let broker = &bench.broker;
    let stream = broker.stream::<Purchase>(bench.name("mixed"));
    stream.append(&purchase(0)).await.unwrap();
    let fields = Fields::from([("payload", "not json")]);
    broker.raw_stream(bench.name("mixed")).append(&fields).await.unwrap();
    stream.append(&purchase(2)).await.unwrap();
    let items = stream.range(..).await.unwrap();
    assert_eq!(users(&items, |value| value.user_id.clone()), "0 ? 2");
    assert_eq!(items[1].value.as_ref().unwrap_err().fields, fields);
    let tail: Vec<_> = stream.tail(TailStart::Beginning).take(3).collect().await;
    assert!(tail.iter().all(Result::is_ok));
}

async fn ranges(bench: Bench) {
    let broker = &bench.broker;
    let stream = broker.stream::<Purchase>(bench.name("ranges"));
    let ids = fill(&stream, 5).await;
    let user = |value: &Purchase| value.user_id.clone();
    assert_eq!(users(&stream.range(ids[1]..ids[3]).await.unwrap(), user), "1 2");
    assert_eq!(users(&stream.range(ids[1]..=ids[3]).limit(2).await.unwrap(), user), "1 2");
    assert_eq!(users(&stream.range(..).backward().limit(2).await.unwrap(), user), "4 3");
    let behind = stream.range((Excluded(ids[2]), Unbounded)).await.unwrap();
    assert_eq!(users(&behind, user), "3 4");
    assert!(stream.range((Excluded(EntryId::MAX), Unbounded)).await.unwrap().is_empty());
    for limit in [1, 2, 5, 100] {
        let all: Vec<_> = stream.range(..).limit(limit).all().collect().await;
        let all: Vec<Item<Purchase>> = all.into_iter().map(Result::unwrap).collect();
        assert_eq!(users(&all, user), "0 1 2 3 4");
        let all: Vec<_> = stream.range(..=ids[3]).backward().limit(limit).all().collect().await;
        let all: Vec<Item<Purchase>> = all.into_iter().map(Result::unwrap).collect();
        assert_eq!(users(&all, user), "3 2 1 0");
    }
}

async fn trimming(bench: Bench) {
    let broker = &bench.broker;
    let stream = broker.stream::<Purchase>(bench.name("trimming"));
    let ids = fill(&stream, 10).await;
    stream.append(&purchase(10)).maxlen(exact(9)).await.unwrap();
    assert_eq!(stream.length().await.unwrap(), 9);
    assert_eq!(stream.trim_before(exact(ids[5])).await.unwrap(), 3);
    assert_eq!(stream.trim_to_len(exact(4)).await.unwrap(), 2);
    assert!(stream.trim_to_len(approx(2)).await.unwrap() <= 2);
    assert_eq!(stream.delete([ids[9], ids[0]]).await.unwrap(), 1);
    let info = stream.info().await.unwrap().unwrap();
    assert_eq!(info.entries_added, 11);
}

async fn a_tail_follows(bench: Bench) {
    let broker = &bench.broker;
    let stream = broker.stream::<Purchase>(bench.name("tail"));
    let ids = fill(&stream, 3).await;
    let mut tail = stream.tail(TailStart::After(ids[0]));
    for n in [1, 2] {
        assert_eq!(tail.next().await.unwrap().unwrap().value, Ok(purchase(n)));
    }
    for n in 3..6 {
        let (item, _) = join(tail.next(), stream.append(&purchase(n)).into_future()).await;
        assert_eq!(item.unwrap().unwrap().value, Ok(purchase(n)));
    }
}

async fn a_tail_from_the_end_sees_what_comes(bench: Bench) {
    let broker = &bench.broker;
    let stream = broker.stream::<Purchase>(bench.name("end"));
    fill(&stream, 3).await;
    let mut tail = stream.tail(TailStart::End);
    let appending = async {
        loop {
            stream.append(&purchase(9)).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let item = tokio::select! {
        item = tail.next() => item,
        () = appending => None,
    };
    assert_eq!(item.unwrap().unwrap().value, Ok(purchase(9)));
}

async fn several_values_in_one_step(bench: Bench) {
    let broker = &bench.broker;
    let stream = broker.stream::<Purchase>(bench.name("several"));
    assert_eq!(stream.append_all(&[]).await.unwrap(), []);
    let ids = fill(&stream, 3).await;
    assert!(ids.is_sorted());
    assert_eq!(stream.length().await.unwrap(), 3);
}

async fn an_append_can_be_repeated(bench: Bench) {
    let broker = &bench.broker;
    let stream = broker.stream::<Purchase>(bench.name("once"));
    let first = stream.append(&purchase(1)).once("till", "receipt-1").await;
    if !broker.features().has(Feature::IdempotentAppend) {
        assert!(matches!(first, Err(Error::Unsupported { .. })));
        return;
    }
    let again = stream.append(&purchase(1)).once("till", "receipt-1").await;
    assert_eq!(first.unwrap(), again.unwrap());
}

async fn a_closed_broker_ends_a_tail(bench: Bench) {
    let broker = &match bench.is_shared() {
        true => bench.another().await,
        false => Broker::connect("memory:").await.unwrap(),
    };
    let mut tail = broker.stream::<Purchase>(bench.name("closing")).tail(TailStart::Beginning);
    let (item, ()) = join(tail.next(), broker.close()).await;
    assert!(matches!(item, Some(Err(Error::Closed))));
    assert!(tail.next().await.is_none());
}

//! The event store.

use std::collections::BTreeMap;
use std::future::IntoFuture as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use firth::backend::{Append, Batch, Exactness, Fields, Keep, Trim, Write};
use firth::event_store::{
    AppendError, Appended, EventStore, Expected, NewEvent, ProjectionError, ReadError, Saved,
    Snapshot, StoredEvent,
};
use firth::{Broker, EntryId, Error};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::document::{Script, reads_as_arrays};
use crate::faulty::{Faulty, Writes};
use crate::server::{Kind, Server};
use crate::{Bench, cases};

cases![
    an_aggregate_must_be_as_expected,
    events_of_an_aggregate_come_in_order,
    long_histories_come_whole,
    appends_to_the_stream_alone_are_found,
    a_stream_that_was_there_before_is_taken_over,
    strange_entries_stop_nothing,
    one_of_many_wins,
    nothing_is_lost_among_many_writers,
    writers_that_go_away_leave_nothing_halfway,
    lost_answers_append_nothing_twice,
    an_append_of_nothing_only_looks,
    trimmed_events_are_missed,
    deleted_events_do_not_stop_the_next,
    reading_costs_what_is_returned,
    metadata_is_kept,
    events_are_followed,
    a_projection_handles_all_in_order,
    a_projection_stops_at_what_it_cannot_handle,
    a_projection_runs_once,
    snapshots_spare_reading,
];

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
enum Account {
    Opened,
    Deposited { amount: i64 },
}

fn deposit(amount: i64) -> [Account; 1] {
    [Account::Deposited { amount }]
}

fn amounts(events: &[StoredEvent]) -> Vec<i64> {
    let amount = |event: &StoredEvent| match event.decode().unwrap() {
        Account::Opened => 0,
        Account::Deposited { amount } => amount,
    };
    events.iter().map(amount).collect()
}

/// Appends as the document's class does.
async fn foreign(bench: &Bench, store: &EventStore, aggregate: &str, amount: i64) {
    let fields = Fields::from([
        ("type", "Deposited".to_owned()),
        ("aggregateId", aggregate.to_owned()),
        ("data", json!({ "amount": amount }).to_string()),
        ("metadata", "{}".to_owned()),
        ("timestamp", "1703001234567".to_owned()),
    ]);
    let write = Write::Append(Append::new(Arc::clone(store.stream()), fields));
    bench.broker.backend().write(Batch::of(write)).await.unwrap();
}

/// All events of the store must be found by aggregate, and no others, each version once.
async fn check_index(store: &EventStore) -> BTreeMap<Arc<str>, Vec<EntryId>> {
    let mut expect = BTreeMap::<Arc<str>, Vec<EntryId>>::new();
    for event in store.since(EntryId::MIN).limit(100_000).await.unwrap() {
        expect.entry(event.aggregate).or_default().push(event.id);
    }
    for (aggregate, ids) in &expect {
        let events = store.by_aggregate(aggregate).await.unwrap();
        assert_eq!(events.iter().map(|event| event.id).collect::<Vec<_>>(), *ids);
        let versions = events.iter().map(|event| event.version.unwrap());
        assert!(versions.eq(1..=ids.len() as u64));
        assert!(events.iter().all(|event| event.aggregate == *aggregate));
    }
    expect
}

async fn an_aggregate_must_be_as_expected(bench: Bench) {
    let store = bench.broker.event_store(&bench.name("s"));
    let mut version = 0;
    for (expected, is_allowed) in [
        (Expected::Version(1), false),
        (Expected::New, true),
        (Expected::New, false),
        (Expected::Version(0), false),
        (Expected::Version(1), true),
        (Expected::Version(1), false),
        (Expected::Any, true),
        (Expected::Version(4), false),
    ] {
        match (store.append("a", expected, &deposit(1)).await, is_allowed) {
            (Ok(appended), true) => {
                version += 1;
                assert_eq!((appended.version, appended.ids.len()), (version, 1));
            }
            (Err(AppendError::Conflict { aggregate, actual, .. }), false) => {
                assert_eq!((&*aggregate, actual), ("a", version));
            }
            (answer, _) => panic!("{expected:?}: {answer:?}"),
        }
    }
    assert_eq!(store.append("b", Expected::New, &deposit(1)).await.unwrap().version, 1);
    check_index(&store).await;
}

async fn events_of_an_aggregate_come_in_order(bench: Bench) {
    let store = bench.broker.event_store(&bench.name("s"));
    for n in 0..10 {
        let events = [Account::Deposited { amount: n }, Account::Deposited { amount: -n }];
        let aggregate = ["a", "b"][usize::from(n % 2 == 1)];
        store.append(aggregate, Expected::Any, &events).await.unwrap();
    }
    let events = store.by_aggregate("b").await.unwrap();
    assert_eq!(amounts(&events), [1, -1, 3, -3, 5, -5, 7, -7, 9, -9]);
    let events = store.by_aggregate("b").after(3).limit(4).await.unwrap();
    assert_eq!(amounts(&events), [-3, 5, -5, 7]);
    assert_eq!(events[0].version, Some(4));
    assert!(store.by_aggregate("b").after(10).await.unwrap().is_empty());
    assert!(store.by_aggregate("c").await.unwrap().is_empty());
    let events = store.since(events[0].id).limit(2).await.unwrap();
    assert_eq!(amounts(&events), [4, -4]);
}

async fn long_histories_come_whole(bench: Bench) {
    let store = bench.broker.event_store(&bench.name("s"));
    let events: Vec<Account> = (0..700).map(|amount| Account::Deposited { amount }).collect();
    let appended = store.append("a", Expected::New, &events).await.unwrap();
    assert_eq!((appended.version, appended.ids.len()), (700, 700));
    assert!(amounts(&store.by_aggregate("a").await.unwrap()).into_iter().eq(0..700));
    check_index(&store).await;
}

async fn appends_to_the_stream_alone_are_found(bench: Bench) {
    let store = bench.broker.event_store(&bench.name("s"));
    store.append("a", Expected::New, &deposit(1)).await.unwrap();
    foreign(&bench, &store, "a", 2).await;
    // They count, even if nobody has looked yet.
    let answer = store.append("a", Expected::Version(1), &deposit(9)).await;
    assert!(matches!(answer, Err(AppendError::Conflict { actual: 2, .. })), "{answer:?}");
    foreign(&bench, &store, "a", 3).await;
    store.append("a", Expected::Any, &deposit(4)).await.unwrap();
    foreign(&bench, &store, "a", 5).await;
    assert_eq!(amounts(&store.by_aggregate("a").await.unwrap()), [1, 2, 3, 4, 5]);
    let answer = store.append("a", Expected::Version(5), &deposit(6)).await;
    assert_eq!(answer.unwrap().version, 6);
    check_index(&store).await;
}

async fn a_stream_that_was_there_before_is_taken_over(bench: Bench) {
    let store = bench.broker.event_store(&bench.name("s"));
    for n in 0..600 {
        foreign(&bench, &store, &format!("a-{}", n % 7), n).await;
    }
    let found = join_all((0..4).map(async |_| {
        let store = bench.another().await.event_store(&bench.name("s"));
        store.by_aggregate("a-3").await.unwrap().len()
    }));
    assert_eq!(found.await, [86; 4]);
    assert_eq!(check_index(&store).await.len(), 7);
}

async fn strange_entries_stop_nothing(bench: Bench) {
    let store = bench.broker.event_store(&bench.name("s"));
    let strange = Fields::from([("temperature", "21")]);
    let write = Write::Append(Append::new(Arc::clone(store.stream()), strange));
    bench.broker.backend().write(Batch::of(write)).await.unwrap();
    store.append("a", Expected::New, &deposit(1)).await.unwrap();
    let kinds = store.since(EntryId::MIN).await.unwrap();
    let kinds: Vec<&str> = kinds.iter().map(|event| &*event.kind).collect();
    assert_eq!(kinds, ["", "Deposited"]);
    assert_eq!(store.by_aggregate("a").await.unwrap().len(), 1);
}

async fn one_of_many_wins(bench: Bench) {
    for round in 0..5 {
        let answers = join_all((0..8).map(async |_| {
            let store = bench.another().await.event_store(&bench.name("s"));
            store.append("a", Expected::Version(round), &deposit(1)).await
        }));
        let answers = answers.await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
        let lost = |answer: &Result<Appended, AppendError>| match answer {
            Err(AppendError::Conflict { actual, .. }) => *actual == round + 1,
            _ => false,
        };
        assert_eq!(answers.iter().filter(|answer| lost(answer)).count(), 7, "{answers:?}");
    }
    check_index(&bench.broker.event_store(&bench.name("s"))).await;
}

/// Deposits as one who reads, decides and appends, until nobody was faster.
async fn deposit_next(store: &EventStore, aggregate: &str) -> Result<(), Error> {
    loop {
        let version = store.by_aggregate(aggregate).await.unwrap().len() as u64;
        let event = deposit(i64::try_from(version).unwrap());
        match store.append(aggregate, Expected::Version(version), &event).await {
            Ok(_) => return Ok(()),
            Err(AppendError::Conflict { .. }) => {}
            Err(AppendError::Broker(error)) => return Err(error),
            Err(other) => panic!("{other}"),
        }
    }
}

async fn nothing_is_lost_among_many_writers(bench: Bench) {
    let shared = bench.broker.event_store(&bench.name("s"));
    join_all((0..9).map(async |writer| {
        // Some share a handle, some are on their own, some know nothing of the index.
        let store = match writer % 3 {
            0 => shared.clone(),
            _ => bench.another().await.event_store(&bench.name("s")),
        };
        for n in 0..6 {
            match writer {
                8 => foreign(&bench, &store, "c", n).await,
                _ => deposit_next(&store, ["a", "b"][writer % 2]).await.unwrap(),
            }
        }
    }))
    .await;
    let found = check_index(&shared).await;
    assert_eq!(found.values().map(Vec::len).collect::<Vec<_>>(), [24, 24, 6]);
    let events = shared.by_aggregate("a").await.unwrap();
    assert!(amounts(&events).into_iter().eq(0..24));
}

async fn writers_that_go_away_leave_nothing_halfway(bench: Bench) {
    let name = bench.name("s");
    for n in 0..20 {
        let broker = bench.another().await;
        let store = broker.event_store(&name);
        let events = [Account::Opened, Account::Deposited { amount: n }];
        let append = tokio::spawn(store.append("a", Expected::Any, &events).into_future());
        for _ in 0..n {
            tokio::task::yield_now().await;
        }
        append.abort();
        if bench.is_shared() {
            broker.close().await;
        }
    }
    let store = bench.broker.event_store(&name);
    store.append("a", Expected::Any, &[Account::Opened, Account::Opened]).await.unwrap();
    // Where all have one broker, some of the appends that nobody waits for are still under way.
    let (mut before, mut length) = (0, usize::MAX);
    while before != length {
        tokio::time::sleep(Duration::from_millis(200)).await;
        before = length;
        length = store.since(EntryId::MIN).limit(1000).await.unwrap().len();
    }
    let found = check_index(&store).await;
    let count = found.values().map(Vec::len).sum::<usize>();
    assert_eq!(count % 2, 0, "the two events of an append belong together");
}

async fn lost_answers_append_nothing_twice(bench: Bench) {
    let faulty = Broker::on(Faulty::new(bench.broker.backend(), Writes::LoseAnswers));
    let store = faulty.event_store(&bench.name("s"));
    for n in 0..12 {
        let appended = store.append("a", Expected::Any, &deposit(n)).await.unwrap();
        assert_eq!(appended.version, u64::try_from(n).unwrap() + 1);
    }
    for n in 12..24 {
        let expected = Expected::Version(u64::try_from(n).unwrap());
        store.append("a", expected, &deposit(n)).await.unwrap();
    }
    assert!(amounts(&store.by_aggregate("a").await.unwrap()).into_iter().eq(0..24));
    check_index(&store).await;
}

async fn an_append_of_nothing_only_looks(bench: Bench) {
    let store = bench.broker.event_store(&bench.name("s"));
    let nothing: [Account; 0] = [];
    let appended = store.append("a", Expected::New, &nothing).await.unwrap();
    assert_eq!((appended.version, appended.ids.len()), (0, 0));
    let answer = store.append("a", Expected::Version(1), &nothing).await;
    assert!(matches!(answer, Err(AppendError::Conflict { actual: 0, .. })), "{answer:?}");
    assert!(store.since(EntryId::MIN).await.unwrap().is_empty());
}

async fn trimmed_events_are_missed(bench: Bench) {
    let store = bench.broker.event_store(&bench.name("s"));
    for n in 0..4 {
        store.append("a", Expected::Any, &deposit(n)).await.unwrap();
    }
    let trim = Trim { keep: Keep::Newest(2), exactness: Exactness::Exact };
    let write = Write::Trim { stream: Arc::clone(store.stream()), trim };
    bench.broker.backend().write(Batch::of(write)).await.unwrap();
    let answer = store.by_aggregate("a").await;
    assert!(matches!(answer, Err(ReadError::Gone { version: 1, .. })), "{answer:?}");
    assert_eq!(amounts(&store.by_aggregate("a").after(2).await.unwrap()), [2, 3]);
    store.append("a", Expected::Version(4), &deposit(4)).await.unwrap();
    assert_eq!(amounts(&store.by_aggregate("a").after(2).await.unwrap()), [2, 3, 4]);
}

async fn deleted_events_do_not_stop_the_next(bench: Bench) {
    let store = bench.broker.event_store(&bench.name("s"));
    let backend = bench.broker.backend();
    store.append("a", Expected::Any, &deposit(0)).await.unwrap();
    foreign(&bench, &store, "a", 1).await;
    let last = store.since(EntryId::MIN).await.unwrap()[1].id;
    let delete = Write::Delete { stream: Arc::clone(store.stream()), ids: vec![last] };
    backend.write(Batch::of(delete)).await.unwrap();
    store.append("b", Expected::New, &deposit(2)).await.unwrap();
    assert_eq!(store.by_aggregate("a").await.unwrap().len(), 1);
    let remove = Write::Remove { key: Arc::clone(store.stream()) };
    backend.write(Batch::of(remove)).await.unwrap();
    store.append("c", Expected::New, &deposit(3)).await.unwrap();
    foreign(&bench, &store, "c", 4).await;
    assert_eq!(amounts(&store.by_aggregate("c").await.unwrap()), [3, 4]);
}

async fn reading_costs_what_is_returned(bench: Bench) {
    let store = bench.broker.event_store(&bench.name("s"));
    let events: Vec<Account> = (0..500).map(|amount| Account::Deposited { amount }).collect();
    store.append("other", Expected::New, &events).await.unwrap();
    store.append("a", Expected::New, &events[..5]).await.unwrap();
    store.append("other", Expected::Any, &events).await.unwrap();
    let counting = Faulty::new(bench.broker.backend(), Writes::Work);
    let counts = counting.counts();
    let store = Broker::on(counting).event_store(&bench.name("s"));
    assert_eq!(store.by_aggregate("a").await.unwrap().len(), 5);
    // The last entry, and for each event its place and itself.
    assert_eq!(counts.entries.load(Ordering::Relaxed), 1 + 2 * 5);
    // And the head, and the places in one request.
    assert_eq!(counts.requests.load(Ordering::Relaxed), 1 + 1 + 1 + 5);
}

async fn metadata_is_kept(bench: Bench) {
    let store = bench.broker.event_store(&bench.name("s"));
    let ordered = NewEvent::new("Ordered", json!({ "n": 1 })).metadata("source", "web");
    let append = store.append("order", Expected::New, &[ordered]);
    append.correlation("request-7").metadata("userId", "u-1").await.unwrap();
    let cause = store.by_aggregate("order").await.unwrap().remove(0);
    store.append("stock", Expected::New, &deposit(1)).caused_by(&cause).await.unwrap();
    let text = |event: &StoredEvent, name: &str| {
        event.metadata.get(name).and_then(|value| value.as_str()).map(str::to_owned)
    };
    assert_eq!(text(&cause, "source").as_deref(), Some("web"));
    assert_eq!(text(&cause, "userId").as_deref(), Some("u-1"));
    assert_eq!(cause.metadata.correlation(), Some("request-7"));
    let effect = store.by_aggregate("stock").await.unwrap().remove(0);
    assert_eq!(effect.metadata.correlation(), Some("request-7"));
    assert_eq!(effect.metadata.causation(), Some(&*cause.id.to_string()));
    assert_eq!(&*cause.kind, "Ordered");
}

async fn events_are_followed(bench: Bench) {
    let store = bench.broker.event_store(&bench.name("s"));
    let first = store.append("a", Expected::Any, &deposit(0)).await.unwrap().ids[0];
    store.append("a", Expected::Any, &deposit(1)).await.unwrap();
    let mut events = store.follow(first);
    let mut next = async || amounts(&[events.next().await.unwrap().unwrap()])[0];
    assert_eq!(next().await, 1);
    let (found, _) = tokio::join!(next(), async {
        tokio::task::yield_now().await;
        store.append("a", Expected::Any, &deposit(2)).await.unwrap();
    });
    assert_eq!(found, 2);
}

async fn a_projection_handles_all_in_order(bench: Bench) {
    let store = bench.broker.event_store(&bench.name("s"));
    let mut last = EntryId::MIN;
    for n in 0..25 {
        let aggregate = format!("a-{}", n % 3);
        last = store.append(&aggregate, Expected::Any, &deposit(n)).await.unwrap().ids[0];
    }
    let projection = store.projection("balance").batch(10);
    let seen = Mutex::new(Vec::new());
    let see = async |event: StoredEvent| {
        seen.lock().extend(amounts(&[event]));
        Ok::<(), Error>(())
    };
    assert_eq!(projection.catch_up(see).await.unwrap(), 25);
    assert_eq!(projection.catch_up(see).await.unwrap(), 0);
    assert_eq!(projection.checkpoint().await.unwrap(), last);
    foreign(&bench, &store, "a-1", 25).await;
    // Another program goes on where this one was.
    let elsewhere = bench.another().await.event_store(&bench.name("s")).projection("balance");
    assert_eq!(elsewhere.catch_up(see).await.unwrap(), 1);
    assert!(seen.into_inner().into_iter().eq(0..26));
    projection.rewind(EntryId::MIN).await.unwrap();
    let all = projection.catch_up(async |_| Ok::<(), Error>(())).await.unwrap();
    assert_eq!(all, 26);
}

async fn a_projection_stops_at_what_it_cannot_handle(bench: Bench) {
    let store = bench.broker.event_store(&bench.name("s"));
    let events: Vec<Account> = (0..5).map(|amount| Account::Deposited { amount }).collect();
    let ids = store.append("a", Expected::New, &events).await.unwrap().ids;
    let projection = store.projection("p");
    let picky = async |event: StoredEvent| match event.version {
        Some(4) => Err("no fours"),
        _ => Ok(()),
    };
    for _ in 0..2 {
        let answer = projection.catch_up(picky).await;
        let Err(ProjectionError::Handler { id, error: "no fours" }) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(id, ids[3]);
        assert_eq!(projection.checkpoint().await.unwrap(), ids[2]);
    }
    assert_eq!(projection.catch_up(async |_| Ok::<(), Error>(())).await.unwrap(), 2);
}

async fn a_projection_runs_once(bench: Bench) {
    let store = bench.broker.event_store(&bench.name("s"));
    store.append("a", Expected::New, &deposit(1)).await.unwrap();
    let projection = store.projection("p");
    let elsewhere = bench.another().await.event_store(&bench.name("s")).projection("p");
    let answer = projection.run(async |_| elsewhere.rewind(EntryId::new(1, 0)).await).await;
    assert!(matches!(answer, Err(ProjectionError::RunsElsewhere)), "{answer:?}");
    // It goes on where the other one said.
    assert_eq!(projection.catch_up(async |_| Ok::<(), Error>(())).await.unwrap(), 1);
}

async fn snapshots_spare_reading(bench: Bench) {
    let store = bench.broker.event_store(&bench.name("s"));
    let add = |balance: &mut i64, event: &StoredEvent| {
        if let Account::Deposited { amount } = event.decode()? {
            *balance += amount;
        }
        Ok(())
    };
    let empty = store.load("a", add).await.unwrap();
    assert_eq!(empty, Snapshot { version: 0, state: 0 });
    for n in 1..=4 {
        store.append("a", Expected::Any, &deposit(n)).await.unwrap();
    }
    let four = store.load("a", add).await.unwrap();
    assert_eq!(four, Snapshot { version: 4, state: 10 });
    assert_eq!(store.save_snapshot("a", &four).await.unwrap(), Saved::Yes);
    assert_eq!(store.save_snapshot("a", &four).await.unwrap(), Saved::NotNewer);
    let older = Snapshot { version: 3, state: 6 };
    assert_eq!(store.save_snapshot("a", &older).await.unwrap(), Saved::NotNewer);
    store.append("a", Expected::Version(four.version), &deposit(5)).await.unwrap();
    let mut applied = 0;
    let five = store.load("a", |balance: &mut i64, event| {
        applied += 1;
        add(balance, event)
    });
    assert_eq!(five.await.unwrap(), Snapshot { version: 5, state: 15 });
    assert_eq!(applied, 1);
    assert!(store.snapshot::<String>("a").await.is_err());
    store.remove_snapshot("a").await.unwrap();
    assert_eq!(store.snapshot::<i64>("a").await.unwrap(), None);
}

/// The document's class and ours append to one stream and read it, in both directions.
async fn beside_the_document(kind: Kind) {
    let script = Script::new(
        "Event Sourcing Pattern",
        r#"
        const store = new EventStore(process.env.NAME);
        const data = { amount: 2 };
        await store.append({ type: "Deposited", aggregateId: "a", data, metadata: { by: "bun" } });
        await store.append({ type: "Opened", aggregateId: "b", data: null });
        for (const event of await store.getEventsForAggregate("a")) console.log(JSON.stringify(event));
        const [first] = await redis.send("XRANGE", [process.env.NAME, "-", "+", "COUNT", "1"]);
        console.log((await store.getEventsSince(first[0])).length);
        redis.close();
        "#,
    );
    let Some(script) = script else { return };
    let server = Server::start(kind);
    let address = format!("redis://127.0.0.1:{}", server.port());
    let store = Broker::connect(&address).await.unwrap().event_store("domain-events");
    store.append("a", Expected::New, &deposit(1)).correlation("request-7").await.unwrap();
    let lines = script.run(&address, "domain-events").await;
    let read = |line: &String| serde_json::from_str::<serde_json::Value>(line).unwrap();
    let lines: Vec<_> = lines.iter().map(read).collect();
    let ours = json!({
        "type": "Deposited",
        "aggregateId": "a",
        "data": { "amount": 1 },
        "metadata": { "correlationId": "request-7" },
    });
    let theirs = json!({
        "type": "Deposited",
        "aggregateId": "a",
        "data": { "amount": 2 },
        "metadata": { "by": "bun" },
    });
    assert_eq!(lines, [ours, theirs, json!(2)]);
    let answer = store.append("a", Expected::Version(1), &deposit(3)).await;
    assert!(matches!(answer, Err(AppendError::Conflict { actual: 2, .. })), "{answer:?}");
    store.append("a", Expected::Version(2), &deposit(3)).await.unwrap();
    let events = store.by_aggregate("a").await.unwrap();
    assert_eq!(amounts(&events), [1, 2, 3]);
    assert_eq!(events[1].metadata.get("by"), Some(&json!("bun")));
    assert_eq!(amounts(&store.by_aggregate("b").await.unwrap()), [0]);
    check_index(&store).await;
}

/// The document's class handles events of ours by a group, and a projection of ours sees those of its own.
async fn the_document_subscribes(kind: Kind) {
    let lines = r#"
        const store = new EventStore("domain-events");
        await store.append({ type: "Deposited", aggregateId: "a", data: { amount: 7 } });
        const seen = [];
        store.subscribe("projections", "bun", async (event) => {
            seen.push([event.id, event.aggregateId, event.data]);
            if (seen.length < 3) return;
            setTimeout(() => { console.log(JSON.stringify(seen)); process.exit(0); }, 0);
        });
        "#;
    let lines = format!("{}\n{lines}", reads_as_arrays(kind));
    let Some(script) = Script::new("Event Sourcing Pattern", &lines) else { return };
    let server = Server::start(kind);
    let address = format!("redis://127.0.0.1:{}", server.port());
    let broker = Broker::connect(&address).await.unwrap();
    let store = broker.event_store("domain-events");
    store
        .append(
            "a",
            Expected::New,
            &[Account::Deposited { amount: 1 }, Account::Deposited { amount: 2 }],
        )
        .await
        .unwrap();
    let lines = script.run(&address, "subscription").await;
    let events = store.by_aggregate("a").await.unwrap();
    assert_eq!(amounts(&events), [1, 2, 7]);
    let expect = events
        .iter()
        .zip([1, 2, 7])
        .map(|(event, amount)| json!([event.id, "a", { "amount": amount }]));
    assert_eq!(
        serde_json::from_str::<Vec<serde_json::Value>>(&lines[0]).unwrap(),
        expect.collect::<Vec<_>>()
    );
    let info = broker.raw_stream("domain-events").group("projections").info().await.unwrap();
    assert_eq!(info.unwrap().last_delivered, events[2].id);
}

#[tokio::test]
async fn event_store_beside_the_document_on_firth() {
    the_document_subscribes(Kind::Firth).await;
    beside_the_document(Kind::Firth).await;
}

#[tokio::test]
async fn event_store_beside_the_document_on_redis_7() {
    the_document_subscribes(Kind::Redis7).await;
    beside_the_document(Kind::Redis7).await;
}

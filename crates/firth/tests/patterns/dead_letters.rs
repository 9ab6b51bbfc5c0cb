//! Dead letters.

use std::sync::Arc;
use std::time::Duration;

use firth::backend::{Append, Batch, Fields, SetValue, Start, When, Write};
use firth::dead_letters::{Deed, Fate, LetterFilter};
use firth::{Broker, DeadLetters, Delivery, EntryId, Error, Group, Refusal, Stream};
use futures_util::TryStreamExt as _;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::document::Script;
use crate::faulty::{Faulty, Writes};
use crate::server::{Kind, Server};
use crate::{Bench, cases};

cases![
    an_entry_is_buried_once,
    what_cannot_be_moved_stays,
    a_worker_tells_the_causes,
    letters_are_listed_in_pages,
    strange_letters_are_handed_over,
    letters_are_counted_by_reason,
    a_handler_says_what_is_removed,
    letters_are_purged,
    letters_come_back,
    some_letters_come_back,
    a_dry_run_does_nothing,
    an_entry_comes_back_so_often_and_no_more,
    what_dies_again_waits_for_the_next_time,
    one_at_a_time_brings_letters_back,
    nothing_is_lost_where_there_is_no_room,
    lost_answers_neither_lose_nor_double_letters,
    what_lives_apart_is_moved_in_two_steps,
    letters_may_be_kept_elsewhere,
    the_records_are_bounded,
];

struct Setting {
    stream: Stream<u32>,
    group: Group<u32>,
    dead: DeadLetters<u32>,
    broker: Broker,
}

impl Setting {
    fn on(broker: &Broker, bench: &Bench) -> Self {
        let stream: Stream<u32> = broker.stream(bench.name("s"));
        let (group, dead) = (stream.group("g"), stream.dead_letters());
        Setting { group, dead, stream, broker: broker.clone() }
    }

    /// Returns a stream whose entries from 0 on are all pending.
    async fn delivered(bench: &Bench, count: u32) -> (Self, Vec<EntryId>) {
        let it = Setting::on(&bench.broker, bench);
        it.group.create(Start::Beginning).await.unwrap();
        let ids = it.stream.append_all(&(0..count).collect::<Vec<_>>()).await.unwrap();
        it.group.read("a").limit(count as usize).await.unwrap();
        (it, ids)
    }

    /// The same with all of them buried: even numbers for one reason, odd ones for another.
    async fn buried(bench: &Bench, count: u32) -> (Self, Vec<EntryId>) {
        let (it, ids) = Setting::delivered(bench, count).await;
        let mut letters = Vec::new();
        for (n, id) in ids.into_iter().enumerate() {
            let reason = if n % 2 == 0 { "even" } else { "odd" };
            letters.push(it.dead.bury("g", id, reason).await.unwrap().unwrap());
        }
        (it, letters)
    }

    async fn left(&self) -> Vec<u32> {
        let letters = self.dead.list(..).all().try_collect::<Vec<_>>().await.unwrap();
        letters.into_iter().map(|item| item.value.unwrap().value.unwrap()).collect()
    }

    /// Returns what is new to the group.
    async fn news(&self) -> Vec<u32> {
        let items = self.group.read("a").limit(1000).await.unwrap();
        items.into_iter().map(|item| item.value.unwrap()).collect()
    }

    async fn records(&self) -> Vec<firth::dead_letters::AuditRecord> {
        let items = self.dead.audit().range(..).await.unwrap();
        items.into_iter().map(|item| item.value.unwrap()).collect()
    }

    async fn put(&self, fields: Fields) {
        let append = Append::new(Arc::clone(self.dead.name()), fields);
        self.broker.backend().write(Batch::of(Write::Append(append))).await.unwrap();
    }
}

async fn an_entry_is_buried_once(bench: Bench) {
    let (it, ids) = Setting::delivered(&bench, 2).await;
    it.group.pending().claim("b", [ids[1]]).await.unwrap();
    let letter = it.dead.bury("g", ids[1], "no stock\nout of tea").await.unwrap().unwrap();
    assert_eq!(it.dead.bury("g", ids[1], "again").await.unwrap(), None);
    assert_eq!(it.group.info().await.unwrap().unwrap().pending, 1);
    let items = it.dead.list(..).await.unwrap();
    assert_eq!((items.len(), items[0].id), (1, letter));
    let found = items[0].value.as_ref().unwrap();
    assert_eq!((&found.original_stream, found.original_id), (it.stream.name(), ids[1]));
    assert_eq!((&*found.original_group, &*found.reason), ("g", "no stock"));
    assert_eq!(found.error_chain, ["no stock", "out of tea"]);
    assert_eq!((found.deliveries, found.redriven), (Some(2), 0));
    assert_eq!(found.value, Ok(1));
    assert!(found.moved_at_ms > 1_700_000_000_000);
}

async fn what_cannot_be_moved_stays(bench: Bench) {
    let (it, ids) = Setting::delivered(&bench, 2).await;
    let answer = it.dead.bury("absent", ids[0], "no").await;
    assert!(matches!(answer, Err(Error::Refused(Refusal::NoGroup))), "{answer:?}");
    it.stream.delete([ids[1]]).await.unwrap();
    assert_eq!(it.dead.bury("g", ids[1], "no").await.unwrap(), None);
    // Something else has the name of the dead letters.
    occupy(&it, it.dead.name()).await;
    let answer = it.dead.bury("g", ids[0], "no").await;
    assert!(matches!(answer, Err(Error::Refused(Refusal::WrongType))), "{answer:?}");
    assert_eq!(it.group.info().await.unwrap().unwrap().pending, 2);
}

async fn occupy(it: &Setting, key: &Arc<str>) {
    let set = Write::Set(SetValue {
        key: Arc::clone(key),
        value: "x".into(),
        expires_in: None,
        when: When::Always,
    });
    let removal = Write::Remove { key: Arc::clone(key) };
    it.broker.backend().write(Batch::of(removal).and(set)).await.unwrap();
}

#[derive(Debug)]
struct Outer(std::num::ParseIntError);

impl std::fmt::Display for Outer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the amount is wrong")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

async fn a_worker_tells_the_causes(bench: Bench) {
    let it = Setting::on(&bench.broker, &bench);
    it.stream.append(&7).await.unwrap();
    let (sender, mut seen) = mpsc::channel(10);
    let worker =
        bench.broker.worker(&it.stream, "g").max_deliveries(1).start(move |_: Delivery<u32>| {
            let sender = sender.clone();
            async move {
                sender.send(()).await.unwrap();
                "x".parse::<u32>().map(drop).map_err(Outer)
            }
        });
    seen.recv().await.unwrap();
    worker.stop().await.unwrap();
    let items = it.dead.list(..).await.unwrap();
    let letter = items[0].value.as_ref().unwrap();
    assert_eq!(letter.reason, "the amount is wrong");
    assert_eq!(letter.error_chain, ["the amount is wrong", "invalid digit found in string"]);
}

async fn letters_are_listed_in_pages(bench: Bench) {
    let (it, ids) = Setting::buried(&bench, 5).await;
    let numbers = |items: Vec<firth::Item<firth::dead_letters::DeadLetter<u32>>>| {
        let numbers = items.into_iter().map(|item| item.value.unwrap().value.unwrap());
        numbers.collect::<Vec<_>>()
    };
    assert_eq!(numbers(it.dead.list(ids[1]..).limit(2).await.unwrap()), [1, 2]);
    assert_eq!(numbers(it.dead.list(..).backward().limit(2).await.unwrap()), [4, 3]);
    let all = it.dead.list(..).limit(2).all().try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(numbers(all), [0, 1, 2, 3, 4]);
    let (first, last) = (ids[0].ms, ids[4].ms);
    assert_eq!(it.dead.list_times_ms(first..=last).await.unwrap().len(), 5);
    assert!(it.dead.list_times_ms(..first).await.unwrap().is_empty());
    assert!(it.dead.list_times_ms(last + 1..).await.unwrap().is_empty());
    assert_eq!(it.dead.length().await.unwrap(), 5);
}

async fn strange_letters_are_handed_over(bench: Bench) {
    let (it, _) = Setting::buried(&bench, 1).await;
    it.put(Fields::from([("strange", "1")])).await;
    let items = it.dead.list(..).await.unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!(items[1].value.as_ref().unwrap_err().fields.text("strange"), Some("1"));
    assert_eq!(it.dead.reasons().await.unwrap().unreadable, 1);
    assert_eq!(it.dead.purge("me", LetterFilter::all()).await.unwrap(), 1);
    assert_eq!(it.dead.redrive("me").await.unwrap().unreadable, 1);
    assert_eq!(it.dead.process(async |_| true).await.unwrap().unreadable, 1);
    assert_eq!(it.dead.length().await.unwrap(), 1);
}

async fn letters_are_counted_by_reason(bench: Bench) {
    let (it, ids) = Setting::buried(&bench, 5).await;
    let reasons = it.dead.reasons().await.unwrap().by_reason;
    let counts: Vec<_> =
        reasons.iter().map(|it| (&*it.reason, &*it.group, it.count, it.first, it.last)).collect();
    assert_eq!(counts, [("even", "g", 3, ids[0], ids[4]), ("odd", "g", 2, ids[1], ids[3])]);
}

async fn a_handler_says_what_is_removed(bench: Bench) {
    let (it, _) = Setting::buried(&bench, 5).await;
    let mut seen = Vec::new();
    let processed = it.dead.process(|letter| {
        seen.push(letter.value.unwrap());
        std::future::ready(letter.reason == "odd")
    });
    let processed = processed.await.unwrap();
    assert_eq!((processed.removed, processed.kept), (2, 3));
    assert_eq!((seen, it.left().await), (vec![0, 1, 2, 3, 4], vec![0, 2, 4]));
    let processed = it.dead.process(async |_| Fate::Remove).await.unwrap();
    assert_eq!((processed.removed, processed.kept), (3, 0));
    assert_eq!(it.dead.process(async |_| Fate::Remove).await.unwrap().removed, 0);
}

async fn letters_are_purged(bench: Bench) {
    let (it, ids) = Setting::buried(&bench, 6).await;
    let filter = LetterFilter::all().ids(ids[1]..).reason("odd");
    assert_eq!(it.dead.purge("alice", filter).await.unwrap(), 3);
    assert_eq!(it.left().await, [0, 2, 4]);
    let filter = LetterFilter::all().matching(|letter| letter.value == Ok(4));
    assert_eq!(it.dead.purge("bob", filter).await.unwrap(), 1);
    assert_eq!(it.dead.purge("bob", LetterFilter::all().group("absent")).await.unwrap(), 0);
    let records = it.records().await;
    let told: Vec<_> = records.iter().map(|it| (it.deed, &*it.by, it.count, it.letter)).collect();
    assert_eq!(told, [(Deed::Purge, "alice", 3, ids[1]), (Deed::Purge, "bob", 1, ids[4])]);
}

async fn letters_come_back(bench: Bench) {
    let (it, ids) = Setting::buried(&bench, 150).await;
    let report = it.dead.redrive("alice").await.unwrap();
    assert_eq!((report.redriven, report.exhausted), (150, 0));
    assert_eq!((report.reasons["even"], report.reasons["odd"]), (75, 75));
    assert_eq!(it.dead.length().await.unwrap(), 0);
    assert_eq!(it.news().await, (0..150).collect::<Vec<_>>());
    let records = it.records().await;
    assert_eq!(records.len(), 150);
    let first = &records[0];
    assert_eq!((first.deed, &*first.by, first.letter), (Deed::Redrive, "alice", ids[0]));
    assert_eq!((first.reason.as_deref(), first.redriven), (Some("even"), Some(1)));
    assert_eq!(first.to.as_deref(), Some(&**it.stream.name()));
    let nothing = it.dead.redrive("alice").await.unwrap();
    assert_eq!(nothing.redriven, 0);
}

async fn some_letters_come_back(bench: Bench) {
    let (it, ids) = Setting::buried(&bench, 8).await;
    let filter = LetterFilter::all().reason("odd").ids(..ids[6]);
    let redrive = it.dead.redrive("me").filter(filter).limit(2).rate(1_000_000);
    assert_eq!(redrive.await.unwrap().redriven, 2);
    assert_eq!(it.news().await, [1, 3]);
    // Not where it is from, but somewhere beside it.
    let other = format!("{}:other", it.dead.name());
    let filter = LetterFilter::all().matching(|letter| letter.value == Ok(5));
    let redrive = it.dead.redrive("me").filter(filter).to(other.clone());
    assert_eq!(redrive.await.unwrap().redriven, 1);
    assert!(it.news().await.is_empty());
    let others = bench.broker.stream::<u32>(other).range(..).await.unwrap();
    assert_eq!(others.into_iter().map(|item| item.value.unwrap()).collect::<Vec<_>>(), [5]);
    assert_eq!(it.left().await, [0, 2, 4, 6, 7]);
}

async fn a_dry_run_does_nothing(bench: Bench) {
    let (it, _) = Setting::buried(&bench, 5).await;
    let filter = LetterFilter::all().reason("even");
    let report = it.dead.redrive("me").filter(filter).dry_run().await.unwrap();
    assert_eq!((report.redriven, report.reasons["even"]), (3, 3));
    assert_eq!((it.dead.length().await.unwrap(), it.news().await), (5, vec![]));
    assert!(it.records().await.is_empty());
}

async fn an_entry_comes_back_so_often_and_no_more(bench: Bench) {
    let (it, _) = Setting::buried(&bench, 1).await;
    for times in 1..=2 {
        let report = it.dead.redrive("me").max_times(2).await.unwrap();
        assert_eq!((report.redriven, report.exhausted), (1, 0));
        let items = it.group.read("a").await.unwrap();
        it.dead.bury("g", items[0].id, "still").await.unwrap().unwrap();
        let letters = it.dead.list(..).await.unwrap();
        let letter = letters[0].value.as_ref().unwrap();
        assert_eq!((letter.redriven, &letter.value), (times, &Ok(0)));
    }
    let report = it.dead.redrive("me").max_times(2).await.unwrap();
    assert_eq!((report.redriven, report.exhausted), (0, 1));
    assert_eq!(it.dead.redrive("me").await.unwrap().redriven, 1);
}

async fn what_dies_again_waits_for_the_next_time(bench: Bench) {
    let (it, _) = Setting::buried(&bench, 200).await;
    let worker = bench.broker.worker(&it.stream, "g").max_deliveries(1).concurrency(8);
    let worker = worker.start(async |_: Delivery<u32>| Err::<(), _>("again"));
    assert_eq!(it.dead.redrive("me").await.unwrap().redriven, 200);
    while it.dead.length().await.unwrap() < 200 {
        tokio::task::yield_now().await;
    }
    worker.stop().await.unwrap();
    assert!(it.dead.reasons().await.unwrap().by_reason.iter().all(|it| it.reason == "again"));
}

async fn one_at_a_time_brings_letters_back(bench: Bench) {
    let (it, _) = Setting::buried(&bench, 3).await;
    // Stopped after the first step, by a rate that leaves time.
    let mut slow = Box::pin(it.dead.redrive("alice").rate(2).into_future());
    while it.dead.length().await.unwrap() == 3 {
        tokio::select! {
            biased;
            _ = &mut slow => {}
            () = tokio::time::sleep(Duration::from_millis(1)) => {}
        }
    }
    let answer = it.dead.redrive("bob").await;
    assert!(matches!(answer, Err(Error::Refused(Refusal::Malformed(_)))), "{answer:?}");
    // The same name may take over, and the first one does nothing more.
    assert_eq!(it.dead.redrive("alice").await.unwrap().redriven, 2);
    let (stopped, ()) = tokio::join!(slow, async {
        let (other, _) = tokio::join!(it.dead.redrive("bob"), async {});
        assert_eq!(other.unwrap().redriven, 0);
    });
    assert!(matches!(stopped, Err(Error::Refused(Refusal::Conflict { .. }))), "{stopped:?}");
    assert_eq!(it.news().await, [0, 1, 2]);
}

async fn nothing_is_lost_where_there_is_no_room(bench: Bench) {
    let (it, _) = Setting::buried(&bench, 2).await;
    occupy(&it, it.stream.name()).await;
    let answer = it.dead.redrive("me").await;
    assert!(matches!(answer, Err(Error::Refused(Refusal::WrongType))), "{answer:?}");
    assert_eq!(it.left().await, [0, 1]);
}

async fn lost_answers_neither_lose_nor_double_letters(bench: Bench) {
    let (it, _) = Setting::buried(&bench, 3).await;
    let faulty = Broker::on(Faulty::new(bench.broker.backend(), Writes::LoseAnswers));
    let dead = Setting::on(&faulty, &bench).dead;
    assert_eq!(dead.redrive("me").rate(19).await.unwrap().redriven, 3);
    assert_eq!((it.news().await, it.left().await), (vec![0, 1, 2], vec![]));
    assert_eq!(it.records().await.len(), 3);
}

async fn what_lives_apart_is_moved_in_two_steps(bench: Bench) {
    let (it, ids) = Setting::delivered(&bench, 2).await;
    let apart = |batches| Broker::on(Faulty::new(bench.broker.backend(), Writes::Apart(batches)));
    // This process ends between the two halves: the entry is in both places, then in the new one.
    let dead = Setting::on(&apart(1), &bench).dead;
    assert!(matches!(dead.bury("g", ids[0], "no").await, Err(Error::Closed)));
    assert_eq!((it.left().await, it.group.info().await.unwrap().unwrap().pending), (vec![0], 2));
    let dead = Setting::on(&apart(u64::MAX), &bench).dead;
    for id in ids {
        dead.bury("g", id, "no").await.unwrap().unwrap();
    }
    assert_eq!(
        (it.left().await, it.group.info().await.unwrap().unwrap().pending),
        (vec![0, 0, 1], 0)
    );

    // Taking the turn is the first batch, bringing the first letter back the second.
    let dead = Setting::on(&apart(2), &bench).dead;
    assert!(matches!(dead.redrive("me").await, Err(Error::Closed)));
    assert_eq!((it.news().await, it.left().await), (vec![0], vec![0, 0, 1]));
    let dead = Setting::on(&apart(u64::MAX), &bench).dead;
    assert_eq!(dead.redrive("me").await.unwrap().redriven, 3);
    assert_eq!((it.news().await, it.left().await), (vec![0, 0, 1], vec![]));
    assert_eq!(it.records().await.len(), 3);
}

/// On a Cluster, in another slot.
async fn letters_may_be_kept_elsewhere(bench: Bench) {
    let (it, ids) = Setting::delivered(&bench, 3).await;
    let elsewhere = it.dead.clone().named(bench.name("elsewhere"));
    for id in ids {
        elsewhere.bury("g", id, "no").await.unwrap().unwrap();
    }
    assert_eq!((it.group.info().await.unwrap().unwrap().pending, it.left().await), (0, vec![]));
    assert_eq!(elsewhere.length().await.unwrap(), 3);
    assert_eq!(elsewhere.redrive("me").limit(2).await.unwrap().redriven, 2);
    assert_eq!(it.news().await, [0, 1]);
    assert_eq!(elsewhere.purge("me", LetterFilter::all()).await.unwrap(), 1);
    assert_eq!(elsewhere.audit().length().await.unwrap(), 3);
}

async fn the_records_are_bounded(bench: Bench) {
    let (it, _) = Setting::buried(&bench, 1).await;
    let audit = it.dead.audit();
    assert_eq!(it.dead.purge("me", LetterFilter::all()).await.unwrap(), 1);
    let record = it.records().await.remove(0);
    for _ in 0..11 {
        audit.append_all(&vec![record.clone(); 1000]).await.unwrap();
    }
    it.put(Fields::from([
        ("original_stream", "s"),
        ("original_id", "1-0"),
        ("original_group", "g"),
        ("reason", "no"),
        ("moved_at", "1"),
    ]))
    .await;
    assert_eq!(it.dead.purge("me", LetterFilter::all()).await.unwrap(), 1);
    let kept = audit.length().await.unwrap();
    assert!((10_000..10_200).contains(&kept), "{kept}");
}

/// The document moves entries to the dead letters that we list and bring back, and handles those that we have moved.
async fn beside_the_document(kind: Kind) {
    let script = Script::new(
        "Dead Letter Queue",
        r#"
        const dead = "{orders}:dead";
        const rows = await redis.send("XPENDING", ["orders", "g", "-", "+", "10"]);
        for (const [id] of rows.slice(0, 2)) await moveToDeadLetter("orders", "g", dead, id, "by bun");
        await processDeadLetters(dead, async (entry) => {
            console.log(JSON.stringify(entry));
            return entry.reason === "by rust, removed by bun";
        });
        redis.close();
        "#,
    );
    let Some(script) = script else { return };
    let server = Server::start(kind);
    let address = format!("redis://127.0.0.1:{}", server.port());
    let broker = Broker::connect(&address).await.unwrap();
    let stream: Stream<u32> = broker.stream("orders");
    let (group, dead) = (stream.group("g"), stream.dead_letters());
    group.create(Start::Beginning).await.unwrap();
    let ids = stream.append_all(&[0, 1, 2, 3]).await.unwrap();
    group.read("rust").await.unwrap();
    dead.bury("g", ids[2], "by rust").await.unwrap().unwrap();
    dead.bury("g", ids[3], "by rust, removed by bun").await.unwrap().unwrap();

    let lines = script.run(&address, "dead-letters").await;
    let read = |line: &String| serde_json::from_str::<Value>(line).unwrap();
    let seen: Vec<Value> = lines.iter().map(read).collect();
    let told = |entry: &Value| json!([entry["original_id"], entry["reason"], entry["payload"]]);
    let expect = [
        json!([ids[2], "by rust", "2"]),
        json!([ids[3], "by rust, removed by bun", "3"]),
        json!([ids[0], "by bun", "0"]),
        json!([ids[1], "by bun", "1"]),
    ];
    assert_eq!(seen.iter().map(told).collect::<Vec<_>>(), expect);
    for entry in &seen {
        assert_eq!(
            (&entry["original_stream"], &entry["original_group"]),
            (&json!("orders"), &json!("g"))
        );
        assert!(entry["moved_at"].as_str().unwrap().parse::<u64>().unwrap() > 1_700_000_000_000);
    }

    assert_eq!(group.info().await.unwrap().unwrap().pending, 0);
    let letters = dead.list(..).await.unwrap();
    let letters = letters.into_iter().map(|item| item.value.unwrap());
    let told =
        letters.map(|letter| (letter.original_id, letter.reason, letter.deliveries, letter.value));
    let expect = [
        (ids[2], "by rust".to_owned(), Some(1), Ok(2)),
        (ids[0], "by bun".to_owned(), None, Ok(0)),
        (ids[1], "by bun".to_owned(), None, Ok(1)),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expect);
    let filter = LetterFilter::all().reason("by bun");
    assert_eq!(dead.redrive("me").filter(filter).await.unwrap().redriven, 2);
    let again = group.read("rust").await.unwrap();
    assert_eq!(again.into_iter().map(|item| item.value.unwrap()).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(dead.length().await.unwrap(), 1);
}

#[tokio::test]
async fn dead_letters_beside_the_document_on_firth() {
    beside_the_document(Kind::Firth).await;
}

#[tokio::test]
async fn dead_letters_beside_the_document_on_redis_7() {
    beside_the_document(Kind::Redis7).await;
}

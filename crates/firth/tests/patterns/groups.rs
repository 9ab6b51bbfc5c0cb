//! Groups, and what is pending in them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use firth::backend::{GroupChanged, Pending, Start};
use firth::group::{Heir, Taken};
use firth::{Broker, Delivery, EntryId, Error, Group, Refusal, Stream};
use futures_util::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::document::{Script, reads_as_arrays};
use crate::server::{Kind, Server};
use crate::{Bench, cases};

cases![
    a_group_is_there_or_not,
    entries_are_read_and_acknowledged,
    a_reader_waits,
    what_was_delivered_comes_again,
    what_is_given_back_is_taken_by_others,
    pending_entries_are_summed_up,
    the_newest_of_many_is_found,
    pending_entries_are_listed_to_the_end,
    claims_say_what_they_missed,
    what_is_idle_is_claimed_to_the_end,
    a_removed_consumer_leaves_its_entries,
    a_consumer_that_reads_while_it_is_removed_loses_nothing,
];

const HOUR: Duration = Duration::from_secs(3600);

struct Setting {
    stream: Stream<u32>,
    group: Group<u32>,
    ids: Vec<EntryId>,
}

impl Setting {
    /// Returns a stream of so many numbers, and a group that has not seen them.
    async fn new(bench: &Bench, count: u32) -> Self {
        let stream = bench.broker.stream(bench.name("s"));
        let group = stream.group("g");
        assert_eq!(group.create(Start::Beginning).await.unwrap(), GroupChanged::Done);
        let ids = stream.append_all(&(0..count).collect::<Vec<_>>()).await.unwrap();
        Setting { stream, group, ids }
    }

    /// The same, all delivered to `a`.
    async fn delivered(bench: &Bench, count: u32) -> Self {
        let setting = Setting::new(bench, count).await;
        let items = setting.group.read("a").limit(count as usize).await.unwrap();
        assert_eq!(items.len(), count as usize);
        setting
    }

    async fn consumers(&self) -> Vec<(Arc<str>, u64)> {
        let consumers = self.group.consumers().await.unwrap();
        let mut rows: Vec<_> = consumers.into_iter().map(|row| (row.name, row.pending)).collect();
        rows.sort();
        rows
    }

    async fn rows(&self) -> String {
        owners(&self.group.pending().list(..).await.unwrap())
    }
}

/// Returns owners and delivery counts, as a text to compare with.
fn owners(rows: &[Pending]) -> String {
    let owner = |row: &Pending| format!("{}{}", row.consumer, row.deliveries);
    rows.iter().map(owner).collect::<Vec<_>>().join(" ")
}

fn values(items: Vec<firth::Item<u32>>) -> Vec<u32> {
    items.into_iter().map(|item| item.value.unwrap()).collect()
}

async fn a_group_is_there_or_not(bench: Bench) {
    let stream: Stream<u32> = bench.broker.stream(bench.name("s"));
    let group = stream.group("g");
    assert_eq!(group.info().await.unwrap(), None);
    let refused = |answer: Result<(), Error>| {
        assert!(matches!(answer, Err(Error::Refused(Refusal::NoGroup))), "{answer:?}");
    };
    refused(group.consumers().await.map(drop));
    refused(group.set_position(Start::End).await);
    refused(group.acknowledge([EntryId::new(1, 0)]).await.map(drop));
    refused(group.pending().summary().await.map(drop));
    refused(group.read_again("a").await.map(drop));
    refused(group.remove_consumer("a", Heir::Anyone).await.map(drop));
    assert_eq!(group.destroy().await.unwrap(), GroupChanged::Already);
    assert_eq!(group.create(Start::End).await.unwrap(), GroupChanged::Done);
    assert_eq!(group.create(Start::Beginning).await.unwrap(), GroupChanged::Already);
    let id = stream.append(&1).await.unwrap();
    stream.append(&2).await.unwrap();
    assert_eq!(group.info().await.unwrap().unwrap().lag, Some(2));
    group.set_position(Start::After(id)).await.unwrap();
    assert_eq!(values(group.read("a").await.unwrap()), [2]);
    assert_eq!(group.destroy().await.unwrap(), GroupChanged::Done);
    assert_eq!(group.info().await.unwrap(), None);
}

async fn entries_are_read_and_acknowledged(bench: Bench) {
    let it = Setting::new(&bench, 3).await;
    let first = it.group.read("a").limit(2).await.unwrap();
    let ids: Vec<EntryId> = first.iter().map(|item| item.id).collect();
    assert_eq!(values(first), [0, 1]);
    assert_eq!(values(it.group.read("b").await.unwrap()), [2]);
    assert_eq!(it.group.acknowledge(ids.clone()).await.unwrap(), 2);
    assert_eq!(it.group.acknowledge(ids).await.unwrap(), 0);
    assert_eq!(it.consumers().await, [("a".into(), 0), ("b".into(), 1)]);
    assert_eq!(it.group.info().await.unwrap().unwrap().pending, 1);
}

async fn a_reader_waits(bench: Bench) {
    let it = Setting::new(&bench, 0).await;
    let reads = async { it.group.read("a").wait(HOUR).await.unwrap() };
    let (items, _) = tokio::join!(reads, async { it.stream.append(&7).await.unwrap() });
    assert_eq!(values(items), [7]);
}

async fn what_was_delivered_comes_again(bench: Bench) {
    let it = Setting::delivered(&bench, 5).await;
    it.group.acknowledge([it.ids[1]]).await.unwrap();
    it.stream.delete([it.ids[2]]).await.unwrap();
    assert_eq!(it.group.pending().claim("b", [it.ids[3]]).await.unwrap().items.len(), 1);
    let again = it.group.read_again("a").limit(2).await.unwrap();
    assert_eq!((values(again.items), again.missed), (vec![0], vec![it.ids[2]]));
    let again = it.group.read_again("a").after(it.ids[2]).await.unwrap();
    assert_eq!((values(again.items), again.missed), (vec![4], vec![]));
    assert_eq!(it.rows().await, "a2 b2 a2");
    assert!(it.group.read_again("a").after(it.ids[4]).await.unwrap().items.is_empty());
    assert!(it.group.read_again("a").after(EntryId::MAX).await.unwrap().items.is_empty());
}

async fn what_is_given_back_is_taken_by_others(bench: Bench) {
    let it = Setting::delivered(&bench, 2).await;
    let given = it.group.give_back("a", [it.ids[0], EntryId::MAX]).await.unwrap();
    assert_eq!(given, [it.ids[0]]);
    let taken: Vec<Taken<u32>> =
        it.group.pending().claim_idle("b", HOUR).all().try_collect().await.unwrap();
    assert_eq!(taken.iter().map(Taken::id).collect::<Vec<_>>(), [it.ids[0]]);
    assert_eq!(it.rows().await, "b2 a1");
}

async fn pending_entries_are_summed_up(bench: Bench) {
    let it = Setting::new(&bench, 5).await;
    let nothing = it.group.pending().summary().await.unwrap();
    assert_eq!((nothing.count, nothing.oldest, nothing.newest), (0, None, None));
    it.group.read("b").limit(3).await.unwrap();
    it.group.read("a").limit(1).await.unwrap();
    it.group.read("idle").limit(1).await.unwrap();
    it.group.acknowledge([it.ids[0], it.ids[4]]).await.unwrap();
    let summary = it.group.pending().summary().await.unwrap();
    assert_eq!(summary.count, 3);
    assert_eq!(summary.oldest.unwrap().id, it.ids[1]);
    assert_eq!(summary.newest.unwrap().id, it.ids[3]);
    assert_eq!(summary.consumers, [("a".into(), 1), ("b".into(), 2)]);
}

async fn the_newest_of_many_is_found(bench: Bench) {
    let it = Setting::delivered(&bench, 700).await;
    for newest in [699, 650, 300] {
        it.group.acknowledge(it.ids[newest + 1..].to_vec()).await.unwrap();
        let summary = it.group.pending().summary().await.unwrap();
        assert_eq!(summary.newest.unwrap().id, it.ids[newest]);
    }
}

async fn pending_entries_are_listed_to_the_end(bench: Bench) {
    let it = Setting::delivered(&bench, 7).await;
    it.group.pending().claim("b", it.ids[5..].to_vec()).await.unwrap();
    let pending = it.group.pending();
    assert_eq!(owners(&pending.list(it.ids[4]..it.ids[6]).await.unwrap()), "a1 b2");
    assert_eq!(owners(&pending.list(..).consumer("b").await.unwrap()), "b2 b2");
    assert_eq!(owners(&pending.list(..=it.ids[6]).limit(1).await.unwrap()), "a1");
    assert!(pending.list(..).min_idle(HOUR).await.unwrap().is_empty());
    it.group.give_back("a", [it.ids[2]]).await.unwrap();
    assert_eq!(owners(&pending.list(..).min_idle(HOUR).await.unwrap()), "a1");
    for limit in [0, 1, 2, 7, 100] {
        let all = pending.list(..).limit(limit).all().try_collect::<Vec<_>>().await.unwrap();
        assert_eq!(all.iter().map(|row| row.id).collect::<Vec<_>>(), it.ids, "by {limit}");
    }
}

async fn claims_say_what_they_missed(bench: Bench) {
    let it = Setting::delivered(&bench, 4).await;
    it.group.acknowledge([it.ids[1]]).await.unwrap();
    it.stream.delete([it.ids[2]]).await.unwrap();
    let claimed = it.group.pending().claim("b", it.ids.clone()).await.unwrap();
    assert_eq!((values(claimed.items), claimed.missed), (vec![0, 3], vec![it.ids[1], it.ids[2]]));
    let claimed = it.group.pending().claim("c", [it.ids[0]]).min_idle(HOUR).await.unwrap();
    assert_eq!((values(claimed.items), claimed.missed), (vec![], vec![it.ids[0]]));
    let ids = it.group.pending().claim("c", [it.ids[0]]).just_ids().idle(HOUR).await.unwrap();
    assert_eq!(ids, [it.ids[0]]);
    assert_eq!(it.rows().await, "c2 b2");
}

async fn what_is_idle_is_claimed_to_the_end(bench: Bench) {
    let it = Setting::delivered(&bench, 9).await;
    it.stream.delete([it.ids[4]]).await.unwrap();
    let claim = it.group.pending().claim_idle("b", Duration::ZERO).from(it.ids[1]).limit(2);
    let taken: Vec<Taken<u32>> = claim.all().try_collect().await.unwrap();
    assert_eq!(taken.iter().map(Taken::id).collect::<Vec<_>>(), it.ids[1..]);
    let gone = taken.iter().filter(|taken| matches!(taken, Taken::Gone(_)));
    assert_eq!(gone.map(Taken::id).collect::<Vec<_>>(), [it.ids[4]]);
    assert_eq!(it.rows().await, "a1 b2 b2 b2 b2 b2 b2 b2");
}

async fn a_removed_consumer_leaves_its_entries(bench: Bench) {
    let it = Setting::delivered(&bench, 3).await;
    assert_eq!(it.group.remove_consumer("a", Heir::Consumer("b".into())).await.unwrap(), 3);
    assert_eq!(it.consumers().await, [("b".into(), 3)]);
    assert_eq!(it.group.remove_consumer("b", Heir::Anyone).await.unwrap(), 3);
    let taken: Vec<Taken<u32>> =
        it.group.pending().claim_idle("c", HOUR).all().try_collect().await.unwrap();
    assert_eq!(taken.len(), 3);
    assert_eq!(it.group.remove_consumer("given-back", Heir::Anyone).await.map(drop).ok(), None);
    assert_eq!(it.rows().await, "c2 c2 c2");
}

async fn a_consumer_that_reads_while_it_is_removed_loses_nothing(bench: Bench) {
    let it = Setting::new(&bench, 400).await;
    let other = bench.another().await.stream::<u32>(it.stream.name().clone()).group("g");
    let has_read = AtomicBool::new(false);
    let read = async {
        let mut ids = Vec::new();
        while ids.len() < 400 {
            ids.extend(other.read("a").limit(3).await.unwrap().into_iter().map(|item| item.id));
            tokio::task::yield_now().await;
        }
        has_read.store(true, Ordering::Relaxed);
        ids
    };
    let remove = async {
        while !has_read.load(Ordering::Relaxed) {
            it.group.remove_consumer("a", Heir::Consumer("b".into())).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let (ids, ()) = tokio::join!(read, remove);
    let rows = it.group.pending().list(..).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), ids);
    assert!(rows.iter().all(|row| row.deliveries == 1));
}

/// What the document adds to its streams.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Purchase {
    r#type: String,
    user_id: String,
    amount: f64,
}

fn purchase(user_id: &str, amount: f64) -> Purchase {
    Purchase { r#type: "purchase".into(), user_id: user_id.into(), amount }
}

const GROUP_SNIPPETS: [&str; 3] = ["Setup", "Consumer Worker", "Handling Pending Messages"];

/// The document's consumer handles what we add to a group that we have created, and we take over what it has left.
async fn the_document_consumes(kind: Kind) {
    let lines = r#"
        await createConsumerGroup("orders", "g", "$"); // Ours is there already, and stays.
        const seen = [];
        startConsumer("orders", "g", "bun", async (message) => {
            seen.push(message.fields);
            if (message.fields.userId === "2") throw new Error("not for me");
            if (message.fields.userId === "3") setTimeout(async () => {
                console.log(JSON.stringify(seen));
                console.log(JSON.stringify(await getPendingMessages("orders", "g")));
                process.exit(0);
            }, 0);
        }, { blockMs: 100 });
        "#;
    let lines = format!("{}\n{lines}", reads_as_arrays(kind));
    let Some(script) = Script::of(&GROUP_SNIPPETS, &lines) else { return };
    let server = Server::start(kind);
    let address = format!("redis://127.0.0.1:{}", server.port());
    let broker = Broker::connect(&address).await.unwrap();
    let stream: Stream<Purchase> = broker.stream("orders").flat();
    let group = stream.group("g");
    group.create(Start::Beginning).await.unwrap();
    let purchases = [purchase("1", 99.99), purchase("2", 1.0), purchase("3", 0.5)];
    let ids = stream.append_all(&purchases).await.unwrap();
    let lines = script.run(&address, "groups-of-ours").await;
    let seen: Vec<Value> = serde_json::from_str(&lines[1]).unwrap();
    let fields =
        |user: &str, amount: &str| json!({ "type": "purchase", "userId": user, "amount": amount });
    assert_eq!(seen, [fields("1", "99.99"), fields("2", "1.0"), fields("3", "0.5")]);
    // It has left the second, which failed.
    let rows = group.pending().list(..).await.unwrap();
    assert_eq!((owners(&rows[..1]).as_str(), rows[0].id), ("bun1", ids[1]));
    assert_eq!(
        group.remove_consumer("bun", Heir::Consumer("rust".into())).await.unwrap(),
        rows.len() as u64
    );
    let again = group.read_again("rust").limit(1).await.unwrap();
    assert_eq!(again.items[0].value, Ok(purchase("2", 1.0)));
    assert_eq!(group.acknowledge([ids[1]]).await.unwrap(), 1);
}

/// Our worker handles what the document adds to a group that it has created, and it takes over what we have left.
async fn the_document_takes_over(kind: Kind) {
    let script = Script::of(
        &GROUP_SNIPPETS,
        r#"
        const [count, , , consumers] = await getPendingSummary("orders", "g");
        console.log(JSON.stringify([count, consumers]));
        const rows = await getPendingMessages("orders", "g");
        console.log(JSON.stringify(rows.map(([id, consumer, , deliveries]) => [id, consumer, deliveries])));
        const claimed = await claimIdleMessages("orders", "g", "bun", 0, 1);
        console.log(JSON.stringify(claimed));
        const [next, taken] = await autoClaimMessages("orders", "g", "bun", 0);
        console.log(JSON.stringify([next, taken.map(([id]) => id)]));
        await redis.send("XACK", ["orders", "g", taken[1][0]]);
        await deleteConsumer("orders", "g", "rust");
        await createConsumerGroup("orders", "late", "0");
        await redis.send("XADD", ["orders", "*", "type", "purchase", "userId", "9", "amount", "99.99"]);
        process.exit(0);
        "#,
    );
    let Some(script) = script else { return };
    let server = Server::start(kind);
    let address = format!("redis://127.0.0.1:{}", server.port());
    let broker = Broker::connect(&address).await.unwrap();
    let stream: Stream<Purchase> = broker.stream("orders").flat();
    let group = stream.group("g");
    group.create(Start::Beginning).await.unwrap();
    let ids = stream.append_all(&[purchase("1", 1.5), purchase("2", 2.5)]).await.unwrap();
    assert_eq!(group.read("rust").await.unwrap().len(), 2);
    let lines = script.run(&address, "groups-of-theirs").await;
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let fields = json!(["type", "purchase", "userId", "1", "amount", "1.5"]);
    let expect = [
        json!([2, [["rust", "2"]]]),
        json!([[ids[0], "rust", 1], [ids[1], "rust", 1]]),
        json!([[ids[0], fields]]),
        json!(["0-0", ids]),
    ];
    assert_eq!(lines, expect);
    let rows = group.pending().list(..).await.unwrap();
    assert_eq!((owners(&rows).as_str(), rows[0].id), ("bun3", ids[0]));
    let consumers = group.consumers().await.unwrap();
    assert_eq!(consumers.iter().map(|row| &*row.name).collect::<Vec<_>>(), ["bun"]);
    // The group that the document has created sees all, what it has added included.
    let (sender, mut handled) = mpsc::channel(9);
    let worker = broker.worker(&stream, "late").start(move |delivery: Delivery<Purchase>| {
        let sender = sender.clone();
        async move { sender.send(delivery.value).await }
    });
    for expect in [purchase("1", 1.5), purchase("2", 2.5), purchase("9", 99.99)] {
        assert_eq!(handled.recv().await, Some(expect));
    }
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn groups_beside_the_document_on_firth() {
    the_document_consumes(Kind::Firth).await;
    the_document_takes_over(Kind::Firth).await;
}

#[tokio::test]
async fn groups_beside_the_document_on_redis_7() {
    the_document_consumes(Kind::Redis7).await;
    the_document_takes_over(Kind::Redis7).await;
}

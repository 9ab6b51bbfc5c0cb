//! The event bus.

use std::sync::Arc;

use firth::Broker;
use firth::backend::{Gap, GapReason, Overflow, QueueLimits, Topic};
use firth::event_bus::{Counts, EventBus, Heard, Published};
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};

use crate::document::Script;
use crate::server::{Kind, Server};
use crate::{Bench, cases};

cases![
    handlers_hear_what_is_published,
    receivers_are_counted,
    one_that_fails_disturbs_no_other,
    patterns_tell_the_channel,
    what_is_no_event_is_left_out,
    one_that_has_left_hears_nothing_more,
    an_event_at_work_is_done_to_the_end,
    a_slow_handler_misses_the_oldest_and_learns_of_it,
    a_queue_may_end_the_subscription,
    a_stream_hears_several_topics,
    a_lost_connection_leaves_a_gap,
    closing_the_broker_ends_handlers,
];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Event {
    n: u32,
}

/// A handler that passes on what it gets.
fn pass_on<T: Send + 'static>() -> (impl Fn(T) -> Sent + Send + Sync + 'static, mpsc::Receiver<T>) {
    let (sender, receiver) = mpsc::channel(64);
    let handler = move |event| {
        let sender = sender.clone();
        let sent: Sent =
            Box::pin(async move { sender.send(event).await.map_err(|_| "not wanted") });
        sent
    };
    (handler, receiver)
}

type Sent = futures_util::future::BoxFuture<'static, Result<(), &'static str>>;

async fn publish(bus: &EventBus, channel: &str, numbers: std::ops::Range<u32>) {
    for n in numbers {
        bus.publish(channel, &Event { n }).await.unwrap();
    }
}

async fn next(receiver: &mut mpsc::Receiver<Event>) -> u32 {
    receiver.recv().await.unwrap().n
}

async fn handlers_hear_what_is_published(bench: Bench) {
    let (bus, channel) = (bench.broker.event_bus(), bench.name("c"));
    let (handler, mut one) = pass_on::<Event>();
    let _one = bus.subscribe(&channel, handler).await.unwrap();
    let (handler, mut other) = pass_on::<Event>();
    let _other = bench.another().await.event_bus().subscribe(&channel, handler).await.unwrap();
    publish(&bus, &channel, 0..20).await;
    for n in 0..20 {
        assert_eq!((next(&mut one).await, next(&mut other).await), (n, n));
    }
}

async fn receivers_are_counted(bench: Bench) {
    let (bus, channel) = (bench.broker.event_bus(), bench.name("c"));
    assert_eq!(bus.publish(&channel, &Event { n: 0 }).await.unwrap(), 0);
    let (handler, mut heard) = pass_on::<Event>();
    let one = bus.subscribe(&channel, handler).await.unwrap();
    let (handler, _heard) = pass_on::<Event>();
    let other = bus.subscribe(&channel, handler).await.unwrap();
    // Two handlers, one connection. On a Cluster it may be connected to another node.
    let count = bus.publish(&channel, &Event { n: 1 }).await.unwrap();
    assert!(count == 1 || bench.is_cluster(), "{count}");
    // On a Cluster, what was published before may still be on its way from node to node.
    while next(&mut heard).await != 1 {}
    one.unsubscribe().await;
    other.unsubscribe().await;
    while bus.publish(&channel, &Event { n: 2 }).await.unwrap() > 0 {}
}

async fn one_that_fails_disturbs_no_other(bench: Bench) {
    let (bus, channel) = (bench.broker.event_bus(), bench.name("c"));
    let picky = |Event { n }| async move {
        match n % 3 {
            0 => Ok(()),
            1 => Err("not this one"),
            _ => panic!("never this one"),
        }
    };
    let picky = bus.subscribe(&channel, picky).await.unwrap();
    let (handler, mut heard) = pass_on::<Event>();
    let calm = bus.subscribe(&channel, handler).await.unwrap();
    publish(&bus, &channel, 0..9).await;
    for n in 0..9 {
        assert_eq!(next(&mut heard).await, n);
    }
    while picky.counts().handled + picky.counts().failed + picky.counts().panicked < 9 {
        tokio::task::yield_now().await;
    }
    let Counts { handled, failed, panicked, .. } = picky.counts();
    assert_eq!((handled, failed, panicked), (3, 3, 3));
    assert_eq!(calm.counts().failed, 0);
    assert!(!picky.is_ended());
}

async fn patterns_tell_the_channel(bench: Bench) {
    let bus = bench.broker.event_bus();
    let (handler, mut heard) = pass_on::<Published<Event>>();
    let _all = bus.subscribe_pattern(&bench.name("user.*"), handler).await.unwrap();
    publish(&bus, &bench.name("order.created"), 0..1).await;
    publish(&bus, &bench.name("user.created"), 1..2).await;
    publish(&bus, &bench.name("user.deleted"), 2..3).await;
    for (n, name) in [(1, "user.created"), (2, "user.deleted")] {
        let published = heard.recv().await.unwrap();
        assert_eq!((published.event.n, &*published.channel), (n, &*bench.name(name)));
    }
}

async fn what_is_no_event_is_left_out(bench: Bench) {
    let (bus, channel) = (bench.broker.event_bus(), bench.name("c"));
    let (handler, mut heard) = pass_on::<Event>();
    let handling = bus.subscribe(&channel, handler).await.unwrap();
    let mut listener = bus.listen::<Event>(Topic::Channel((&*channel).into())).await.unwrap();
    let raw = bytes::Bytes::from_static(b"{");
    bench.broker.backend().publish((&*channel).into(), raw.clone()).await.unwrap();
    bus.publish(&channel, "a text").await.unwrap();
    publish(&bus, &channel, 7..8).await;
    assert_eq!(next(&mut heard).await, 7);
    assert_eq!(handling.counts().malformed, 2);
    match listener.next().await {
        Some(Heard::Malformed(malformed)) => assert_eq!(malformed.payload, raw),
        other => panic!("{other:?}"),
    }
}

async fn one_that_has_left_hears_nothing_more(bench: Bench) {
    let (bus, channel) = (bench.broker.event_bus(), bench.name("c"));
    let (handler, mut leaves) = pass_on::<Event>();
    let leaving = bus.subscribe(&channel, handler).await.unwrap();
    let (handler, mut stays) = pass_on::<Event>();
    let _staying = bus.subscribe(&channel, handler).await.unwrap();
    publish(&bus, &channel, 0..1).await;
    assert_eq!((next(&mut leaves).await, next(&mut stays).await), (0, 0));
    leaving.unsubscribe().await;
    publish(&bus, &channel, 1..2).await;
    assert_eq!(next(&mut stays).await, 1);
    assert!(leaves.recv().await.is_none());
}

async fn an_event_at_work_is_done_to_the_end(bench: Bench) {
    let (bus, channel) = (bench.broker.event_bus(), bench.name("c"));
    let (began, mut begun) = mpsc::channel(8);
    let (finish, done) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (finish_, done_) = (Arc::clone(&finish), Arc::clone(&done));
    let handler = move |event: Event| {
        let (began, finish, done) = (began.clone(), Arc::clone(&finish_), Arc::clone(&done_));
        async move {
            began.send(event.n).await.unwrap();
            finish.acquire().await.unwrap().forget();
            done.add_permits(1);
        }
    };
    let subscription = bus.subscribe(&channel, handler).await.unwrap();
    publish(&bus, &channel, 0..3).await;
    assert_eq!(begun.recv().await, Some(0));
    let leave = tokio::spawn(subscription.unsubscribe());
    tokio::task::yield_now().await;
    finish.add_permits(3);
    leave.await.unwrap();
    // It was done before unsubscribing answered, and nothing else was begun.
    assert_eq!(done.available_permits(), 1);
    assert_eq!(begun.recv().await, None);
}

async fn a_slow_handler_misses_the_oldest_and_learns_of_it(bench: Bench) {
    let (bus, channel) = (bench.broker.event_bus(), bench.name("c"));
    let (began, mut begun) = mpsc::channel(64);
    let go_on = Arc::new(Semaphore::new(0));
    let go = Arc::clone(&go_on);
    let (gaps, mut gap) = mpsc::channel(8);
    let handler = move |event: Event| {
        let (began, go) = (began.clone(), Arc::clone(&go));
        async move {
            began.send(event.n).await.unwrap();
            go.acquire().await.unwrap().forget();
        }
    };
    let limits = QueueLimits { messages: 3, overflow: Overflow::DropOldest };
    let subscribe = bus.subscribe(&channel, handler).queue(limits);
    let slow = subscribe.on_gap(move |gap| gaps.try_send(gap).unwrap()).await.unwrap();
    let (handler, mut fast) = pass_on::<Event>();
    let _fast = bus.subscribe(&channel, handler).await.unwrap();
    publish(&bus, &channel, 0..1).await;
    assert_eq!(begun.recv().await, Some(0));
    publish(&bus, &channel, 1..9).await;
    for n in 0..9 {
        assert_eq!(next(&mut fast).await, n);
    }
    go_on.add_permits(9);
    let mut heard = Vec::new();
    while heard.last() != Some(&8) {
        heard.push(begun.recv().await.unwrap());
    }
    assert_eq!(heard, [6, 7, 8]);
    let expect = Gap { reason: GapReason::Overflow, missed: Some(5) };
    assert_eq!(gap.recv().await, Some(expect));
    assert_eq!(slow.counts().gaps, 1);
}

async fn a_queue_may_end_the_subscription(bench: Bench) {
    let (bus, channel) = (bench.broker.event_bus(), bench.name("c"));
    let limits = QueueLimits { messages: 2, overflow: Overflow::End };
    let topic = Topic::Channel((&*channel).into());
    let mut listener = bus.listen::<Event>(topic).queue(limits).await.unwrap();
    let (handler, mut heard) = pass_on::<Event>();
    let _other = bus.subscribe(&channel, handler).await.unwrap();
    publish(&bus, &channel, 0..4).await;
    for n in 0..4 {
        assert_eq!(next(&mut heard).await, n);
    }
    let mut numbers = Vec::new();
    while let Some(heard) = listener.next().await {
        let Heard::Event(published) = heard else { panic!("{heard:?}") };
        numbers.push(published.event.n);
    }
    assert_eq!(numbers, [0, 1]);
}

async fn a_stream_hears_several_topics(bench: Bench) {
    let bus = bench.broker.event_bus();
    let listen = bus.listen::<Event>(Topic::Channel(bench.name("a").into()));
    let mut listener = listen.and(Topic::Pattern(bench.name("b.*").into())).await.unwrap();
    for (n, name) in (0..).zip(["a", "b.1", "c", "b.2", "a"]) {
        publish(&bus, &bench.name(name), n..n + 1).await;
    }
    for expect in [0, 1, 3, 4] {
        match listener.next().await {
            Some(Heard::Event(published)) => assert_eq!(published.event.n, expect),
            other => panic!("{other:?}"),
        }
    }
}

async fn a_lost_connection_leaves_a_gap(bench: Bench) {
    if !bench.is_shared() || bench.is_cluster() {
        return;
    }
    let (bus, channel) = (bench.another().await.event_bus(), bench.name("c"));
    let (handler, mut heard) = pass_on::<Event>();
    let (gaps, mut gap) = mpsc::channel(8);
    let subscribe = bus.subscribe(&channel, handler);
    let subscribe = subscribe.on_gap(move |gap| gaps.try_send(gap).unwrap());
    let _handling = subscribe.await.unwrap();
    publish(&bus, &channel, 0..1).await;
    assert_eq!(next(&mut heard).await, 0);
    let client = redis::Client::open(&*bench.address).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut kill = redis::cmd("CLIENT");
    kill.arg("KILL").arg("TYPE").arg("pubsub");
    let killed: u64 = kill.query_async(&mut connection).await.unwrap();
    assert!(killed > 0);
    let expect = Gap { reason: GapReason::Reconnected, missed: None };
    assert_eq!(gap.recv().await, Some(expect));
    publish(&bus, &channel, 1..2).await;
    assert_eq!(next(&mut heard).await, 1);
}

async fn closing_the_broker_ends_handlers(bench: Bench) {
    if !bench.is_shared() {
        return;
    }
    let broker = bench.another().await;
    let (handler, mut heard) = pass_on::<Event>();
    let handling = broker.event_bus().subscribe(&bench.name("c"), handler).await.unwrap();
    broker.close().await;
    assert!(heard.recv().await.is_none());
    handling.unsubscribe().await;
}

/// The document's class on one side, ours on the other: each hears the other one.
async fn beside_the_document(kind: Kind) {
    let script = Script::new(
        "Event Bus",
        r#"
        const bus = new EventBus(process.env.REDIS_URL);
        await bus.connect();
        const orders = [];
        const done = new Promise((resolve) => {
            bus.subscribe("orders", (event) => {
                orders.push(event);
                if (event.type === "closed") resolve();
            });
        });
        while ((await bus.publish("orders", { type: "ready" })) < 2) {}
        await done;
        console.log(JSON.stringify(orders.filter((event) => event.type !== "ready")));
        bus.close();
        redis.close();
        "#,
    );
    let Some(script) = script else { return };
    let server = Server::start(kind);
    let address = format!("redis://127.0.0.1:{}", server.port());
    let bus = Broker::connect(&address).await.unwrap().event_bus();
    let (handler, mut heard) = pass_on::<Value>();
    let _handling = bus.subscribe("orders", handler).await.unwrap();
    let script = tokio::spawn(async move { script.run(&address, "bus").await });
    // Theirs, by which they tell that they listen.
    assert_eq!(heard.recv().await, Some(json!({ "type": "ready" })));
    while bus.publish("orders", &json!({ "type": "created", "orderId": "123" })).await.unwrap() < 2
    {
    }
    bus.publish("orders", &json!({ "type": "closed" })).await.unwrap();
    let lines = script.await.unwrap();
    let orders: Vec<Value> = serde_json::from_str(&lines[0]).unwrap();
    let expect = [json!({ "type": "created", "orderId": "123" }), json!({ "type": "closed" })];
    assert!(orders.ends_with(&expect), "{orders:?}");
}

#[tokio::test]
async fn event_bus_beside_the_document_on_firth() {
    beside_the_document(Kind::Firth).await;
}

#[tokio::test]
async fn event_bus_beside_the_document_on_redis_7() {
    beside_the_document(Kind::Redis7).await;
}

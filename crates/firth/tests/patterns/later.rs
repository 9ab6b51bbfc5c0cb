//! Messages for later.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use firth::backend::{Batch, Fields, SetValue, When, Write};
use firth::later::Waiting;
use firth::test_kit::{Call, Fault, Faults, TestBroker};
use firth::{Broker, EntryId, Stream, TailStart};
use futures_util::{StreamExt as _, TryStreamExt as _};

use crate::{Bench, cases};

cases![
    what_is_due_is_delivered_in_order_and_never_early,
    what_was_cancelled_never_comes,
    a_repetition_comes_until_it_is_cancelled,
    a_repetition_is_there_once,
    several_deliver_each_message_once,
    another_takes_the_turn_when_it_is_over,
    what_was_put_there_while_others_wait_comes_in_time,
    fields_come_as_they_were,
];

const SOON: Duration = Duration::from_millis(1);

fn ms(at: SystemTime) -> u64 {
    u64::try_from(at.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// Returns a time that has passed, so many milliseconds after another one.
fn past(n: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_000_000 + n)
}

/// The time now, by the ids that the backend gives.
async fn now(bench: &Bench) -> SystemTime {
    let clock = bench.broker.stream::<u32>(bench.name("clock"));
    UNIX_EPOCH + Duration::from_millis(clock.append(&0).await.unwrap().ms)
}

/// The next entries of a stream, with their ids.
async fn arrivals(stream: &Stream<u32>, count: usize) -> Vec<(EntryId, u32)> {
    let items = stream.tail(TailStart::Beginning).take(count);
    items.map(|item| item.unwrap()).map(|item| (item.id, item.value.unwrap())).collect().await
}

fn values(arrivals: &[(EntryId, u32)]) -> Vec<u32> {
    arrivals.iter().map(|(_, value)| *value).collect()
}

async fn listed(stream: &Stream<u32>) -> Vec<Waiting<u32>> {
    stream.later().list().try_collect().await.unwrap()
}

/// Waits until nothing is kept for a stream, what is left of ended repetitions included.
async fn until_nothing_waits(bench: &Bench, stream: &Stream<u32>) {
    let waiting = bench.broker.raw_stream(format!("{{{}}}:later", stream.name()));
    while waiting.length().await.unwrap() > 0 {
        tokio::time::sleep(SOON).await;
    }
}

async fn what_is_due_is_delivered_in_order_and_never_early(bench: Bench) {
    let stream = bench.broker.stream::<u32>(bench.name("s"));
    let now = now(&bench).await;
    let at = [120, 40, 80, 0].map(|ms| now + Duration::from_millis(ms));
    let mut ids = Vec::new();
    for (n, at) in (0..).zip(at) {
        ids.push(stream.append_at(&n, at).await.unwrap());
    }
    let rows = listed(&stream).await;
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), ids);
    assert_eq!(rows.iter().map(|row| ms(row.due)).collect::<Vec<_>>(), at.map(ms));
    assert_eq!(rows[0].value, Ok(0));
    let delivery = stream.later().start();
    let arrivals = arrivals(&stream, 4).await;
    assert_eq!(values(&arrivals), [3, 1, 2, 0]);
    for (id, n) in arrivals {
        assert!(id.ms >= ms(at[n as usize]), "{n} at {id}, due at {}", ms(at[n as usize]));
    }
    assert!(listed(&stream).await.is_empty());
    let stats = delivery.stop().await.unwrap();
    assert_eq!((stats.delivered, stats.waiting), (4, 0));
}

async fn what_was_cancelled_never_comes(bench: Bench) {
    let stream = bench.broker.stream::<u32>(bench.name("s"));
    let later = stream.later();
    let first = later.append_at(&1, past(1)).await.unwrap();
    let second = later.append_at(&2, past(2)).await.unwrap();
    let hour = later.append_after(&3, Duration::from_secs(3600)).await.unwrap();
    assert!(later.cancel(first).await.unwrap());
    assert!(!later.cancel(first).await.unwrap());
    let delivery = later.start();
    assert_eq!(values(&arrivals(&stream, 1).await), [2]);
    assert!(!later.cancel(second).await.unwrap());
    // Also of one that the delivery knows already.
    while delivery.stats().waiting != 1 {
        tokio::time::sleep(SOON).await;
    }
    assert!(later.cancel(hour).await.unwrap());
    delivery.stop().await.unwrap();
    assert_eq!(stream.length().await.unwrap(), 1);
    assert!(listed(&stream).await.is_empty());
}

async fn a_repetition_comes_until_it_is_cancelled(bench: Bench) {
    let stream = bench.broker.stream::<u32>(bench.name("s"));
    let later = stream.later();
    later.every("tick", Duration::from_millis(20), &7).await.unwrap();
    let delivery = later.start();
    let arrivals = arrivals(&stream, 3).await;
    assert_eq!(values(&arrivals), [7, 7, 7]);
    for pair in arrivals.windows(2) {
        assert!(pair[1].0.ms > pair[0].0.ms);
    }
    assert!(later.cancel_every("tick").await.unwrap());
    let length = stream.length().await.unwrap();
    assert!(!later.cancel_every("tick").await.unwrap());
    assert!(listed(&stream).await.is_empty());
    // What is left of it goes when it would have been due, and adds nothing.
    until_nothing_waits(&bench, &stream).await;
    assert_eq!(stream.length().await.unwrap(), length);
    delivery.stop().await.unwrap();
}

async fn a_repetition_is_there_once(bench: Bench) {
    let stream = bench.broker.stream::<u32>(bench.name("s"));
    let later = stream.later();
    let (hour, day) = (Duration::from_secs(3600), Duration::from_secs(86_400));
    for _ in 0..3 {
        later.every("report", hour, &1).await.unwrap();
        later.every("backup", day, &1).await.unwrap();
    }
    let first = listed(&stream).await;
    assert_eq!(first.len(), 2);
    assert_eq!(&*first[0].repeated.as_ref().unwrap().name, "report");
    later.every("report", day, &1).await.unwrap();
    later.every("backup", day, &2).await.unwrap();
    let rows = listed(&stream).await;
    let intervals = rows.iter().map(|row| row.repeated.as_ref().unwrap().interval);
    assert_eq!(intervals.collect::<Vec<_>>(), [day, day]);
    assert_eq!(rows.iter().map(|row| row.value.clone().unwrap()).collect::<Vec<_>>(), [1, 2]);
    // A repetition also ends by the id of what waits, and may begin again.
    assert!(later.cancel(rows[0].id).await.unwrap());
    assert_eq!(listed(&stream).await.len(), 1);
    later.every("report", day, &1).await.unwrap();
    assert_eq!(listed(&stream).await.len(), 2);
}

async fn several_deliver_each_message_once(bench: Bench) {
    const COUNT: u32 = 250;
    let stream = bench.broker.stream::<u32>(bench.name("s"));
    let later = stream.later();
    for n in 0..COUNT {
        later.append_at(&n, past(u64::from(n))).await.unwrap();
    }
    let mut deliveries = Vec::new();
    for _ in 0..3 {
        let broker: Broker = bench.another().await;
        deliveries.push(broker.stream::<u32>(Arc::clone(stream.name())).later().start());
    }
    let arrivals = arrivals(&stream, COUNT as usize).await;
    assert_eq!(values(&arrivals), (0..COUNT).collect::<Vec<_>>());
    let mut delivered = 0;
    for delivery in deliveries {
        delivered += delivery.stop().await.unwrap().delivered;
    }
    assert_eq!((delivered, stream.length().await.unwrap()), (COUNT.into(), COUNT.into()));
}

async fn another_takes_the_turn_when_it_is_over(bench: Bench) {
    let stream = bench.broker.stream::<u32>(bench.name("s"));
    stream.later().append_at(&1, past(1)).await.unwrap();
    // Somebody has the turn, and is never heard of again.
    let key: Arc<str> = format!("{{{}}}:later:turn", stream.name()).into();
    let set = |expires_in| {
        let (key, value, when) = (Arc::clone(&key), "0 dead".into(), When::Always);
        Batch::of(Write::Set(SetValue { key, value, expires_in, when }))
    };
    bench.broker.backend().write(set(None)).await.unwrap();
    let delivery = stream.later().start();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(stream.length().await.unwrap(), 0);
    bench.broker.backend().write(set(Some(SOON))).await.unwrap();
    assert_eq!(values(&arrivals(&stream, 1).await), [1]);
    delivery.stop().await.unwrap();
}

async fn what_was_put_there_while_others_wait_comes_in_time(bench: Bench) {
    let stream = bench.broker.stream::<u32>(bench.name("s"));
    let later = stream.later();
    later.append_after(&1, Duration::from_secs(3600)).await.unwrap();
    let delivery = later.start();
    while delivery.stats().waiting != 1 {
        tokio::time::sleep(SOON).await;
    }
    later.append_after(&2, Duration::from_millis(5)).await.unwrap();
    assert_eq!(values(&arrivals(&stream, 1).await), [2]);
    assert_eq!(delivery.stop().await.unwrap().delivered, 1);
}

async fn fields_come_as_they_were(bench: Bench) {
    let stream = bench.broker.raw_stream(bench.name("s"));
    let fields = Fields::from([("later", "{\"at\":1}"), ("later", "x"), ("", "")]);
    stream.append_at(&fields, past(0)).await.unwrap();
    let delivery = stream.later().start();
    let item = stream.tail(TailStart::Beginning).next().await.unwrap().unwrap();
    assert_eq!(item.value.unwrap(), fields);
    delivery.stop().await.unwrap();
}

/// Whatever is lost on the way, each message is delivered once, in order, and none is lost.
#[tokio::test(start_paused = true)]
async fn lost_answers_double_nothing() {
    for seed in 0..20 {
        let faults = Faults::seeded(seed);
        let broker = TestBroker::with(faults.clone()).unwrap();
        let stream = broker.stream::<u32>("jobs");
        for n in 0..150 {
            stream.append_at(&n, past(u64::from(n))).await.unwrap();
        }
        stream.later().every("tick", Duration::from_secs(3600), &0).await.unwrap();
        for call in [Call::Append, Call::Write, Call::Range, Call::Value, Call::Read] {
            faults.sometimes(call, 0.1, Fault::LoseAnswer);
            faults.sometimes(call, 0.1, Fault::LoseRequest);
            faults.sometimes(call, 0.1, Fault::Fail);
        }
        let deliveries = [(); 2].map(|()| stream.later().start());
        while stream.length().await.unwrap_or(0) < 150 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        faults.clear();
        for delivery in deliveries {
            delivery.stop().await.unwrap();
        }
        let items = stream.range(..).await.unwrap().into_iter();
        assert_eq!(
            items.map(|item| item.value.unwrap()).collect::<Vec<_>>(),
            (0..150).collect::<Vec<_>>()
        );
        assert_eq!(listed(&stream).await.len(), 1);
        assert!(!faults.injected().is_empty());
    }
}

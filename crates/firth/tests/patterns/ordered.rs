//! Workers that order by key.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use firth::backend::{GroupChange, GroupRead, Start};
use firth::{Backoff, Broker, Delivery, Stream, Verdict};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::{Bench, cases};

cases![
    each_key_is_in_order_through_failures_and_workers,
    a_retry_holds_back_its_key_alone,
    what_a_dead_worker_has_left_goes_first,
    a_dead_letter_lets_its_key_go_on,
    what_is_held_back_is_bounded_and_goes_on,
];

/// A key and a number.
type Numbered = (u32, u32);

fn stream(bench: &Bench) -> Stream<Numbered> {
    bench.broker.stream(bench.name("s"))
}

fn worker(broker: &Broker, stream: &Stream<Numbered>) -> firth::Worker<Numbered> {
    let worker = broker.worker(stream, "g").order_by(|(key, _)| *key).concurrency(4);
    worker.retry(Backoff::constant(Duration::from_millis(1))).lease(Duration::from_secs(5))
}

/// What has been done, in this order; a key that is worked on twice at once panics.
#[derive(Default)]
struct Record {
    busy: HashSet<u32>,
    done: HashMap<u32, Vec<u32>>,
    count: u32,
}

async fn each_key_is_in_order_through_failures_and_workers(bench: Bench) {
    const KEYS: u32 = 5;
    const EACH: u32 = 20;
    let stream = stream(&bench);
    let record = Arc::new(Mutex::new(Record::default()));
    let (sender, mut finished) = mpsc::channel(1000);
    let mut workers = Vec::new();
    for _ in 0..2 {
        let (record, sender) = (Arc::clone(&record), sender.clone());
        let broker = bench.another().await;
        let there = broker.stream(Arc::clone(stream.name()));
        workers.push(worker(&broker, &there).start(move |delivery: Delivery<Numbered>| {
            let (record, sender) = (Arc::clone(&record), sender.clone());
            async move {
                let (key, number) = delivery.value;
                assert!(record.lock().busy.insert(key), "{key} is busy");
                tokio::task::yield_now().await;
                let mut record = record.lock();
                record.busy.remove(&key);
                if (key + number) % 3 == 0 && delivery.deliveries < 3 {
                    return Err("not yet");
                }
                record.done.entry(key).or_default().push(number);
                record.count += 1;
                if record.count == KEYS * EACH {
                    sender.try_send(()).unwrap();
                }
                Ok(())
            }
        }));
        let half = if workers.len() == 1 { 0..EACH / 2 } else { EACH / 2..EACH };
        let values: Vec<Numbered> = half.flat_map(|n| (0..KEYS).map(move |key| (key, n))).collect();
        stream.append_all(&values).await.unwrap();
    }
    finished.recv().await.unwrap();
    for worker in workers {
        worker.stop().await.unwrap();
    }
    for key in 0..KEYS {
        assert_eq!(record.lock().done[&key], (0..EACH).collect::<Vec<_>>(), "key {key}");
    }
    assert_eq!(stream.info().await.unwrap().unwrap().groups[0].pending, 0);
}

async fn a_retry_holds_back_its_key_alone(bench: Bench) {
    let stream = stream(&bench);
    stream.append_all(&[(1, 0), (1, 1), (2, 0), (1, 2), (2, 1)]).await.unwrap();
    let (sender, mut handled) = mpsc::channel(100);
    let worker = worker(&bench.broker, &stream).start(move |delivery: Delivery<Numbered>| {
        let sender = sender.clone();
        async move {
            let (key, _) = delivery.value;
            sender.send(delivery.value).await.unwrap();
            match key {
                1 => Verdict::retry_after(Duration::from_secs(3600), "later"),
                _ => Verdict::Done,
            }
        }
    });
    let mut first = Vec::new();
    while first.len() < 3 {
        first.push(handled.recv().await.unwrap());
    }
    first.sort_unstable();
    assert_eq!(first, [(1, 0), (2, 0), (2, 1)]);
    let stats = worker.stop().await.unwrap();
    assert_eq!((stats.processed, stats.failed), (2, 1));
    assert_eq!(handled.recv().await, None);
    assert_eq!(stream.info().await.unwrap().unwrap().groups[0].pending, 3);
}

/// Has a consumer that never comes back take so many entries.
async fn leave_to_the_dead(bench: &Bench, stream: &Stream<Numbered>, limit: usize) {
    let (stream, group): (Arc<str>, Arc<str>) = (Arc::clone(stream.name()), "g".into());
    let backend = bench.broker.backend();
    let start = Start::Beginning;
    let create =
        GroupChange::Create { stream: Arc::clone(&stream), group: Arc::clone(&group), start };
    backend.change_group(create).await.unwrap();
    let read = GroupRead { stream, group, consumer: "gone".into(), limit, wait: None };
    assert_eq!(backend.read_group(read).await.unwrap().len(), limit);
}

async fn what_a_dead_worker_has_left_goes_first(bench: Bench) {
    let stream = stream(&bench);
    stream.append_all(&[(1, 0), (1, 1), (2, 0), (1, 2), (3, 0)]).await.unwrap();
    leave_to_the_dead(&bench, &stream, 2).await;
    let (sender, mut handled) = mpsc::channel(100);
    let ordered = worker(&bench.broker, &stream).lease(Duration::from_millis(200));
    let worker = ordered.start(move |delivery: Delivery<Numbered>| {
        let sender = sender.clone();
        async move { sender.send(delivery.value).await }
    });
    let mut of_one = Vec::new();
    for _ in 0..5 {
        let value = handled.recv().await.unwrap();
        if value.0 == 1 {
            of_one.push(value.1);
        }
    }
    assert_eq!(of_one, [0, 1, 2]);
    assert_eq!(worker.stop().await.unwrap().taken_over, 2);
}

async fn a_dead_letter_lets_its_key_go_on(bench: Bench) {
    let stream = stream(&bench);
    stream.append_all(&[(1, 0), (1, 1), (1, 2)]).await.unwrap();
    let (sender, mut handled) = mpsc::channel(100);
    let ordered = worker(&bench.broker, &stream).max_deliveries(2);
    let worker = ordered.start(move |delivery: Delivery<Numbered>| {
        let sender = sender.clone();
        async move {
            sender.send((delivery.value.1, delivery.deliveries)).await.unwrap();
            if delivery.value.1 == 1 { Err("never") } else { Ok(()) }
        }
    });
    for expected in [(0, 1), (1, 1), (1, 2), (2, 1)] {
        assert_eq!(handled.recv().await, Some(expected));
    }
    let stats = worker.stop().await.unwrap();
    assert_eq!((stats.processed, stats.dead), (2, 1));
}

async fn what_is_held_back_is_bounded_and_goes_on(bench: Bench) {
    let stream = stream(&bench);
    let numbers: Vec<Numbered> = (0..1200).map(|number| (1, number)).collect();
    stream.append_all(&numbers).await.unwrap();
    let (sender, mut handled) = mpsc::channel(100);
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let (theirs, opened) = (Arc::clone(&gate), 1200);
    let ordered = worker(&bench.broker, &stream).concurrency(100);
    let worker = ordered.start(move |delivery: Delivery<Numbered>| {
        let (sender, gate) = (sender.clone(), Arc::clone(&theirs));
        async move {
            gate.acquire().await.unwrap().forget();
            sender.send(delivery.value.1).await
        }
    });
    // One runs, and a thousand wait behind it.
    while stream.info().await.unwrap().unwrap().groups.first().is_none_or(|g| g.pending < 1001) {
        tokio::task::yield_now().await;
    }
    gate.add_permits(opened);
    for number in 0..1200 {
        assert_eq!(handled.recv().await, Some(number));
    }
    worker.stop().await.unwrap();
}

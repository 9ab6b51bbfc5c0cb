//! Workers.

use std::sync::Arc;
use std::time::Duration;

use firth::backend::{Fields, GroupChange, GroupRead, Start};
use firth::{Backoff, Broker, Delivery, EntryId, Error, Refusal, Stream, Verdict};
use tokio::sync::mpsc;

use crate::{Bench, cases};

cases![
    every_entry_is_handled_and_acknowledged,
    failures_come_again,
    what_always_fails_is_a_dead_letter,
    what_is_rejected_or_unreadable_is_a_dead_letter,
    a_panic_is_a_failure,
    what_others_have_left_is_taken_over,
    what_others_have_taken_over_is_theirs_to_judge,
    what_is_not_done_is_handed_back,
    what_has_happened_is_counted,
    it_is_known_how_far_a_group_is_behind,
];

const SOON: Duration = Duration::from_millis(1);

struct Setting {
    stream: Stream<u32>,
    dead: Stream<Fields>,
    broker: Broker,
}

impl Setting {
    fn new(bench: &Bench) -> Self {
        let name = bench.name("s");
        let dead = bench.broker.raw_stream(format!("{{{name}}}:dead"));
        Setting { stream: bench.broker.stream(name), dead, broker: bench.broker.clone() }
    }

    async fn add(&self, numbers: std::ops::Range<u32>) -> Vec<EntryId> {
        self.stream.append_all(&numbers.collect::<Vec<_>>()).await.unwrap()
    }

    fn worker(&self) -> firth::Worker<u32> {
        let worker = self.broker.worker(&self.stream, "g");
        worker.retry(Backoff::constant(SOON)).lease(Duration::from_secs(2)).concurrency(3)
    }

    async fn pending(&self) -> u64 {
        self.stream.info().await.unwrap().unwrap().groups[0].pending
    }
}

async fn every_entry_is_handled_and_acknowledged(bench: Bench) {
    let setting = Setting::new(&bench);
    setting.add(0..20).await;
    let (sender, mut handled) = mpsc::channel(100);
    let worker = setting.worker().start(move |delivery: Delivery<u32>| {
        let sender = sender.clone();
        async move { sender.send((delivery.value, delivery.deliveries)).await }
    });
    setting.add(20..40).await;
    let mut numbers = Vec::new();
    while numbers.len() < 40 {
        let (number, deliveries) = handled.recv().await.unwrap();
        assert_eq!(deliveries, 1);
        numbers.push(number);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (0..40).collect::<Vec<_>>());
    let stats = worker.stop().await.unwrap();
    assert_eq!((stats.processed, stats.failed, stats.in_flight), (40, 0, 0));
    assert_eq!(setting.pending().await, 0);
    assert!(setting.stream.consumers("g").await.unwrap().is_empty());
}

async fn failures_come_again(bench: Bench) {
    let setting = Setting::new(&bench);
    setting.add(7..8).await;
    let (sender, mut handled) = mpsc::channel(100);
    let worker = setting.worker().start(move |delivery: Delivery<u32>| {
        let sender = sender.clone();
        async move {
            sender.send(delivery.deliveries).await.unwrap();
            if delivery.deliveries < 3 { Err("not yet") } else { Ok(()) }
        }
    });
    for deliveries in 1..=3 {
        assert_eq!(handled.recv().await, Some(deliveries));
    }
    let stats = worker.stop().await.unwrap();
    assert_eq!((stats.processed, stats.failed, stats.retried, stats.dead), (1, 2, 2, 0));
    assert_eq!(setting.pending().await, 0);
}

/// Runs a worker until there are so many dead letters, and returns them.
async fn dead_letters<V: Into<Verdict> + 'static>(
    setting: &Setting,
    count: usize,
    verdict: impl Fn(u32) -> V + Send + Sync + 'static,
) -> Vec<Fields> {
    let verdict = Arc::new(verdict);
    let worker = setting.worker().max_deliveries(2).start(move |delivery: Delivery<u32>| {
        let verdict = Arc::clone(&verdict);
        async move { verdict(delivery.value).into() }
    });
    let tail = setting.dead.tail(firth::TailStart::Beginning);
    let letters: Vec<_> =
        futures_util::StreamExt::collect(futures_util::StreamExt::take(tail, count)).await;
    let stats = worker.stop().await.unwrap();
    assert_eq!(stats.dead, count as u64);
    assert_eq!(setting.pending().await, 0);
    letters.into_iter().map(|letter| letter.unwrap().value.unwrap()).collect()
}

async fn what_always_fails_is_a_dead_letter(bench: Bench) {
    let setting = Setting::new(&bench);
    let ids = setting.add(7..8).await;
    let letters = dead_letters(&setting, 1, |_| Err::<(), _>("no stock")).await;
    let letter = &letters[0];
    assert_eq!(letter.text("original_stream"), Some(&**setting.stream.name()));
    assert_eq!(letter.text("original_id"), Some(&*ids[0].to_string()));
    assert_eq!(letter.text("original_group"), Some("g"));
    assert_eq!(letter.text("reason"), Some("no stock"));
    assert_eq!(letter.text("deliveries"), Some("2"));
    assert!(letter.text("moved_at").unwrap().parse::<u64>().is_ok());
    assert_eq!(letter.text("payload"), Some("7"));
}

async fn what_is_rejected_or_unreadable_is_a_dead_letter(bench: Bench) {
    let setting = Setting::new(&bench);
    setting.add(7..8).await;
    let raw = setting.broker.raw_stream(Arc::clone(setting.stream.name()));
    raw.append(&Fields::from([("payload", "x")])).await.unwrap();
    let letters = dead_letters(&setting, 2, |_| Verdict::reject("never")).await;
    let mut reasons: Vec<&str> = letters.iter().map(|it| it.text("reason").unwrap()).collect();
    reasons.sort_unstable();
    assert_eq!(reasons[0], "never");
    assert!(reasons[1].starts_with("unreadable: "), "{}", reasons[1]);
}

async fn a_panic_is_a_failure(bench: Bench) {
    let setting = Setting::new(&bench);
    setting.add(7..8).await;
    let letters = dead_letters(&setting, 1, |n| -> Verdict { panic!("number {n}") }).await;
    assert_eq!(letters[0].text("reason"), Some("the handler panicked: number 7"));
}

async fn what_others_have_left_is_taken_over(bench: Bench) {
    let setting = Setting::new(&bench);
    setting.add(0..3).await;
    let (stream, group): (Arc<str>, Arc<str>) = (Arc::clone(setting.stream.name()), "g".into());
    let backend = setting.broker.backend();
    let create = GroupChange::Create {
        stream: Arc::clone(&stream),
        group: Arc::clone(&group),
        start: Start::Beginning,
    };
    backend.change_group(create).await.unwrap();
    let read = GroupRead { stream, group, consumer: "gone".into(), limit: 3, wait: None };
    assert_eq!(backend.read_group(read).await.unwrap().len(), 3);
    let (sender, mut handled) = mpsc::channel(100);
    let lease = Duration::from_millis(50);
    let worker = setting.worker().lease(lease).start(move |delivery: Delivery<u32>| {
        let sender = sender.clone();
        async move { sender.send((delivery.value, delivery.deliveries)).await }
    });
    let mut numbers = Vec::new();
    while numbers.len() < 3 {
        numbers.push(handled.recv().await.unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, [(0, 2), (1, 2), (2, 2)]);
    assert_eq!(worker.stop().await.unwrap().taken_over, 3);
    assert_eq!(setting.pending().await, 0);
}

async fn what_others_have_taken_over_is_theirs_to_judge(bench: Bench) {
    let setting = Setting::new(&bench);
    setting.add(0..2).await;
    let pending = setting.stream.group("g").pending();
    let (sender, mut handled) = mpsc::channel(100);
    let worker = setting.worker().concurrency(1).start(move |delivery: Delivery<u32>| {
        let (sender, pending) = (sender.clone(), pending.clone());
        async move {
            if delivery.value == 0 {
                let taken = pending.claim("other", [delivery.id]).await.unwrap();
                assert_eq!(taken.items.len(), 1);
            }
            sender.send(delivery.value).await.unwrap();
            Verdict::reject("never")
        }
    });
    for number in 0..2 {
        assert_eq!(handled.recv().await, Some(number));
    }
    // Only the other letter is written.
    assert_eq!(worker.stop().await.unwrap().dead, 1);
    assert_eq!(setting.dead.length().await.unwrap(), 1);
    assert_eq!(setting.pending().await, 1);
}

async fn what_is_not_done_is_handed_back(bench: Bench) {
    let setting = Setting::new(&bench);
    setting.add(7..8).await;
    let (sender, mut handled) = mpsc::channel(100);
    let lease = Duration::from_secs(3600);
    let stuck = setting.worker().lease(lease).grace(Duration::ZERO).start({
        let sender = sender.clone();
        move |_: Delivery<u32>| {
            let sender = sender.clone();
            async move {
                sender.send(0).await.unwrap();
                std::future::pending::<()>().await;
            }
        }
    });
    assert_eq!(handled.recv().await, Some(0));
    stuck.stop().await.unwrap();
    // The next one has it at once, although the lease is long.
    let next = setting.worker().lease(lease).start(move |delivery: Delivery<u32>| {
        let sender = sender.clone();
        async move { sender.send(delivery.deliveries).await }
    });
    assert_eq!(handled.recv().await, Some(2));
    next.stop().await.unwrap();
    assert_eq!(setting.pending().await, 0);
}

async fn what_has_happened_is_counted(bench: Bench) {
    let setting = Setting::new(&bench);
    let raw = setting.broker.raw_stream(Arc::clone(setting.stream.name()));
    raw.append(&Fields::from([("payload", "x")])).await.unwrap();
    setting.add(0..6).await;
    let worker = setting.worker().start(|delivery: Delivery<u32>| async move {
        match delivery.value {
            0 if delivery.deliveries == 1 => Verdict::retry("not yet"),
            1 | 2 => Verdict::reject("never"),
            _ => Verdict::Done,
        }
    });
    while worker.stats().processed + worker.stats().dead < 7 {
        tokio::time::sleep(SOON).await;
    }
    let stats = worker.stop().await.unwrap();
    assert_eq!((stats.processed, stats.failed, stats.retried), (4, 1, 1));
    assert_eq!((stats.rejected, stats.unreadable, stats.dead), (2, 1, 3));
}

async fn it_is_known_how_far_a_group_is_behind(bench: Bench) {
    let setting = Setting::new(&bench);
    let group = setting.stream.group("g");
    assert!(matches!(group.lag().await, Err(Error::Refused(Refusal::NoGroup))));
    group.create(Start::Beginning).await.unwrap();
    let lag = group.lag().await.unwrap();
    assert_eq!((lag.entries, lag.age, lag.pending), (Some(0), Duration::ZERO, 0));
    // This one has been waiting since 1970.
    setting.stream.append(&0).id(EntryId::new(1, 0)).await.unwrap();
    setting.add(1..3).await;
    let lag = group.lag().await.unwrap();
    assert_eq!((lag.entries, lag.pending), (Some(3), 0));
    assert!(lag.age > Duration::from_secs(50 * 365 * 86_400));
    assert_eq!(group.read("a").limit(1).await.unwrap().len(), 1);
    let lag = group.lag().await.unwrap();
    assert_eq!((lag.entries, lag.pending), (Some(2), 1));
    assert!(lag.age < Duration::from_secs(86_400));
    assert_eq!(group.read("a").limit(10).await.unwrap().len(), 2);
    let lag = group.lag().await.unwrap();
    assert_eq!((lag.entries, lag.age, lag.pending), (Some(0), Duration::ZERO, 3));
    let worker =
        setting.worker().lease(Duration::from_secs(3600)).start(|_: Delivery<u32>| async {});
    assert_eq!(worker.lag().await.unwrap(), lag);
    worker.stop().await.unwrap();
}

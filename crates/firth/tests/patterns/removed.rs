//! Workers below which something is removed: each goes on, and what is still there is handled.

use std::sync::Arc;
use std::time::Duration;

use firth::backend::{Batch, GroupChange, Start, Write};
use firth::{Backoff, Broker, Delivery, EntryId, RunningWorker, Stream, Verdict, exact};
use tokio::sync::mpsc;

use crate::{Bench, cases};

cases![
    a_destroyed_group_is_created_anew,
    a_removed_stream_is_begun_anew,
    a_consumer_that_was_removed_comes_back,
    what_was_trimmed_is_let_go,
    what_is_trimmed_while_it_is_handled_is_done_with,
    what_nobody_needs_any_more_is_removed,
];

const SOON: Duration = Duration::from_millis(1);

struct Setting {
    broker: Broker,
    stream: Stream<u32>,
}

impl Setting {
    fn new(bench: &Bench) -> Self {
        Setting { broker: bench.broker.clone(), stream: bench.broker.stream(bench.name("s")) }
    }

    fn names(&self) -> (Arc<str>, Arc<str>) {
        (Arc::clone(self.stream.name()), "g".into())
    }

    async fn change(&self, change: GroupChange) {
        self.broker.backend().change_group(change).await.unwrap();
    }

    fn worker(&self) -> firth::Worker<u32> {
        self.broker.worker(&self.stream, "g").retry(Backoff::constant(SOON)).consumer("me")
    }

    async fn until_nothing_is_pending(&self) {
        while self.stream.info().await.unwrap().unwrap().groups[0].pending > 0 {
            tokio::time::sleep(SOON).await;
        }
    }

    async fn consumers(&self) -> Vec<String> {
        let consumers = self.stream.consumers("g").await.unwrap();
        let mut names: Vec<_> = consumers.iter().map(|row| row.name.to_string()).collect();
        names.sort();
        names
    }
}

/// Returns a worker that hands on what it is given, and has done with one entry.
async fn at_work(bench: &Bench) -> (Setting, RunningWorker, mpsc::Receiver<u32>) {
    let setting = Setting::new(bench);
    setting.stream.append(&0).await.unwrap();
    let (sender, mut handled) = mpsc::channel(100);
    let worker = setting.worker().start(move |delivery: Delivery<u32>| {
        let sender = sender.clone();
        async move { sender.send(delivery.value).await }
    });
    assert_eq!(handled.recv().await, Some(0));
    setting.until_nothing_is_pending().await;
    (setting, worker, handled)
}

async fn a_destroyed_group_is_created_anew(bench: Bench) {
    let (setting, worker, mut handled) = at_work(&bench).await;
    let (stream, group) = setting.names();
    setting.change(GroupChange::Destroy { stream, group }).await;
    setting.stream.append(&1).await.unwrap();
    // It begins behind what was seen.
    assert_eq!(handled.recv().await, Some(1));
    assert_eq!(worker.stop().await.unwrap().processed, 2);
}

async fn a_removed_stream_is_begun_anew(bench: Bench) {
    let (setting, worker, mut handled) = at_work(&bench).await;
    let key = Arc::clone(setting.stream.name());
    setting.broker.backend().write(Batch::of(Write::Remove { key })).await.unwrap();
    // The new stream may begin below what was seen, and all of it is new.
    setting.stream.append(&1).id(EntryId::new(5, 0)).await.unwrap();
    assert_eq!(handled.recv().await, Some(1));
    setting.stream.append(&2).await.unwrap();
    assert_eq!(handled.recv().await, Some(2));
    worker.stop().await.unwrap();
    assert_eq!(setting.stream.info().await.unwrap().unwrap().groups[0].pending, 0);
}

async fn a_consumer_that_was_removed_comes_back(bench: Bench) {
    let (setting, worker, mut handled) = at_work(&bench).await;
    let ((stream, group), consumer) = (setting.names(), "me".into());
    setting.change(GroupChange::RemoveConsumer { stream, group, consumer }).await;
    for number in 1..4 {
        setting.stream.append(&number).await.unwrap();
        assert_eq!(handled.recv().await, Some(number));
    }
    assert_eq!(worker.stop().await.unwrap().processed, 4);
    assert_eq!(setting.stream.info().await.unwrap().unwrap().groups[0].pending, 0);
}

async fn what_was_trimmed_is_let_go(bench: Bench) {
    let setting = Setting::new(&bench);
    let (sender, mut handled) = mpsc::channel(100);
    setting.stream.append(&0).await.unwrap();
    let worker = setting.worker().max_deliveries(1_000_000).start(move |job: Delivery<u32>| {
        let sender = sender.clone();
        async move {
            sender.send(job.value).await.unwrap();
            if job.value == 0 { Verdict::retry("not yet") } else { Verdict::Done }
        }
    });
    assert_eq!(handled.recv().await, Some(0));
    setting.stream.append(&1).await.unwrap();
    assert_eq!(setting.stream.trim_to_len(exact(1)).await.unwrap(), 1);
    // The first one can never be handled, and must neither come again for ever nor stay pending.
    setting.until_nothing_is_pending().await;
    setting.stream.append(&2).await.unwrap();
    while handled.recv().await != Some(2) {}
    assert_eq!(worker.stop().await.unwrap().dead, 0);
}

async fn what_is_trimmed_while_it_is_handled_is_done_with(bench: Bench) {
    let setting = Setting::new(&bench);
    let id = setting.stream.append(&0).await.unwrap();
    let (begun, mut begins) = mpsc::channel(1);
    let go = Arc::new(tokio::sync::Notify::new());
    let worker = setting.worker().start({
        let go = Arc::clone(&go);
        move |_: Delivery<u32>| {
            let (begun, go) = (begun.clone(), Arc::clone(&go));
            async move {
                begun.send(()).await.unwrap();
                go.notified().await;
            }
        }
    });
    begins.recv().await.unwrap();
    assert_eq!(setting.stream.delete([id]).await.unwrap(), 1);
    go.notify_one();
    setting.until_nothing_is_pending().await;
    assert_eq!(worker.stop().await.unwrap().processed, 1);
}

async fn what_nobody_needs_any_more_is_removed(bench: Bench) {
    let setting = Setting::new(&bench);
    let group = setting.stream.group("g");
    group.create(Start::Beginning).await.unwrap();
    setting.stream.append_all(&[0, 1]).await.unwrap();
    // One has died with something pending, and one has died with nothing.
    assert_eq!(group.read("busy").limit(1).await.unwrap().len(), 1);
    let items = group.read("idle").limit(1).await.unwrap();
    group.acknowledge(items.iter().map(|item| item.id)).await.unwrap();
    let worker = setting.worker().lease(Duration::from_secs(3600));
    let worker = worker.forget_consumers_after(Duration::ZERO).start(|_: Delivery<u32>| async {});
    while setting.consumers().await.iter().any(|name| name == "idle") {
        tokio::time::sleep(SOON).await;
    }
    worker.stop().await.unwrap();
    assert_eq!(setting.consumers().await, ["busy"]);
    assert_eq!(setting.stream.info().await.unwrap().unwrap().groups[0].pending, 1);
}

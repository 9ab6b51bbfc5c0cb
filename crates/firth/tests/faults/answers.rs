//! Answers that are lost, in virtual time: what was done all the same is found at once, not when a lease
//! runs out, and keys keep their order.

use std::time::Duration;

use firth::test_kit::{Call, Fault, Faults, History, Sequence, TestBroker};
use firth::{Backoff, Broker, Delivery, RunningWorker, Verdict};
use tokio::time::{Instant, timeout};

const STREAM: &str = "jobs";
const GROUP: &str = "g";

/// No entry may have to wait for this.
const LEASE: Duration = Duration::from_secs(600);

/// How many keys the jobs have.
const KEYS: u32 = 4;

fn work(history: &History, broker: &Broker) -> RunningWorker {
    let broker = history.watch(broker);
    let worker = broker.worker(&broker.stream::<u32>(STREAM), GROUP).concurrency(3).lease(LEASE);
    let worker = worker.retry(Backoff::constant(Duration::from_millis(40))).max_deliveries(1000);
    let handle = |job: Delivery<u32>| async move {
        tokio::time::sleep(Duration::from_millis(u64::from(job.value % 5))).await;
        match job.value % 10 {
            3 if job.deliveries < 3 => Verdict::retry("not yet"),
            7 => Verdict::reject("a bad one"),
            _ => Verdict::Done,
        }
    };
    worker
        .order_by(|number| number % KEYS)
        .start(history.handler_by_key(|number| number % KEYS, handle))
}

/// Has two workers handle jobs while things go wrong, and proves that all is right.
async fn check(faults: Faults) {
    let history = History::new(STREAM, GROUP);
    let broker = TestBroker::with(faults.clone()).unwrap();
    let begun = Instant::now();
    let workers = [(); 2].map(|()| work(&history, &broker));
    let appender = history.watch(&broker);
    let stream = appender.stream::<u32>(STREAM);
    for number in 0..60 {
        // One that is lost is not appended again; what is uncertain may be there.
        let _id = stream.append(&number).await;
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    if timeout(LEASE / 2, history.all_handled()).await.is_err() {
        panic!(
            "{:?} {:?}",
            history.check(Sequence::ByKey),
            workers.each_ref().map(RunningWorker::stats)
        );
    }
    assert!(begun.elapsed() < LEASE / 2);
    faults.clear();
    for worker in workers {
        worker.stop().await.unwrap();
    }
    history.read_dead_letters(&broker, "{jobs}:dead").await.unwrap();
    let injected = faults.injected();
    if let Err(wrong) = history.check(Sequence::ByKey) {
        panic!("{wrong}\nafter {injected:?}");
    }
    assert!(!injected.is_empty());
}

#[tokio::test(start_paused = true)]
async fn of_claims() {
    // An entry may take two claims: if every second one is lost, it may always be the same of them.
    for n in 3..7 {
        let faults = Faults::new();
        faults.every(Call::Claim, n, Fault::LoseAnswer);
        check(faults).await;
    }
}

#[tokio::test(start_paused = true)]
async fn of_reads() {
    for n in 2..6 {
        let faults = Faults::new();
        faults.every(Call::ReadGroup, n, Fault::LoseAnswer);
        check(faults).await;
    }
}

#[tokio::test(start_paused = true)]
async fn of_acknowledgements_and_burials() {
    for n in 2..6 {
        let faults = Faults::new();
        faults.every(Call::Acknowledge, n, Fault::LoseAnswer);
        faults.every(Call::Append, n, Fault::LoseAnswer);
        check(faults).await;
    }
}

#[tokio::test(start_paused = true)]
async fn of_anything() {
    for seed in 0..40 {
        let faults = Faults::seeded(seed);
        let calls = [
            Call::Append,
            Call::Acknowledge,
            Call::ReadGroup,
            Call::Claim,
            Call::Pending,
            Call::Consumers,
            Call::Range,
            Call::ChangeGroup,
        ];
        for call in calls {
            faults.sometimes(call, 0.05, Fault::LoseAnswer);
            faults.sometimes(call, 0.08, Fault::LoseRequest);
            faults.sometimes(call, 0.10, Fault::Fail);
        }
        check(faults).await;
    }
}

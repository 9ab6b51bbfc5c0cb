//! Workers that could wait for what never comes, in virtual time.

use std::time::Duration;

use firth::backend::Start;
use firth::test_kit::{Call, Fault, Faults, TestBroker};
use firth::{Delivery, Verdict};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// No entry may have to wait for this, nor for a third of it, when leases are renewed.
const LEASE: Duration = Duration::from_secs(600);

#[tokio::test(start_paused = true)]
async fn a_look_at_what_others_hold_succeeds_bit_by_bit() {
    let faults = Faults::seeded(7);
    let broker = TestBroker::with(faults.clone()).unwrap();
    let stream = broker.stream::<u32>("jobs");
    let group = stream.group("g");
    group.create(Start::Beginning).await.unwrap();
    stream.append_all(&(0..40).collect::<Vec<u32>>()).await.unwrap();
    assert_eq!(group.read("other").limit(40).await.unwrap().len(), 40);
    stream.append(&40).await.unwrap();
    // All of 40 reads succeed at once in one look of 30 million.
    faults.sometimes(Call::Range, 0.35, Fault::Fail);
    let (sender, mut handled) = mpsc::unbounded_channel();
    let worker = broker.worker(&stream, "g").lease(LEASE).order_by(|number: &u32| *number).start(
        move |job: Delivery<u32>| {
            sender.send(job.value).unwrap();
            async { Verdict::Done }
        },
    );
    assert_eq!(timeout(LEASE / 4, handled.recv()).await, Ok(Some(40)));
    assert!(faults.injected().len() > 10);
    faults.clear();
    worker.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_look_that_fails_keeps_nobody_from_reading() {
    let faults = Faults::new();
    let broker = TestBroker::with(faults.clone()).unwrap();
    let stream = broker.stream::<u32>("jobs");
    let group = stream.group("g");
    group.create(Start::Beginning).await.unwrap();
    stream.append_all(&[0, 1]).await.unwrap();
    assert_eq!(group.read("other").limit(1).await.unwrap().len(), 1);
    faults.every(Call::Range, 1, Fault::Fail);
    let worker = broker.worker(&stream, "g").concurrency(3).lease(LEASE).order_by(|n: &u32| *n);
    let worker = worker.start(|_: Delivery<u32>| async { Verdict::Done });
    let look_fails = async {
        while faults.injected().len() < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LEASE / 4, look_fails).await.unwrap();
    let reads = faults.calls(Call::ReadGroup);
    tokio::time::sleep(LEASE / 10).await;
    assert!(faults.calls(Call::ReadGroup) > reads + 5);
    faults.clear();
    worker.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_consumer_of_this_name_has_left_is_handled_at_once() {
    let broker = TestBroker::new().unwrap();
    let stream = broker.stream::<u32>("jobs");
    let group = stream.group("g");
    group.create(Start::Beginning).await.unwrap();
    stream.append_all(&[1, 2]).await.unwrap();
    assert_eq!(group.read("me").await.unwrap().len(), 2);
    let (sender, mut handled) = mpsc::unbounded_channel();
    let worker = broker.worker(&stream, "g").concurrency(1).consumer("me").lease(LEASE).start(
        move |job: Delivery<u32>| {
            sender.send(job.value).unwrap();
            async { Verdict::Done }
        },
    );
    for number in [1, 2] {
        assert_eq!(timeout(LEASE / 4, handled.recv()).await, Ok(Some(number)));
    }
    worker.stop().await.unwrap();
}

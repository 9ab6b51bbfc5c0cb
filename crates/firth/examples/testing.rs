//! Tests of a program on this library: virtual time, faults, and what must have happened.
//!
//! `cargo run -p firth --example testing` shows them as a program; in a project of one's own they are
//! `#[tokio::test(start_paused = true)]`, with the feature `test-kit` among the dev-dependencies.

#![allow(clippy::print_stdout, reason = "an example")]

use std::time::Duration;

use firth::test_kit::{Call, Fault, Faults, History, Sequence, TestBroker};
use firth::{Backoff, Broker, Delivery, RunningWorker, Verdict};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// What the program is about.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Order {
    number: u32,
    customer: String,
}

const HOUR: Duration = Duration::from_secs(3600);

/// The program: ships orders, one customer's in their order, and says so on a channel.
fn ship(broker: &Broker, history: &History) -> RunningWorker {
    let bus = broker.event_bus();
    let handler = move |order: Delivery<Order>| {
        let bus = bus.clone();
        async move {
            match order.value.number {
                13 => return Verdict::reject("nobody wants this number"),
                number if number % 5 == 0 && order.deliveries == 1 => {
                    return Verdict::retry("out of stock");
                }
                _ => {}
            }
            match bus.publish("shipped", &order.value).await {
                Ok(_) => Verdict::Done,
                Err(error) => Verdict::retry(error),
            }
        }
    };
    broker
        .worker(&broker.stream::<Order>("orders"), "shipping")
        .concurrency(4)
        .order_by(|order| order.customer.clone())
        .retry(Backoff::constant(HOUR))
        .start(history.handler_by_key(|order: &Order| order.customer.clone(), handler))
}

/// What a test does: two workers, sixty orders, and a broker that loses answers.
async fn test(seed: u64) -> Result<(), Box<dyn std::error::Error>> {
    let faults = Faults::seeded(seed);
    let memory = TestBroker::with(faults.clone())?;
    let history = History::new("orders", "shipping");
    let broker = history.watch(&memory);
    faults.sometimes(Call::ReadGroup, 0.1, Fault::LoseAnswer);
    faults.sometimes(Call::Acknowledge, 0.1, Fault::LoseAnswer);
    faults.nth(Call::Publish, 3, Fault::Fail);

    let begun = Instant::now();
    let workers = [ship(&broker, &history), ship(&broker, &history)];
    for number in 0..60 {
        let customer = ["anna", "ben", "cleo"][number as usize % 3].to_owned();
        broker.stream("orders").append(&Order { number, customer }).await?;
    }
    history.all_handled().await;
    for worker in workers {
        worker.stop().await?;
    }

    // Hours of retries take no time, and nothing may have waited for longer than they do.
    println!("seed {seed}: handled within {} virtual hours", begun.elapsed().as_secs() / 3600);
    history.read_dead_letters(&broker, "{orders}:dead").await?;
    let summary = history.check(Sequence::ByKey)?;
    assert_eq!((summary.handled, summary.dead), (59, 1));
    memory.assert_published("shipped", &Order { number: 10, customer: "ben".into() });
    memory.assert_nothing_published("cancelled");
    println!("  {summary:?}, {} faults", faults.injected().len());
    Ok(())
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    for seed in 0..2 {
        test(seed).await?;
    }
    Ok(())
}

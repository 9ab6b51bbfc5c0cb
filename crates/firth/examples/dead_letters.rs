//! Dead letters: orders that cannot be handled, looked at and brought back. Run it with
//! `cargo run -p firth --example dead_letters [address]`; without an address, and without one in `FIRTH_BROKER`, it needs
//! no server.

#![allow(clippy::print_stdout, reason = "an example")]

use firth::dead_letters::LetterFilter;
use firth::{Broker, Delivery, Error};
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Order {
    item: String,
    amount: String,
}

/// Fails where the amount is no number: a mistake of this version of the program.
async fn process(order: Delivery<Order>) -> Result<(), std::num::ParseIntError> {
    order.value.amount.parse::<u32>().map(|amount| println!("{amount} of {}", order.value.item))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let broker = Broker::connect(&address()).await?;
    let orders = broker.stream::<Order>("example:dead-letters");
    for (item, amount) in [("tea", "2"), ("coffee", "two"), ("water", "")] {
        orders.append(&Order { item: item.into(), amount: amount.into() }).await?;
    }
    let dead = orders.dead_letters();
    let worker = broker.worker(&orders, "order-processors").max_deliveries(1).start(process);
    let letters = broker.raw_stream(dead.name().clone()).tail(firth::TailStart::Beginning);
    letters.take(2).for_each(|_| async {}).await;
    worker.stop().await?;

    for reason in dead.reasons().await?.by_reason {
        println!("{} dead: {}", reason.count, reason.reason);
    }
    // What is dead for one reason is brought back; first it is only looked at what that would be.
    let invalid = LetterFilter::all().matching(|letter| letter.reason.starts_with("invalid"));
    let report = dead.redrive("alice").filter(invalid.clone()).dry_run().await?;
    println!("would bring back {}", report.redriven);
    let report = dead.redrive("alice").filter(invalid).rate(100).max_times(2).await?;
    println!("has brought back {}", report.redriven);

    // The others are looked at one by one.
    let processed = dead
        .process(|letter| {
            println!("{:?} has died after {:?} deliveries", letter.value, letter.deliveries);
            std::future::ready(true)
        })
        .await?;
    println!("{} removed", processed.removed);
    for record in dead.audit().range(..).await? {
        println!("{:?}", record.value);
    }
    broker.close().await;
    Ok(())
}

fn address() -> String {
    let argument = std::env::args().nth(1);
    argument.or_else(|| std::env::var("FIRTH_BROKER").ok()).unwrap_or_else(|| "memory:".into())
}

//! A worker: orders are handled, retried, and in the end kept as dead letters. Run it with
//! `cargo run -p firth --example worker [address]`; without an address it needs no server.

#![allow(clippy::print_stdout, reason = "an example")]

use std::time::Duration;

use firth::{Backoff, Broker, Delivery, Error, TailStart};
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Order {
    item: String,
    amount: u32,
}

async fn process(order: Delivery<Order>) -> Result<(), String> {
    println!("delivery {} of {:?}", order.deliveries, order.value);
    match order.value.amount {
        0 => Err("nothing was ordered".into()),
        _ => Ok(()),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "memory:".into());
    let broker = Broker::connect(&address).await?;
    let orders = broker.stream::<Order>("orders");
    for (item, amount) in [("tea", 2), ("coffee", 0), ("water", 1)] {
        orders.append(&Order { item: item.into(), amount }).await?;
    }

    let worker = broker
        .worker(&orders, "order-processors")
        .concurrency(8)
        .retry(Backoff::exponential(Duration::from_millis(100)))
        .max_deliveries(3)
        .start(process);

    let dead = broker.raw_stream("{orders}:dead");
    if let Some(letter) = dead.tail(TailStart::Beginning).next().await
        && let Ok(fields) = letter?.value
    {
        let text = |name| fields.text(name).unwrap_or_default();
        println!("dead after {} deliveries: {}", text("deliveries"), text("reason"));
    }
    println!("{:?}", worker.stop().await?);
    broker.close().await;
    Ok(())
}

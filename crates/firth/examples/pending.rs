//! What is pending: an overview, the rows behind it, and taking it over. Run it with
//! `cargo run -p firth --example pending [address]`; without an address, and without one in `FIRTH_BROKER`, it needs no
//! server.

#![allow(clippy::print_stdout, reason = "an example")]

use std::time::Duration;

use firth::backend::Start;
use firth::group::Taken;
use firth::{Broker, Error};
use futures_util::TryStreamExt as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let broker = Broker::connect(&address()).await?;
    let orders = broker.stream::<String>("example:pending");
    let group = orders.group("order-processors");
    group.create(Start::End).await?;
    for item in ["tea", "coffee", "water"] {
        orders.append(&item.to_owned()).await?;
    }
    // These two take entries and are never heard of again.
    group.read("worker-1").limit(2).await?;
    group.read("worker-2").limit(1).await?;

    let pending = group.pending();
    let summary = pending.summary().await?;
    println!("{} pending: {:?}", summary.count, summary.consumers);
    for row in pending.list(..).consumer("worker-1").await? {
        println!("{} for {:?}, {} deliveries", row.id, row.idle, row.deliveries);
    }

    // What has been idle for long enough is taken over, however much it is.
    let mut taken = pending.claim_idle("worker-3", Duration::ZERO).all();
    while let Some(taken) = taken.try_next().await? {
        match taken {
            Taken::Item(item) => {
                println!("worker-3 has {:?}", item.value);
                group.acknowledge([item.id]).await?;
            }
            Taken::Gone(id) => println!("{id} was trimmed before anybody had done it"),
        }
    }
    println!("{} pending", pending.summary().await?.count);
    group.destroy().await?;
    broker.close().await;
    Ok(())
}

fn address() -> String {
    let argument = std::env::args().nth(1);
    argument.or_else(|| std::env::var("FIRTH_BROKER").ok()).unwrap_or_else(|| "memory:".into())
}

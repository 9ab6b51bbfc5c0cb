//! A group: two consumers share the entries of a stream, and one is removed without losing what it has. Run it with
//! `cargo run -p firth --example groups [address]`; without an address, and without one in `FIRTH_BROKER`, it needs no
//! server.

#![allow(clippy::print_stdout, reason = "an example")]

use firth::backend::Start;
use firth::group::Heir;
use firth::{Broker, Error};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let broker = Broker::connect(&address()).await?;
    let orders = broker.stream::<String>("example:groups");
    let group = orders.group("order-processors");
    group.create(Start::End).await?; // It may be there already.
    for item in ["tea", "coffee", "water"] {
        orders.append(&item.to_owned()).await?;
    }

    // Each entry goes to one of both.
    let first = group.read("worker-1").limit(2).await?;
    let second = group.read("worker-2").await?;
    for (worker, items) in [(1, &first), (2, &second)] {
        for item in items {
            println!("worker-{worker} has {:?}", item.value);
        }
    }
    let done = group.acknowledge(second.iter().map(|item| item.id)).await?;
    println!("worker-2 has done {done}");

    // The first one is gone for good: the other one gets what it has left.
    let count = group.remove_consumer("worker-1", Heir::Consumer("worker-2".into())).await?;
    let again = group.read_again("worker-2").await?;
    println!("worker-2 has inherited {count}: {:?}", again.items[0].value);
    group.acknowledge(again.items.iter().map(|item| item.id)).await?;

    for consumer in group.consumers().await? {
        println!("{}: {} pending", consumer.name, consumer.pending);
    }
    group.destroy().await?;
    broker.close().await;
    Ok(())
}

fn address() -> String {
    let argument = std::env::args().nth(1);
    argument.or_else(|| std::env::var("FIRTH_BROKER").ok()).unwrap_or_else(|| "memory:".into())
}

//! Streams: adding, reading a range, following. Run it with
//! `cargo run -p firth --example streams [address]`; without an address it needs no server.

#![allow(clippy::print_stdout, reason = "an example")]

use firth::{Broker, Error, TailStart, approx};
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Purchase {
    user_id: String,
    amount: f64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "memory:".into());
    let broker = Broker::connect(&address).await?;

    // As `XADD purchases MAXLEN ~ 10000 * userId 123 amount 99.99` would do it.
    let purchases = broker.stream::<Purchase>("purchases").flat();
    for (user, amount) in [("123", 99.99), ("124", 5.0), ("123", 12.5)] {
        let purchase = Purchase { user_id: user.into(), amount };
        let id = purchases.append(&purchase).maxlen(approx(10_000)).await?;
        println!("added {id}");
    }

    println!("the newest two:");
    for item in purchases.range(..).backward().limit(2).await? {
        match item.value {
            Ok(purchase) => println!("  {}: {purchase:?}", item.id),
            Err(unreadable) => println!("  {}: {unreadable}", item.id),
        }
    }

    println!("following from the beginning:");
    let mut tail = purchases.tail(TailStart::Beginning).take(3);
    while let Some(item) = tail.next().await {
        println!("  {}", item?.id);
    }
    broker.close().await;
    Ok(())
}

//! Messages for later: in a moment, again and again, and one that is called off. Run it with
//! `cargo run -p firth --example later [address]`; without an address, and without one in `FIRTH_BROKER`, it needs no
//! server.

#![allow(clippy::print_stdout, reason = "an example")]

use std::time::Duration;

use firth::{Broker, Error, TailStart};
use futures_util::TryStreamExt as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let broker = Broker::connect(&address()).await?;
    let reminders = broker.stream::<String>("example:reminders");
    let mut tail = reminders.tail(TailStart::End);

    let later = reminders.later();
    later.append_after(&"the tea is ready".to_owned(), Duration::from_millis(300)).await?;
    later.every("stretch", Duration::from_millis(200), &"stand up".to_owned()).await?;
    let meeting = later.append_after(&"the meeting".to_owned(), Duration::from_secs(1)).await?;
    println!("the meeting is called off: {}", later.cancel(meeting).await?);

    // Any number of processes may do this; one of them delivers.
    let delivery = later.start();
    for _ in 0..3 {
        if let Some(item) = tail.try_next().await? {
            println!("{:?}", item.value);
        }
    }
    later.cancel_every("stretch").await?;
    println!("{} delivered", delivery.stop().await?.delivered);
    broker.close().await;
    Ok(())
}

fn address() -> String {
    let argument = std::env::args().nth(1);
    argument.or_else(|| std::env::var("FIRTH_BROKER").ok()).unwrap_or_else(|| "memory:".into())
}

//! A user with two devices, one of which was away: `cargo run --example notifications`.
//!
//! `FIRTH_BROKER` names another broker than the one in memory, such as `redis://localhost`.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use firth::event_bus::Heard;
use firth::notifications::Followed;
use firth::{Broker, EntryId};
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Notification {
    text: String,
}

fn note(text: &str) -> Notification {
    Notification { text: text.to_owned() }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::var("FIRTH_BROKER").unwrap_or_else(|_| "memory:".to_owned());
    let notifications = Broker::connect(&address).await?.notifications();
    let user = format!("user-{}", std::process::id());

    // The telephone listens live; it also hears what is for everybody.
    let mut telephone = notifications.listen::<Notification>(&user)?.await?;
    let inbox = notifications.inbox::<Notification>(&user)?.keep(100);
    inbox.deliver(&note("Your parcel has left")).await?;
    inbox.deliver(&note("Your parcel is here")).await?;
    notifications.broadcast(&note("The shop closes at six")).await?;
    for _ in 0..3 {
        if let Some(Heard::Event(heard)) = telephone.next().await {
            println!("telephone: {} on {}", heard.event.text, heard.channel);
        }
    }

    // The computer was off. It takes what it has missed from the inbox, and goes on from there.
    let mut computer = inbox.follow(EntryId::MIN).await?;
    let mut seen = EntryId::MIN;
    for _ in 0..2 {
        if let Some(Followed::Notification(item)) = computer.next().await.transpose()? {
            println!("computer: {}", item.content?.text);
            seen = item.id;
        }
    }
    println!("{} unread", inbox.unread().await?);
    inbox.mark_read_up_to(seen).await?;
    println!("{} unread", inbox.unread().await?);
    Ok(())
}

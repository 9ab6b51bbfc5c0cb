//! Several handlers hear of the same orders: `cargo run --example event_bus`.
//!
//! `FIRTH_BROKER` names another broker than the one in memory, such as `redis://localhost`.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::sync::Arc;

use firth::Broker;
use firth::backend::{Overflow, QueueLimits};
use firth::event_bus::Published;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum OrderEvent {
    Created { order_id: String },
    Paid { order_id: String, cents: u64 },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::var("FIRTH_BROKER").unwrap_or_else(|_| "memory:".to_owned());
    let bus = Broker::connect(&address).await?.event_bus();
    let paid = Arc::new(Semaphore::new(0));

    // One that takes payments and does not like small ones: its errors disturb nobody else.
    let seen = Arc::clone(&paid);
    let payments = bus.subscribe("orders", move |event: OrderEvent| {
        let seen = Arc::clone(&seen);
        async move {
            let OrderEvent::Paid { order_id, cents } = event else { return Ok(()) };
            seen.add_permits(1);
            match cents {
                0..100 => Err(format!("{order_id}: {cents} cents are not worth it")),
                _ => {
                    println!("payments: {order_id} is paid");
                    Ok(())
                }
            }
        }
    });
    let payments = payments.await?;

    // One that hears of everything, and would rather miss the newest than wait.
    let log = bus
        .subscribe_pattern("order*", |heard: Published<OrderEvent>| async move {
            println!("log: {} {:?}", heard.channel, heard.event);
        })
        .queue(QueueLimits { messages: 100, overflow: Overflow::DropNewest })
        .on_gap(|gap| println!("log: something was missed: {gap:?}"))
        .await?;

    for event in [
        OrderEvent::Created { order_id: "123".into() },
        OrderEvent::Paid { order_id: "123".into(), cents: 4200 },
        OrderEvent::Paid { order_id: "124".into(), cents: 3 },
    ] {
        let receivers = bus.publish("orders", &event).await?;
        println!("published to {receivers}");
    }

    // What has been published is heard a moment later.
    let _both = paid.acquire_many(2).await?;
    while log.counts().handled < 3 {
        tokio::task::yield_now().await;
    }
    println!("payments: {:?}", payments.counts());
    payments.unsubscribe().await;
    log.unsubscribe().await;
    Ok(())
}

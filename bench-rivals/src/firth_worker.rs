//! Firth's worker with all that it always does: retries, leases, take-over, dead letters.

use std::sync::Arc;
use std::time::Duration;

use firth::{Broker, Delivery};

use crate::Outcome;
use crate::floor::fields;
use crate::meter::{Meter, Reading};
use crate::order::{Order, Tally};
use crate::server::{GROUP, STREAM, Server};

const CONCURRENCY: usize = 100;

pub async fn run(server: &Server, orders: usize) -> Outcome<Reading> {
    server.fill(orders, fields).await?;
    let broker = Broker::connect(&server.url()).await?;
    let tally = Arc::new(Tally::default());
    let meter = Meter::begin(Some(server.process()))?;
    let handled = Arc::clone(&tally);
    let worker = broker
        .worker(&broker.stream::<Order>(STREAM).flat(), GROUP)
        .concurrency(CONCURRENCY)
        .start(move |order: Delivery<Order>| {
            handled.handle(&order.value);
            async {}
        });
    while tally.handled() < orders {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    server.settled().await?;
    let reading = meter.end(orders)?;
    worker.stop().await?;
    broker.close().await;
    tally.check(orders)?;
    Ok(reading)
}

//! The floor: the `redis` crate by hand, as fast as it goes on one connection. Each round trip
//! acknowledges a hundred entries and reads the next hundred; nothing is retried, claimed or buried.

use redis::streams::StreamReadReply;

use crate::Outcome;
use crate::meter::{Meter, Reading};
use crate::order::{Order, Tally};
use crate::server::{GROUP, STREAM, Server};

const BATCH: usize = 100;

pub async fn run(server: &Server, orders: usize) -> Outcome<Reading> {
    server.fill(orders, fields).await?;
    let mut connection = server.connect().await?;
    let tally = Tally::default();
    let meter = Meter::begin(Some(server.process()))?;
    let mut done: Vec<String> = Vec::new();
    while tally.handled() < orders {
        let mut pipe = redis::pipe();
        if !done.is_empty() {
            pipe.cmd("XACK").arg(STREAM).arg(GROUP).arg(&done).ignore();
        }
        pipe.cmd("XREADGROUP").arg("GROUP").arg(GROUP).arg("floor").arg("COUNT").arg(BATCH);
        pipe.arg("STREAMS").arg(STREAM).arg(">");
        let (reply,): (StreamReadReply,) = pipe.query_async(&mut connection).await?;
        done.clear();
        for entry in reply.keys.into_iter().flat_map(|key| key.ids) {
            let item = entry.get("item").ok_or("an order without an item")?;
            let amount = entry.get("amount").ok_or("an order without an amount")?;
            tally.handle(&Order { item, amount });
            done.push(entry.id);
        }
    }
    let ack =
        redis::cmd("XACK").arg(STREAM).arg(GROUP).arg(&done).exec_async(&mut connection).await;
    ack?;
    server.settled().await?;
    let reading = meter.end(orders)?;
    tally.check(orders)?;
    Ok(reading)
}

/// The flat fields that the floor and Firth read.
pub fn fields(order: &Order) -> Vec<(&'static str, String)> {
    vec![("item", order.item.clone()), ("amount", order.amount.to_string())]
}

//! The library on its embedded engine, with nobody beside it: what an append costs in the process,
//! and how long an aggregate's events take to find.

use firth::event_store::{Expected, NewEvent};
use firth::{Broker, Stream};
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::Outcome;
use crate::meter::{Median, Meter, Reading};
use crate::order::Order;
use crate::report::Row;
use crate::server::Folder;

const APPENDS: usize = 500_000;
const DURABLE_APPENDS: usize = 100_000;
const IN_FLIGHT: usize = 64;
const EVENTS: usize = 1_000_000;
const AGGREGATES: usize = 100_000;
const LOOKS: usize = 1_000;

/// How the appends are awaited.
#[derive(Clone, Copy)]
enum Way {
    OneByOne,
    InFlight,
    Batches,
}

pub async fn measure(rounds: usize) -> Outcome<Vec<Row>> {
    let rows = [
        ("`memory:`, appends awaited one by one", "memory", Way::OneByOne, APPENDS),
        ("`memory:`, `append_all` of 64", "memory", Way::Batches, APPENDS),
        ("`file:` `everysec`, one by one", "everysec", Way::OneByOne, APPENDS),
        ("`file:` `everysec`, `append_all` of 64", "everysec", Way::Batches, APPENDS),
        ("`file:` `always`, 64 in flight", "always", Way::InFlight, DURABLE_APPENDS),
        ("`file:` `always`, `append_all` of 64", "always", Way::Batches, DURABLE_APPENDS),
    ];
    let mut medians: Vec<Median> = rows.iter().map(|_| Median::default()).collect();
    for round in 0..rounds {
        for ((name, place, way, count), median) in rows.iter().zip(&mut medians) {
            let reading = appends(place, *way, *count).await?;
            eprintln!("embedded round {round}: {name}: {reading}");
            median.add(reading);
        }
    }
    let mut rows: Vec<Row> =
        rows.iter().zip(&medians).map(|((name, ..), median)| Row::new(name, median)).collect();
    rows.push(aggregates().await?);
    Ok(rows)
}

async fn appends(place: &str, way: Way, count: usize) -> Outcome<Reading> {
    let folder = Folder::new("embedded")?;
    let address = match place {
        "memory" => "memory:".to_owned(),
        durability => format!("file:{}?durability={durability}", folder.0.display()),
    };
    let broker = Broker::connect(&address).await?;
    let orders = broker.stream::<Order>("orders").flat();
    let meter = Meter::begin(None)?;
    match way {
        Way::OneByOne => {
            for number in 0..count {
                orders.append(&Order::numbered(number)).await?;
            }
        }
        Way::InFlight => in_flight(&orders, count).await?,
        Way::Batches => {
            for first in (0..count).step_by(IN_FLIGHT) {
                let batch: Vec<Order> =
                    (first..(first + IN_FLIGHT).min(count)).map(Order::numbered).collect();
                orders.append_all(&batch).await?;
            }
        }
    }
    let reading = meter.end(count)?;
    if orders.length().await? != count as u64 {
        return Err("the stream is not as long as it should be".into());
    }
    broker.close().await;
    Ok(reading)
}

async fn in_flight(orders: &Stream<Order>, count: usize) -> Outcome<()> {
    stream::iter(0..count)
        .map(|number| async move { orders.append(&Order::numbered(number)).await })
        .buffer_unordered(IN_FLIGHT)
        .try_for_each(|_| async { Ok(()) })
        .await?;
    Ok(())
}

/// Reads the ten events of one aggregate out of a million.
async fn aggregates() -> Outcome<Row> {
    let broker = Broker::connect("memory:").await?;
    let store = broker.event_store("events");
    for first in (0..EVENTS).step_by(IN_FLIGHT) {
        let appends = (first..(first + IN_FLIGHT).min(EVENTS)).map(|number| {
            let event = NewEvent::new("Deposited", Order::numbered(number).amount);
            let aggregate = format!("account-{}", number % AGGREGATES);
            let store = &store;
            async move { store.append(&aggregate, Expected::Any, &[event]).await }
        });
        for answer in join_all(appends).await {
            answer?;
        }
    }
    let meter = Meter::begin(None)?;
    for look in 0..LOOKS {
        let aggregate = format!("account-{}", look * 97 % AGGREGATES);
        let events = store.by_aggregate(&aggregate).await?;
        if events.len() != EVENTS / AGGREGATES {
            return Err(format!("{aggregate} has {} events", events.len()).into());
        }
    }
    let reading = meter.end(LOOKS)?;
    let mut median = Median::default();
    median.add(reading);
    broker.close().await;
    Ok(Row::new("the 10 events of one aggregate out of 1,000,000", &median))
}

//! apalis-redis, without what can be switched off: no locks, no events; a hundred tasks for each
//! fetch. Its queue is made of lists, sets and hashes that scripts work on.
//!
//! It is given few orders: the script that fetches first hands all tasks that are due to one call by
//! Lua's `unpack`, and the worker ends with "too many results to unpack" if that are 100,000.

use std::sync::Arc;
use std::time::Duration;

use apalis::prelude::*;
use apalis_redis::{Config, RedisStorage};

use crate::Outcome;
use crate::meter::{Meter, Reading};
use crate::order::{Order, Tally};
use crate::server::Server;

/// The most orders that it is given.
const ORDERS_MAX: usize = 5_000;

pub async fn run(server: &Server, orders: usize) -> Outcome<Reading> {
    let orders = orders.min(ORDERS_MAX);
    let connection = apalis_redis::connect(server.url()).await?;
    let config =
        Config::default().queue("orders").batch_size(100).lock_tasks(false).emit_events(false);
    let mut storage = RedisStorage::<Order>::new(connection).with_config(config);
    let numbers: Vec<usize> = (0..orders).collect();
    for chunk in numbers.chunks(1_000) {
        let batch = chunk.iter().map(|&number| Order::numbered(number)).collect();
        storage.push_bulk(batch).await.map_err(|error| error.to_string())?;
    }
    let tally = Arc::new(Tally::default());
    let meter = Meter::begin(Some(server.process()))?;
    let worker =
        WorkerBuilder::new("worker").backend(storage).data(Arc::clone(&tally)).build(handle);
    let running = tokio::spawn(worker.run());
    let mut connection = server.connect().await?;
    loop {
        let done: usize =
            redis::cmd("SCARD").arg("orders:done").query_async(&mut connection).await?;
        if done >= orders {
            break;
        }
        if running.is_finished() {
            return Err(format!("the worker has ended by itself: {:?}", running.await).into());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let reading = meter.end(orders)?;
    running.abort();
    tally.check(orders)?;
    Ok(reading)
}

async fn handle(order: Order, tally: Data<Arc<Tally>>) -> Result<(), BoxDynError> {
    tally.handle(&order);
    Ok(())
}

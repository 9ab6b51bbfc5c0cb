//! sea-streamer-redis as it recommends itself for "at least once": acknowledged by hand, committed
//! as it goes ("Rolling", each second), a hundred entries for each read.

use sea_streamer_redis::{AutoCommit, AutoStreamReset, RedisConsumerOptions, RedisStreamer};
use sea_streamer_types::{
    Buffer, Consumer, ConsumerGroup, ConsumerMode, ConsumerOptions, Message, StreamKey, Streamer,
};

use crate::Outcome;
use crate::meter::{Meter, Reading};
use crate::order::{Order, Tally};
use crate::server::{GROUP, STREAM, Server};

pub async fn run(server: &Server, orders: usize) -> Outcome<Reading> {
    server.fill(orders, fields).await?;
    let streamer = RedisStreamer::connect(server.url().parse()?, Default::default()).await?;
    let mut options = RedisConsumerOptions::new(ConsumerMode::LoadBalanced);
    options.set_consumer_group(ConsumerGroup::new(GROUP))?;
    options.set_auto_stream_reset(AutoStreamReset::Earliest);
    options.set_auto_commit(AutoCommit::Rolling);
    options.set_batch_size(100);
    let tally = Tally::default();
    let meter = Meter::begin(Some(server.process()))?;
    let consumer = streamer.create_consumer(&[StreamKey::new(STREAM)?], options).await?;
    while tally.handled() < orders {
        let message = consumer.next().await?;
        let order: Order = serde_json::from_slice(message.message().as_bytes())?;
        tally.handle(&order);
        consumer.ack(&message)?;
    }
    // What is not yet committed is when the consumer ends.
    consumer.end().await?;
    server.settled().await?;
    let reading = meter.end(orders)?;
    tally.check(orders)?;
    Ok(reading)
}

fn fields(order: &Order) -> Vec<(&'static str, String)> {
    vec![("msg", serde_json::to_string(order).unwrap_or_default())]
}

//! Connections that are cut: what was asked goes on, and what may have been missed is told.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use firth::backend::{Gap, GapReason, Inbox, QueueLimits, Received, Topic};
use firth::cache::Cache;
use firth::{Broker, Delivery, TailStart};
use futures_util::StreamExt as _;

use crate::server::{Kind, Server};

/// Cuts all connections of a kind but one's own.
async fn cut(server: &Server, kind: &str) {
    let client = redis::Client::open(format!("redis://127.0.0.1:{}", server.port())).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut kill = redis::cmd("CLIENT");
    kill.arg("KILL").arg("TYPE").arg(kind).arg("SKIPME").arg("yes");
    let _killed: i64 = kill.query_async(&mut connection).await.unwrap();
}

async fn a_subscription_tells_of_the_gap_and_goes_on(server: &Server, broker: &Broker) {
    let channel: Arc<str> = "c".into();
    let topics = vec![Topic::Channel(Arc::clone(&channel))];
    let backend = broker.backend();
    let mut listening =
        backend.subscribe(topics, Inbox::new(QueueLimits::default())).await.unwrap();
    for _ in 0..3 {
        cut(server, "pubsub").await;
        let gap = Gap { reason: GapReason::Reconnected, missed: None };
        assert_eq!(listening.next().await, Some(Received::Gap(gap)));
        backend.publish(Arc::clone(&channel), Bytes::from_static(b"x")).await.unwrap();
        assert!(matches!(listening.next().await, Some(Received::Message(_))));
    }
}

async fn a_cache_is_cleared_and_goes_on(server: &Server, broker: &Broker) {
    let cache: Cache<u32> = broker.cache().await.unwrap();
    for n in 0..3 {
        let load = || async { Ok::<_, Infallible>(n) };
        assert_eq!(cache.get_or_load("k", load).await.unwrap(), n);
        cut(server, "pubsub").await;
        while cache.stats().gaps <= u64::from(n) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(cache.get("k"), None);
    }
    assert_eq!(cache.get_or_load("k", || async { Ok::<_, Infallible>(9) }).await.unwrap(), 9);
    broker.invalidator().keys(["k"]).await.unwrap();
    while cache.get("k").is_some() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!((cache.stats().gaps, cache.stats().cleared), (3, 3));
}

async fn a_tail_goes_on(server: &Server, broker: &Broker) {
    let stream = broker.stream::<u32>("tail");
    let mut tail = stream.tail(TailStart::Beginning);
    for n in 0..4 {
        let sent = async {
            cut(server, "normal").await;
            while stream.append(&n).await.is_err() {}
        };
        // An append whose answer was lost may have been made twice.
        let seen = async { while tail.next().await.unwrap().unwrap().value != Ok(n) {} };
        futures_util::future::join(seen, sent).await;
    }
}

async fn a_worker_goes_on(server: &Server, broker: &Broker) {
    let stream = broker.stream::<u32>("work");
    let (sender, mut handled) = tokio::sync::mpsc::channel(100);
    let worker = broker.worker(&stream, "g").start(move |delivery: Delivery<u32>| {
        let sender = sender.clone();
        async move { sender.send(delivery.value).await }
    });
    for n in 0..4 {
        cut(server, "normal").await;
        while stream.append(&n).await.is_err() {}
        while handled.recv().await != Some(n) {}
    }
    worker.stop().await.unwrap();
}

async fn check(kind: Kind) {
    let server = Server::start(kind);
    let address = format!("redis://127.0.0.1:{}", server.port());
    let broker = Broker::connect(&address).await.unwrap();
    a_subscription_tells_of_the_gap_and_goes_on(&server, &broker).await;
    a_cache_is_cleared_and_goes_on(&server, &broker).await;
    a_tail_goes_on(&server, &broker).await;
    a_worker_goes_on(&server, &broker).await;
    assert!(broker.health().connected().await);
}

#[tokio::test]
async fn firth_server() {
    check(Kind::Firth).await;
}

#[tokio::test]
async fn redis_7() {
    check(Kind::Redis7).await;
}

//! The end of a broker.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::join;

use crate::backend::{Inbox, QueueLimits, Read, Topic};
use crate::{Broker, EntryId, Error, Health};

/// Checks that whatever waits ends when the broker is closed, and that nothing can be asked of it
/// afterwards.
pub(super) async fn everything_ends(broker: &Broker) {
    let backend = broker.backend();
    let channel: Arc<str> = "conformance-closing".into();
    let topics = || vec![Topic::Channel(Arc::clone(&channel))];
    let mut subscription =
        backend.subscribe(topics(), Inbox::new(QueueLimits::default())).await.unwrap();
    assert_eq!(broker.health().now(), Health::Connected);
    let read = Read {
        streams: vec![("conformance-closing-stream".into(), EntryId::MIN)],
        limit: 1,
        wait: Some(Duration::from_secs(100)),
    };
    let mut health = broker.health();
    let (answer, ()) = join(backend.read(read), broker.close()).await;
    assert!(matches!(answer, Err(Error::Closed)), "{answer:?}");
    assert_eq!(subscription.next().await, None);
    assert!(!health.connected().await);
    assert_eq!(broker.health().now(), Health::Closed);
    let answer = backend.publish(Arc::clone(&channel), Bytes::new()).await;
    assert!(matches!(answer, Err(Error::Closed)), "{answer:?}");
    let answer = backend.subscribe(topics(), Inbox::new(QueueLimits::default())).await;
    assert!(matches!(answer, Err(Error::Closed)), "{answer:?}");
    broker.close().await;
}

//! What a broker in a folder keeps.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod folder;

use std::sync::Arc;

use firth::backend::{
    Append, Batch, Fields, GroupChange, GroupRead, Order, PendingQuery, Range, Start, Write,
};
use firth::{Broker, EntryId, Error, Fault};

use self::folder::Folder;

async fn append(broker: &Broker, stream: &str, text: &str) -> Result<(), Error> {
    let append = Append::new(stream, Fields::from([("text", text.to_owned())]));
    broker.backend().write(Batch::of(Write::Append(append))).await.map(drop)
}

#[tokio::test]
async fn what_was_answered_is_there_again() {
    let folder = Folder::new("kept");
    let address = folder.address("data");
    let stream: Arc<str> = "s".into();
    let broker = Broker::connect(&address).await.unwrap();
    for text in ["a", "b", "c"] {
        append(&broker, &stream, text).await.unwrap();
    }
    let (group, start): (Arc<str>, _) = ("g".into(), Start::Beginning);
    let create =
        GroupChange::Create { stream: Arc::clone(&stream), group: Arc::clone(&group), start };
    broker.backend().change_group(create).await.unwrap();
    let read = GroupRead {
        stream: Arc::clone(&stream),
        group: Arc::clone(&group),
        consumer: "worker".into(),
        limit: 2,
        wait: None,
    };
    assert_eq!(broker.backend().read_group(read).await.unwrap().len(), 2);
    broker.close().await;

    let broker = Broker::connect(&address).await.unwrap();
    let (from, to, order, limit) = (EntryId::MIN, EntryId::MAX, Order::Forward, 10);
    let range = Range { stream: Arc::clone(&stream), from, to, order, limit };
    let entries = broker.backend().range(range).await.unwrap();
    let texts: Vec<_> = entries.iter().map(|entry| entry.fields.text("text").unwrap()).collect();
    assert_eq!(texts, ["a", "b", "c"]);
    let query = PendingQuery {
        stream,
        group,
        from,
        to,
        limit,
        min_idle: std::time::Duration::ZERO,
        consumer: Some("worker".into()),
    };
    assert_eq!(broker.backend().pending(query).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_folder_has_one_user() {
    let folder = Folder::new("used");
    let address = folder.address("data");
    let broker = Broker::connect(&address).await.unwrap();
    let error = Broker::connect(&address).await.unwrap_err();
    assert!(matches!(error, Error::Server { fault: Fault::Resources, .. }), "{error:?}");
    // Other handles on it do not keep the folder.
    let clone = broker.clone();
    broker.close().await;
    Broker::connect(&address).await.unwrap();
    assert!(matches!(append(&clone, "s", "x").await, Err(Error::Closed)));
}

#[tokio::test]
async fn many_writers_share_a_sync() {
    let folder = Folder::new("shared");
    let broker = Broker::connect(&folder.address("data")).await.unwrap();
    let writers = (0..50).map(|writer| {
        let broker = broker.clone();
        tokio::spawn(async move {
            for n in 0..20 {
                append(&broker, &format!("s{}", writer % 5), &n.to_string()).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    for stream in 0..5 {
        let info = broker.backend().stream_info(format!("s{stream}").into()).await.unwrap();
        assert_eq!(info.unwrap().len, 200);
    }
}

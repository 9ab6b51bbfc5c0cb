//! What a backend tells of itself.

use std::sync::Arc;

use super::{Bench, cases};
use crate::backend::{
    Inbox, Inspected, Inspection, Listeners, QueueLimits, Record, SetValue, StreamNames, Topic,
    When, Write,
};

cases![
    streams_are_named,
    a_limit_is_kept,
    sizes_are_told,
    nothing_is_retained_by_itself_that_was_not_told_to,
    listeners_are_counted,
    servers_tell_of_themselves,
];

async fn names(bench: &Bench, limit: usize) -> StreamNames {
    match bench.backend.inspect(Inspection::Streams { limit }).await.unwrap() {
        Inspected::Streams(names) => names,
        other => panic!("{other:?}"),
    }
}

async fn records(bench: &Bench, inspection: Inspection) -> Vec<Record> {
    match bench.backend.inspect(inspection).await.unwrap() {
        Inspected::Records(records) => records,
        other => panic!("{other:?}"),
    }
}

async fn streams_are_named(bench: Bench) {
    // Not of one slot, so that they are on different nodes of a Cluster.
    let name = |n: u32| Arc::<str>::from(format!("{n}:{}", bench.key("s").replace(['{', '}'], "")));
    for n in 0..50 {
        bench.append(&name(n), n).await;
    }
    let (value, when) = (bytes::Bytes::from_static(b"x"), When::Always);
    let key = bench.key("value");
    let set = SetValue { key: Arc::clone(&key), value, expires_in: None, when };
    bench.write(Write::Set(set)).await.unwrap();
    let found = names(&bench, 100_000).await;
    assert!(found.is_complete);
    assert!((0..50).all(|n| found.names.contains(&name(n))));
    assert!(!found.names.contains(&key), "a value is no stream");
    assert!(found.names.windows(2).all(|pair| pair[0] < pair[1]), "in order, each once");
    for n in 0..50 {
        bench.write(Write::Remove { key: name(n) }).await.unwrap();
    }
    let found = names(&bench, 100_000).await;
    assert!(!(0..50).any(|n| found.names.contains(&name(n))));
}

async fn a_limit_is_kept(bench: Bench) {
    for name in ["a", "b", "c"] {
        bench.append(&bench.key(name), 1).await;
    }
    let found = names(&bench, 2).await;
    assert_eq!((found.names.len(), found.is_complete), (2, false));
}

async fn sizes_are_told(bench: Bench) {
    let (small, large) = (bench.key("small"), bench.key("large"));
    bench.fill(&small, 1).await;
    bench.fill(&large, 1000).await;
    let keys = vec![Arc::clone(&small), bench.key("none"), Arc::clone(&large)];
    let sizes = match bench.backend.inspect(Inspection::Sizes(keys)).await.unwrap() {
        Inspected::Sizes(sizes) => sizes,
        other => panic!("{other:?}"),
    };
    assert_eq!((sizes.len(), sizes[1]), (3, None));
    assert!(sizes[0].unwrap() > 0 && sizes[0] < sizes[2], "{sizes:?}");
}

async fn nothing_is_retained_by_itself_that_was_not_told_to(bench: Bench) {
    let stream = bench.key("s");
    bench.append(&stream, 1).await;
    for stream in [stream, bench.key("none")] {
        let retention = bench.backend.inspect(Inspection::Retention(stream)).await.unwrap();
        assert_eq!(retention, Inspected::Retention(None));
    }
}

async fn listeners(bench: &Bench) -> Listeners {
    match bench.backend.inspect(Inspection::Listeners).await.unwrap() {
        Inspected::Listeners(listeners) => listeners,
        other => panic!("{other:?}"),
    }
}

async fn listeners_are_counted(bench: Bench) {
    let channel = bench.key("c");
    let before = listeners(&bench).await;
    assert!(!before.channels.iter().any(|(name, _)| *name == channel));
    let topics = vec![Topic::Channel(Arc::clone(&channel)), Topic::Pattern(bench.key("p*"))];
    let listening =
        bench.backend.subscribe(topics, Inbox::new(QueueLimits::default())).await.unwrap();
    let during = listeners(&bench).await;
    assert!(during.channels.contains(&(channel, 1)), "{during:?}");
    assert!(during.patterns > before.patterns);
    drop(listening);
}

async fn servers_tell_of_themselves(bench: Bench) {
    let reports = records(&bench, Inspection::Report).await;
    assert!(!reports.is_empty());
    let nodes: Vec<_> = reports.iter().map(|report| &report.node).collect();
    for report in &reports {
        assert!(report.number("used_memory").unwrap() > 0, "{}", report.node);
        assert_eq!(nodes.iter().filter(|node| **node == &report.node).count(), 1);
    }
    // Whoever has clients has us, whoever has settings has names for them.
    for client in records(&bench, Inspection::Clients).await {
        assert!(nodes.contains(&&client.node) && client.number("id").is_some(), "{client:?}");
    }
    for settings in records(&bench, Inspection::Settings).await {
        assert!(settings.get("maxmemory").is_some());
    }
    for user in records(&bench, Inspection::Users).await {
        assert!(user.get("user").is_some() && user.get("rules").is_some(), "{user:?}");
    }
    let slow = bench.backend.inspect(Inspection::SlowCommands { limit: 5 }).await.unwrap();
    assert!(matches!(slow, Inspected::SlowCommands(_)), "{slow:?}");
}

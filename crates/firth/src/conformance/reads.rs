//! Reading behind ids, at once and waiting.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;

use super::{Bench, cases, numbers};
use crate::EntryId;
use crate::backend::{Read, StreamEntries};

cases![
    reading_goes_on_behind_an_id,
    several_streams_are_read_at_once,
    a_waiting_read_gets_what_comes,
    a_waiting_read_of_several_streams_gets_what_comes,
    everybody_who_waits_gets_what_comes,
    a_wait_ends,
    a_dropped_wait_leaves_nothing_behind,
];

/// Longer than any test takes.
const LONG: Option<Duration> = Some(Duration::from_secs(100));

fn read(streams: &[(&Arc<str>, EntryId)], wait: Option<Duration>) -> Read {
    let streams = streams.iter().map(|(stream, after)| (Arc::clone(stream), *after)).collect();
    Read { streams, limit: 3, wait }
}

fn listing(found: &[StreamEntries]) -> Vec<String> {
    let name = |stream: &str| stream.rsplit(':').next().unwrap_or_default().to_owned();
    let line = |it: &StreamEntries| format!("{} {}", name(&it.stream), numbers(&it.entries));
    found.iter().map(line).collect()
}

async fn reading_goes_on_behind_an_id(bench: Bench) {
    let stream = bench.key("s");
    let ids = bench.fill(&stream, 5).await;
    for (after, expect) in [
        (EntryId::MIN, vec!["s 0 1 2"]),
        (ids[0], vec!["s 1 2 3"]),
        (ids[3], vec!["s 4"]),
        (ids[4], vec![]),
        (EntryId::MAX, vec![]),
    ] {
        for wait in [None, Some(Duration::from_millis(1))] {
            let found = bench.backend.read(read(&[(&stream, after)], wait)).await.unwrap();
            assert_eq!(listing(&found), expect);
        }
    }
}

async fn several_streams_are_read_at_once(bench: Bench) {
    let (a, b, c) = (bench.key("a"), bench.key("b"), bench.key("c"));
    let ids = bench.fill(&a, 2).await;
    bench.fill(&c, 1).await;
    let streams = [(&a, ids[0]), (&b, EntryId::MIN), (&c, EntryId::MIN)];
    let found = bench.backend.read(read(&streams, None)).await.unwrap();
    assert_eq!(listing(&found), ["a 1", "c 0"]);
}

async fn a_waiting_read_gets_what_comes(bench: Bench) {
    let stream = bench.key("s");
    let last = bench.append(&stream, 0).await;
    let reading = bench.backend.read(read(&[(&stream, last)], LONG));
    let (found, _) = join(reading, bench.append(&stream, 1)).await;
    assert_eq!(listing(&found.unwrap()), ["s 1"]);
}

async fn a_waiting_read_of_several_streams_gets_what_comes(bench: Bench) {
    let (a, b) = (bench.key("a"), bench.key("b"));
    let reading = bench.backend.read(read(&[(&a, EntryId::MIN), (&b, EntryId::MIN)], LONG));
    let (found, _) = join(reading, bench.append(&b, 7)).await;
    assert_eq!(listing(&found.unwrap()), ["b 7"]);
}

async fn everybody_who_waits_gets_what_comes(bench: Bench) {
    let stream = bench.key("s");
    let reading = || bench.backend.read(read(&[(&stream, EntryId::MIN)], LONG));
    let both = join(reading(), reading());
    let ((one, other), _) = join(both, bench.append(&stream, 1)).await;
    assert_eq!(listing(&one.unwrap()), ["s 1"]);
    assert_eq!(listing(&other.unwrap()), ["s 1"]);
}

async fn a_wait_ends(bench: Bench) {
    let stream = bench.key("s");
    let wait = Some(Duration::from_millis(10));
    let found = bench.backend.read(read(&[(&stream, EntryId::MIN)], wait)).await.unwrap();
    assert_eq!(listing(&found), Vec::<String>::new());
}

async fn a_dropped_wait_leaves_nothing_behind(bench: Bench) {
    let stream = bench.key("s");
    for _ in 0..3 {
        let waiting = bench.backend.read(read(&[(&stream, EntryId::MIN)], LONG));
        let a_moment = Duration::from_millis(1);
        assert!(tokio::time::timeout(a_moment, waiting).await.is_err());
    }
    bench.append(&stream, 0).await;
    let found = bench.backend.read(read(&[(&stream, EntryId::MIN)], LONG)).await.unwrap();
    assert_eq!(listing(&found), ["s 0"]);
}

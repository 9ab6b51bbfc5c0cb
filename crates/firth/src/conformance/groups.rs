//! Groups and their consumers.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;

use super::{Bench, cases, numbers};
use crate::backend::{Entry, GroupChange, GroupChanged, GroupRead, Outcome, Start, Write};
use crate::{EntryId, Error, Refusal};

cases![
    a_group_is_created_once,
    a_group_begins_where_it_is_told,
    each_entry_goes_to_one_consumer,
    a_waiting_consumer_gets_what_comes,
    a_wait_for_a_group_ends,
    acknowledged_entries_are_done,
    a_group_can_be_moved,
    a_destroyed_group_is_gone,
    who_waits_learns_that_the_group_is_gone,
    a_removed_consumer_forgets_its_entries,
    a_missing_group_is_refused,
    what_is_left_to_deliver_is_counted,
];

const LONG: Option<Duration> = Some(Duration::from_secs(100));

async fn deliver(
    bench: &Bench,
    stream: &Arc<str>,
    consumer: &str,
    wait: Option<Duration>,
) -> Result<Vec<Entry>, Error> {
    let read = GroupRead {
        stream: Arc::clone(stream),
        group: "g".into(),
        consumer: consumer.into(),
        limit: 2,
        wait,
    };
    bench.backend.read_group(read).await
}

async fn a_group_is_created_once(bench: Bench) {
    let create = || GroupChange::Create {
        stream: bench.key("s"),
        group: "g".into(),
        start: Start::Beginning,
    };
    assert_eq!(bench.backend.change_group(create()).await.unwrap(), GroupChanged::Done);
    assert_eq!(bench.backend.change_group(create()).await.unwrap(), GroupChanged::Already);
    let info = bench.backend.stream_info(bench.key("s")).await.unwrap().unwrap();
    assert_eq!((info.len, info.groups.len()), (0, 1));
}

async fn a_group_begins_where_it_is_told(bench: Bench) {
    let stream = bench.key("s");
    let ids = bench.fill(&stream, 3).await;
    for (start, expect) in
        [(Start::Beginning, "0 1"), (Start::After(ids[1]), "2"), (Start::End, "")]
    {
        bench.create_group(&stream, "g", start).await;
        let entries = deliver(&bench, &stream, "c", None).await.unwrap();
        assert_eq!(numbers(&entries), expect);
        let group = "g".into();
        let destroy = GroupChange::Destroy { stream: Arc::clone(&stream), group };
        bench.backend.change_group(destroy).await.unwrap();
    }
}

async fn each_entry_goes_to_one_consumer(bench: Bench) {
    let stream = bench.key("s");
    bench.fill(&stream, 3).await;
    bench.create_group(&stream, "g", Start::Beginning).await;
    assert_eq!(numbers(&deliver(&bench, &stream, "a", None).await.unwrap()), "0 1");
    assert_eq!(numbers(&deliver(&bench, &stream, "b", LONG).await.unwrap()), "2");
    assert_eq!(numbers(&deliver(&bench, &stream, "a", None).await.unwrap()), "");
    let consumers = bench.backend.consumers(stream, "g".into()).await.unwrap();
    let mut pending: Vec<(&str, u64)> =
        consumers.iter().map(|consumer| (&*consumer.name, consumer.pending)).collect();
    pending.sort_unstable();
    assert_eq!(pending, [("a", 2), ("b", 1)]);
}

async fn a_waiting_consumer_gets_what_comes(bench: Bench) {
    let stream = bench.key("s");
    bench.create_group(&stream, "g", Start::End).await;
    let waiting = deliver(&bench, &stream, "c", LONG);
    let (entries, _) = join(waiting, bench.append(&stream, 1)).await;
    assert_eq!(numbers(&entries.unwrap()), "1");
}

async fn a_wait_for_a_group_ends(bench: Bench) {
    let stream = bench.key("s");
    bench.create_group(&stream, "g", Start::End).await;
    let wait = Some(Duration::from_millis(10));
    assert_eq!(deliver(&bench, &stream, "c", wait).await.unwrap(), []);
}

async fn acknowledged_entries_are_done(bench: Bench) {
    let stream = bench.key("s");
    let ids = bench.fill(&stream, 2).await;
    bench.create_group(&stream, "g", Start::Beginning).await;
    deliver(&bench, &stream, "c", None).await.unwrap();
    let acknowledge = async |ids: &[EntryId]| {
        let (stream, group, ids) = (Arc::clone(&stream), "g".into(), ids.to_vec());
        bench.write(Write::Acknowledge { stream, group, ids }).await.unwrap()
    };
    assert_eq!(acknowledge(&[ids[0], EntryId::MAX]).await, Outcome::Count(1));
    assert_eq!(acknowledge(&[ids[0]]).await, Outcome::Count(0));
    let info = bench.backend.stream_info(Arc::clone(&stream)).await.unwrap().unwrap();
    assert_eq!(info.groups[0].pending, 1);
    assert_eq!(info.len, 2);
}

async fn a_group_can_be_moved(bench: Bench) {
    let stream = bench.key("s");
    bench.fill(&stream, 2).await;
    bench.create_group(&stream, "g", Start::End).await;
    let (group, start) = ("g".into(), Start::Beginning);
    let change = GroupChange::Move { stream: Arc::clone(&stream), group, start };
    assert_eq!(bench.backend.change_group(change).await.unwrap(), GroupChanged::Done);
    assert_eq!(numbers(&deliver(&bench, &stream, "c", None).await.unwrap()), "0 1");
}

async fn a_destroyed_group_is_gone(bench: Bench) {
    let stream = bench.key("s");
    let destroy = || GroupChange::Destroy { stream: Arc::clone(&stream), group: "g".into() };
    assert_eq!(bench.backend.change_group(destroy()).await.unwrap(), GroupChanged::Already);
    bench.create_group(&stream, "g", Start::Beginning).await;
    assert_eq!(bench.backend.change_group(destroy()).await.unwrap(), GroupChanged::Done);
    assert_eq!(bench.backend.change_group(destroy()).await.unwrap(), GroupChanged::Already);
    let info = bench.backend.stream_info(stream).await.unwrap().unwrap();
    assert!(info.groups.is_empty());
}

async fn who_waits_learns_that_the_group_is_gone(bench: Bench) {
    let stream = bench.key("s");
    bench.create_group(&stream, "g", Start::End).await;
    let destroy = GroupChange::Destroy { stream: Arc::clone(&stream), group: "g".into() };
    let waiting = deliver(&bench, &stream, "c", LONG);
    let (answer, _) = join(waiting, bench.backend.change_group(destroy)).await;
    assert!(matches!(answer, Err(Error::Refused(Refusal::NoGroup))), "{answer:?}");
}

async fn a_removed_consumer_forgets_its_entries(bench: Bench) {
    let stream = bench.key("s");
    bench.fill(&stream, 2).await;
    bench.create_group(&stream, "g", Start::Beginning).await;
    deliver(&bench, &stream, "c", None).await.unwrap();
    let remove = |consumer: &str| GroupChange::RemoveConsumer {
        stream: Arc::clone(&stream),
        group: "g".into(),
        consumer: consumer.into(),
    };
    let changed = bench.backend.change_group(remove("c")).await.unwrap();
    assert_eq!(changed, GroupChanged::Forgotten(2));
    let changed = bench.backend.change_group(remove("c")).await.unwrap();
    assert_eq!(changed, GroupChanged::Forgotten(0));
    let consumers = bench.backend.consumers(Arc::clone(&stream), "g".into()).await.unwrap();
    assert!(consumers.is_empty());
}

async fn a_missing_group_is_refused(bench: Bench) {
    let (stream, absent) = (bench.key("s"), bench.key("absent"));
    bench.append(&stream, 0).await;
    for stream in [&stream, &absent] {
        let is_refused = |error: Option<Error>| {
            assert!(matches!(error, Some(Error::Refused(Refusal::NoGroup))), "{error:?}");
        };
        is_refused(deliver(&bench, stream, "c", None).await.err());
        is_refused(deliver(&bench, stream, "c", LONG).await.err());
        is_refused(bench.backend.consumers(Arc::clone(stream), "g".into()).await.err());
        let (group, start) = ("g".into(), Start::End);
        let change = GroupChange::Move { stream: Arc::clone(stream), group, start };
        is_refused(bench.backend.change_group(change).await.err());
        let (group, consumer) = ("g".into(), "c".into());
        let change = GroupChange::RemoveConsumer { stream: Arc::clone(stream), group, consumer };
        is_refused(bench.backend.change_group(change).await.err());
    }
}

async fn what_is_left_to_deliver_is_counted(bench: Bench) {
    let stream = bench.key("s");
    bench.create_group(&stream, "g", Start::Beginning).await;
    bench.fill(&stream, 5).await;
    deliver(&bench, &stream, "c", None).await.unwrap();
    let info = bench.backend.stream_info(stream).await.unwrap().unwrap();
    assert_eq!((info.groups[0].lag, info.groups[0].consumers), (Some(3), 1));
}

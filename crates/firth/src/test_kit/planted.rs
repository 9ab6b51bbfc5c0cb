//! Workers with a fault in each, on a real broker: the history must find every one of them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::history::History;
use super::proof::{Sequence, Summary, Violations};
use crate::backend::{Append, Batch, Entry, Fields, GroupChange, GroupRead, Start, Write};
use crate::dead_letters::{Death, letter};
use crate::{Broker, Delivery, EntryId, Stream, Verdict};

const STREAM: &str = "jobs";
const DEAD: &str = "{jobs}:dead";
const GROUP: &str = "g";

/// The value that the handler rejects.
const BAD: u32 = 5;

/// What is wrong with a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Nothing,
    AcknowledgesBeforeHandling,
    AcknowledgesAndDies,
    DropsAnEntry,
    HandlesOutOfOrder,
    HandlesSideBySide,
    BuriesTwice,
    BuriesWhatWasDone,
    AcknowledgesWhatWasRejected,
    HandlesWhatNobodyAppended,
}

type Handler = Box<dyn Fn(Delivery<u32>) -> BoxFuture<'static, Verdict>>;

/// A worker written by hand.
struct Planted {
    fault: Fault,
    broker: Broker,
    stream: Stream<u32>,
    handler: Handler,
}

impl Planted {
    async fn work(&self) {
        let (stream, group): (Arc<str>, Arc<str>) = (STREAM.into(), GROUP.into());
        let start = Start::Beginning;
        let create =
            GroupChange::Create { stream: Arc::clone(&stream), group: Arc::clone(&group), start };
        self.broker.backend().change_group(create).await.unwrap();
        let read = GroupRead { stream, group, consumer: "c".into(), limit: 4, wait: None };
        loop {
            let mut batch = self.broker.backend().read_group(read.clone()).await.unwrap();
            if batch.is_empty() {
                return;
            }
            match self.fault {
                Fault::HandlesOutOfOrder => batch.reverse(),
                Fault::HandlesSideBySide => {
                    let all = batch.iter().map(|entry| self.treat(entry));
                    futures_util::future::join_all(all).await;
                    continue;
                }
                _ => {}
            }
            for entry in &batch {
                self.treat(entry).await;
            }
        }
    }

    async fn treat(&self, entry: &Entry) {
        let value = (self.stream.format.decode)(&entry.fields).unwrap();
        let id = match self.fault {
            Fault::HandlesWhatNobodyAppended if value == 2 => EntryId::new(1, 1),
            _ => entry.id,
        };
        let delivery = Delivery { value, id, stream: STREAM.into(), deliveries: 1 };
        match (self.fault, value) {
            (Fault::DropsAnEntry, 2) => return,
            (Fault::AcknowledgesBeforeHandling, 2) => self.acknowledge(entry.id).await,
            (Fault::AcknowledgesAndDies, 2) => return self.acknowledge(entry.id).await,
            _ => {}
        }
        let verdict = (self.handler)(delivery).await;
        match (self.fault, verdict) {
            (Fault::AcknowledgesWhatWasRejected, Verdict::Reject { .. }) => {}
            (Fault::BuriesTwice, Verdict::Reject { .. }) => {
                self.bury(entry).await;
                self.bury(entry).await;
            }
            (_, Verdict::Reject { .. }) => self.bury(entry).await,
            (Fault::BuriesWhatWasDone, _) if value == 2 => self.bury(entry).await,
            _ => {}
        }
        self.acknowledge(entry.id).await;
    }

    async fn acknowledge(&self, id: EntryId) {
        let (stream, group, ids) = (STREAM.into(), GROUP.into(), vec![id]);
        let write = Write::Acknowledge { stream, group, ids };
        self.broker.backend().write(Batch::of(write)).await.unwrap();
    }

    async fn bury(&self, entry: &Entry) {
        let death =
            Death { stream: STREAM, group: GROUP, id: entry.id, reason: "bad", deliveries: 1 };
        let letter = letter(&DEAD.into(), &death, &entry.fields);
        self.broker.backend().write(Batch::of(Write::Append(letter))).await.unwrap();
    }
}

/// What a history says of a worker with this fault; the entries are called by their values.
async fn found(fault: Fault) -> Result<Summary, (Violations, Vec<EntryId>)> {
    let history = History::new(STREAM, GROUP);
    let broker = history.watch(&Broker::connect("memory:").await.unwrap());
    let stream = broker.stream::<u32>(STREAM);
    let ids = stream.append_all(&(0..8).collect::<Vec<_>>()).await.unwrap();
    let handler = history.handler_by_key(
        |value: &u32| value % 2,
        |job: Delivery<u32>| async move {
            tokio::task::yield_now().await;
            if job.value == BAD { Verdict::reject("bad") } else { Verdict::Done }
        },
    );
    let handler = Box::new(handler);
    Planted { fault, broker: broker.clone(), stream, handler }.work().await;
    history.read_dead_letters(&broker, DEAD).await.unwrap();
    history.check(Sequence::ByKey).map_err(|wrong| (wrong, ids))
}

/// Checks what is found, `$2` being the id of the entry whose value is 2.
async fn check(fault: Fault, expect: &str) {
    let (wrong, ids) = found(fault).await.expect_err(&format!("{fault:?} was not found"));
    let mut expect = expect.to_owned();
    for (value, id) in ids.iter().enumerate() {
        expect = expect.replace(&format!("${value}"), &id.to_string());
    }
    let list: Vec<String> = wrong.list().iter().map(ToString::to_string).collect();
    assert_eq!(list.join("; "), expect, "{fault:?}: {wrong}");
}

#[tokio::test]
async fn a_worker_without_a_fault_is_right() {
    let summary = found(Fault::Nothing).await.unwrap();
    assert_eq!((summary.appended, summary.handled, summary.dead), (8, 7, 1));
}

#[tokio::test]
async fn acknowledging_before_handling_is_found() {
    let early = "$2 was acknowledged before it was handled";
    check(Fault::AcknowledgesBeforeHandling, early).await;
    // The two later ones of its key cannot be said to be in order if it never came to an end.
    let lost = format!("$2 was lost, after 0 deliveries; {early}");
    check(Fault::AcknowledgesAndDies, &lost).await;
}

#[tokio::test]
async fn a_dropped_entry_is_found() {
    check(Fault::DropsAnEntry, "$2 was lost, after 0 deliveries").await;
}

#[tokio::test]
async fn a_wrong_order_is_found() {
    let expect = "$2 was begun before $0 had ended, both of the key `0`; \
                  $3 was begun before $1 had ended, both of the key `1`; \
                  $6 was begun before $4 had ended, both of the key `0`; \
                  $7 was begun before $5 had ended, both of the key `1`";
    check(Fault::HandlesOutOfOrder, expect).await;
    check(Fault::HandlesSideBySide, expect).await;
}

#[tokio::test]
async fn wrong_dead_letters_are_found() {
    check(Fault::BuriesTwice, "$5 has more than one dead letter").await;
    check(Fault::BuriesWhatWasDone, "$2 was done and has a dead letter").await;
    let expect = "$5 was rejected and has no dead letter";
    check(Fault::AcknowledgesWhatWasRejected, expect).await;
}

#[tokio::test]
async fn what_nobody_appended_is_found() {
    let (wrong, ids) = found(Fault::HandlesWhatNobodyAppended).await.unwrap_err();
    let text = wrong.to_string();
    assert!(text.contains(&format!("{} was lost, after 0 deliveries", ids[2])), "{text}");
    assert!(text.contains("1 entries were handled that nobody appended"), "{text}");
}

#[tokio::test]
async fn a_dead_letter_that_does_not_say_what_it_was_is_an_error() {
    let history = History::new(STREAM, GROUP);
    let broker = Broker::connect("memory:").await.unwrap();
    let letters = |fields: Fields| {
        let (broker, history) = (broker.clone(), history.clone());
        async move {
            let batch = Batch::of(Write::Append(Append::new(DEAD, fields)));
            broker.backend().write(batch).await.unwrap();
            let read = history.read_dead_letters(&broker, DEAD).await;
            let remove = Write::Remove { key: DEAD.into() };
            broker.backend().write(Batch::of(remove)).await.unwrap();
            read.map_err(|error| error.to_string())
        }
    };
    let (stream, group, id) =
        (("original_stream", STREAM), ("original_group", GROUP), ("original_id", "1-1"));
    let missing = |name: &str| Err(format!("the payload: a dead letter without {name}"));
    assert_eq!(letters(Fields::from([id, group])).await, missing("original_stream"));
    assert_eq!(letters(Fields::from([id, stream])).await, missing("original_group"));
    assert_eq!(letters(Fields::from([stream, group])).await, missing("original_id"));
    let unreadable = letters(Fields::from([stream, group, ("original_id", "x")])).await;
    assert!(unreadable.unwrap_err().starts_with("the payload: "));
    // Another group's is none of ours.
    let others = Fields::from([stream, ("original_group", "other"), id]);
    assert_eq!(letters(others).await, Ok(()));
    assert_eq!(history.check(Sequence::Any).unwrap().dead, 0);
    assert_eq!(letters(Fields::from([stream, group, id])).await, Ok(()));
    // Nobody has appended what it is about.
    assert!(history.check(Sequence::Any).is_err());
}

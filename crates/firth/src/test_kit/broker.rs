//! A broker made for tests: in memory, with virtual time, faults, and assertions on what reached it.

use std::ops::Deref;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::faults::Faults;
use super::journal::{Journal, Journaled};
use crate::backend::Entry;
use crate::backend::embedded::Embedded;
use crate::{Broker, Error, payload};

/// A broker in memory that is made for tests; it can be used wherever a [`Broker`] can.
///
/// It knows what was published and appended, lets requests go wrong as its [`faults`](TestBroker::faults)
/// say, and its time is Tokio's.
///
/// # Virtual time
///
/// In a test whose runtime has its clock paused (`#[tokio::test(start_paused = true)]`, feature `test-util`
/// of Tokio) nothing waits: whenever all tasks are waiting for time alone, time jumps to the next moment that
/// one of them waits for, and `tokio::time::advance` moves it, too. What goes by this time:
///
/// - the ids of entries, from 2026-01-01 00:00 UTC on, so that they are the same in each run;
/// - how long entries have been idle, leases, retries and their backoff, time limits and graces of workers;
/// - how long reads wait, and [`Fault::Delay`](super::Fault::Delay);
/// - when keys expire.
///
/// What does not: the time of day that the library itself writes into entries (`moved_at` of a dead letter,
/// `timestamp` of an event), the chance in a backoff, and programs elsewhere, which have their own time. Time only
/// jumps on a runtime of one thread, and not while blocking work goes on.
///
/// ```
/// use std::time::Duration;
///
/// use firth::test_kit::TestBroker;
/// use firth::{Backoff, Delivery};
///
/// #[tokio::main(flavor = "current_thread", start_paused = true)]
/// async fn main() -> Result<(), firth::Error> {
///     let broker = TestBroker::new()?;
///     let orders = broker.stream::<String>("orders");
///     let backoff = Backoff::constant(Duration::from_secs(3600));
///     let bus = broker.event_bus();
///     let worker = broker.worker(&orders, "g").retry(backoff).start(move |order: Delivery<String>| {
///         let bus = bus.clone();
///         async move {
///             if order.deliveries < 3 {
///                 return Err("not yet".to_owned());
///             }
///             bus.publish("shipped", &order.value).await.map(drop).map_err(|error| error.to_string())
///         }
///     });
///     orders.append(&"tea".to_owned()).await?;
///
///     let begun = tokio::time::Instant::now();
///     while worker.stats().processed == 0 {
///         tokio::time::sleep(Duration::from_secs(60)).await;
///     }
///     assert!(begun.elapsed() >= Duration::from_secs(2 * 3600)); // and it took no time
///     broker.assert_published("shipped", &"tea");
///     worker.stop().await?;
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct TestBroker {
    broker: Broker,
    journal: Arc<Journal>,
    faults: Faults,
}

impl TestBroker {
    /// Returns a broker with nothing in it, and without faults.
    ///
    /// # Errors
    /// The engine cannot be opened, which does not happen in memory.
    pub fn new() -> Result<Self, Error> {
        TestBroker::with(Faults::new())
    }

    /// Returns a broker with nothing in it, whose requests go wrong as planned.
    ///
    /// # Errors
    /// As for [`new`](TestBroker::new).
    pub fn with(faults: Faults) -> Result<Self, Error> {
        let journal = Arc::<Journal>::default();
        let inner = Arc::new(Embedded::in_memory_by_tokio()?);
        let journaled = Broker::on(Journaled { inner, journal: Arc::clone(&journal) });
        Ok(TestBroker { broker: faults.disturb(&journaled), journal, faults })
    }

    /// Returns the broker, for what takes one.
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// Returns the plan of what goes wrong.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Returns all events that were published on a channel, in their order.
    ///
    /// # Errors
    /// [`Error::Payload`] if one is not what the type expects.
    pub fn published<E: DeserializeOwned>(&self, channel: &str) -> Result<Vec<E>, Error> {
        let messages = self.journal.messages(channel);
        messages.iter().map(|message| payload::from_json(message)).collect()
    }

    /// Returns all entries that were appended to a stream, in their order, trimmed and deleted ones too.
    pub fn appended(&self, stream: &str) -> Vec<Entry> {
        self.journal.entries(stream)
    }

    /// Checks that an event was published on a channel.
    ///
    /// # Panics
    /// It was not; the message says what was.
    #[track_caller]
    pub fn assert_published(&self, channel: &str, event: &impl Serialize) {
        hold(self.journal.check_published(channel, event));
    }

    /// Checks that nothing was published on a channel.
    ///
    /// # Panics
    /// Something was; the message says what.
    #[track_caller]
    pub fn assert_nothing_published(&self, channel: &str) {
        hold(self.journal.check_silent(channel));
    }

    /// Checks that a value was appended to a stream, in JSON or as flat fields.
    ///
    /// # Panics
    /// It was not; the message says what was.
    #[track_caller]
    pub fn assert_appended(&self, stream: &str, value: &impl Serialize) {
        hold(self.journal.check_appended(stream, value));
    }

    /// Checks that nothing was appended to a stream.
    ///
    /// # Panics
    /// Something was; the message says what.
    #[track_caller]
    pub fn assert_nothing_appended(&self, stream: &str) {
        hold(self.journal.check_empty(stream));
    }
}

#[track_caller]
fn hold(checked: Result<(), String>) {
    if let Err(message) = checked {
        panic!("{message}");
    }
}

impl Deref for TestBroker {
    type Target = Broker;

    fn deref(&self) -> &Broker {
        &self.broker
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use std::panic::AssertUnwindSafe;
    use std::time::Duration;

    use serde::{Deserialize, Serialize};
    use tokio::time::Instant;

    use super::super::faults::{Call, Fault};
    use super::*;
    use crate::backend::{
        Batch, GroupChange, GroupRead, PendingQuery, SetValue, Start, When, Write,
    };

    #[derive(Serialize, Deserialize)]
    struct Order {
        id: u32,
        what: String,
    }

    fn order(id: u32) -> Order {
        Order { id, what: "tea".into() }
    }

    fn message(assertion: impl FnOnce()) -> String {
        let panic = std::panic::catch_unwind(AssertUnwindSafe(assertion)).expect_err("it holds");
        *panic.downcast::<String>().unwrap()
    }

    #[tokio::test]
    async fn messages_say_what_was_published_instead() {
        let broker = TestBroker::new().unwrap();
        broker.assert_nothing_published("orders");
        let bus = broker.event_bus();
        bus.publish("other", &order(9)).await.unwrap();
        let text = message(|| broker.assert_published("orders", &order(1)));
        let wanted = r#"{"id":1,"what":"tea"} was not published on `orders`; "#;
        assert_eq!(text, format!("{wanted}nothing was\nthere is something on `other`"));
        bus.publish("orders", &order(2)).await.unwrap();
        bus.publish("orders", "text").await.unwrap();
        broker.assert_published("orders", &order(2));
        // The order of members does not matter.
        broker.assert_published("orders", &serde_json::json!({"what": "tea", "id": 2}));
        let text = message(|| broker.assert_published("orders", &order(1)));
        let there = "the 2 that were:\n  {\"id\":2,\"what\":\"tea\"}\n  \"text\"\n";
        assert_eq!(text, format!("{wanted}{there}there is something on `other`"));
        let text = message(|| broker.assert_nothing_published("other"));
        let there = "something was published on `other`; what was:\n  {\"id\":9,\"what\":\"tea\"}";
        assert_eq!(text, there);
        assert_eq!(broker.published::<Order>("other").unwrap()[0].id, 9);
        assert!(broker.published::<Order>("orders").is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn messages_say_what_was_appended_instead() {
        let broker = TestBroker::new().unwrap();
        broker.assert_nothing_appended("orders");
        broker.stream("orders").append(&order(1)).await.unwrap();
        broker.stream("flat").flat().append(&order(2)).await.unwrap();
        broker.assert_appended("orders", &order(1));
        broker.assert_appended("flat", &order(2));
        broker.assert_appended("flat", &serde_json::json!({"what": "tea", "id": 2}));
        let text = message(|| broker.assert_appended("flat", &order(1)));
        let wanted = r#"{"id":1,"what":"tea"} was not appended to `flat`; what was:"#;
        let there = "1767225600000-0 id=2 what=tea\nthere is something on `orders`";
        assert_eq!(text, format!("{wanted}\n  {there}"));
        let text = message(|| broker.assert_nothing_appended("orders"));
        let there = r#"1767225600000-0 {"id":1,"what":"tea"}"#;
        assert_eq!(text, format!("something was appended to `orders`; what was:\n  {there}"));
        // What is trimmed has been appended.
        broker.stream::<Order>("orders").trim_to_len(crate::exact(0)).await.unwrap();
        assert_eq!(broker.appended("orders").len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_fault_keeps_from_the_broker_was_not_published() {
        let broker = TestBroker::new().unwrap();
        broker.faults().nth(Call::Publish, 1, Fault::LoseRequest);
        broker.faults().nth(Call::Publish, 2, Fault::LoseAnswer);
        let bus = broker.event_bus();
        bus.publish("c", &1).await.unwrap_err();
        broker.assert_nothing_published("c");
        bus.publish("c", &2).await.unwrap_err();
        broker.assert_published("c", &2);
    }

    #[tokio::test(start_paused = true)]
    async fn everything_goes_by_the_virtual_time() {
        let broker = TestBroker::new().unwrap();
        let stream = broker.stream::<u32>("s");
        let hour = Duration::from_secs(3600);
        let first = stream.append(&1).await.unwrap();
        assert_eq!(first.to_string(), "1767225600000-0");
        tokio::time::advance(hour).await;
        let second = stream.append(&2).await.unwrap();
        assert_eq!(second.ms - first.ms, 3_600_000);

        // A key expires, and how long an entry has been idle is counted.
        let (name, group): (Arc<str>, Arc<str>) = ("s".into(), "g".into());
        let start = Start::Beginning;
        let create =
            GroupChange::Create { stream: Arc::clone(&name), group: Arc::clone(&group), start };
        let backend = broker.backend();
        backend.change_group(create).await.unwrap();
        let (consumer, wait) = ("c".into(), Some(hour));
        let read = GroupRead {
            stream: Arc::clone(&name),
            group: Arc::clone(&group),
            consumer,
            limit: 9,
            wait,
        };
        assert_eq!(backend.read_group(read.clone()).await.unwrap().len(), 2);
        let (key, value): (Arc<str>, _) = ("k".into(), "v".into());
        let set =
            SetValue { key: Arc::clone(&key), value, expires_in: Some(hour), when: When::Always };
        backend.write(Batch::of(Write::Set(set))).await.unwrap();
        let begun = Instant::now();
        assert!(backend.read_group(read).await.unwrap().is_empty());
        assert!(begun.elapsed() >= hour, "a read waits as long as it says");
        assert_eq!(backend.value(key).await.unwrap(), None);
        let query = |min_idle| PendingQuery {
            stream: Arc::clone(&name),
            group: Arc::clone(&group),
            from: crate::EntryId::MIN,
            to: crate::EntryId::MAX,
            limit: 9,
            min_idle,
            consumer: None,
        };
        assert_eq!(backend.pending(query(hour)).await.unwrap().len(), 2);
        assert!(backend.pending(query(2 * hour)).await.unwrap().is_empty());
    }
}

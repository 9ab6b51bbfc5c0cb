//! Events, as they are written and as they are read.
//!
//! An event is an entry with these fields, all of them text:
//!
//! | field | what it is |
//! |---|---|
//! | `type` | what happened |
//! | `aggregateId` | to what it happened |
//! | `data` | JSON |
//! | `metadata` | a JSON object |
//! | `timestamp` | the Unix time in milliseconds |
//! | `version` | the number of the event in its aggregate, from 1 on; only what this crate has written has it |

use std::sync::Arc;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::backend::{Entry, Fields};
use crate::{EntryId, Error, Refusal};

/// The most bytes that the data of an event may have. A batch must not be refused halfway, so this is
/// below what any backend refuses.
const DATA_BYTES_MAX: usize = 256 << 20;

const CORRELATION: &str = "correlationId";
const CAUSATION: &str = "causationId";

/// An event whose type and data are chosen as the program runs.
///
/// Events of a type that is known are better an enum: see
/// [`EventStore::append`](super::EventStore::append).
///
/// ```
/// use firth::event_store::NewEvent;
/// use serde_json::json;
///
/// let event = NewEvent::new("ItemAdded", json!({ "productId": "prod-1", "quantity": 2 }));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewEvent {
    #[serde(rename = "type")]
    kind: String,
    data: Value,
    metadata: Metadata,
}

/// What is known of an event beside its data: a JSON object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metadata(Map<String, Value>);

/// An event as it stands in the store.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StoredEvent {
    /// Its place among all events of the store.
    pub id: EntryId,
    /// What happened; empty if the entry is no event.
    pub kind: Arc<str>,
    /// To what it happened.
    pub aggregate: Arc<str>,
    /// Its number in its aggregate, from 1 on. Always known of events that are read by aggregate; of
    /// others only if this crate has written them.
    pub version: Option<u64>,
    /// JSON, as it was written.
    pub data: Bytes,
    /// What else is known of it; empty if it is not a JSON object.
    pub metadata: Metadata,
    /// When it was appended, by the clock of the writer, in milliseconds of Unix time.
    pub timestamp_ms: u64,
}

/// What is written of an event, but for what is only known when it gets its place.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    kind: Bytes,
    data: Bytes,
    metadata: Metadata,
}

/// The shape that events are serialized in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    data: Value,
    #[serde(default)]
    metadata: Metadata,
}

impl NewEvent {
    /// Makes an event.
    pub fn new(kind: impl Into<String>, data: impl Into<Value>) -> Self {
        NewEvent { kind: kind.into(), data: data.into(), metadata: Metadata::default() }
    }

    /// Adds a piece of metadata.
    #[must_use]
    pub fn metadata(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata.set(name, value);
        self
    }
}

impl Metadata {
    /// Returns a piece of metadata.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Sets a piece of metadata.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.0.insert(name.into(), value.into());
    }

    /// Returns what the whole conversation that the event is part of is known by.
    pub fn correlation(&self) -> Option<&str> {
        self.get(CORRELATION).and_then(Value::as_str)
    }

    /// Returns what the event was caused by.
    pub fn causation(&self) -> Option<&str> {
        self.get(CAUSATION).and_then(Value::as_str)
    }

    /// Sets what the whole conversation is known by.
    pub fn set_correlation(&mut self, id: impl Into<String>) {
        self.set(CORRELATION, id.into());
    }

    /// Makes the event a consequence of another: it belongs to the same conversation, which the
    /// other one begins if it is in none.
    pub fn set_cause(&mut self, cause: &StoredEvent) {
        let id = cause.id.to_string();
        self.set_correlation(cause.metadata.correlation().unwrap_or(&id));
        self.set(CAUSATION, id);
    }

    /// Returns names and values, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.iter()
    }

    /// Says whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl StoredEvent {
    /// Returns the event as a type of one's own: an enum with
    /// `#[serde(tag = "type", content = "data")]`.
    ///
    /// # Errors
    /// [`Error::Payload`] if the type does not know this event, or its data are not as expected.
    pub fn decode<E: DeserializeOwned>(&self) -> Result<E, Error> {
        let mut shape = Map::new();
        shape.insert("type".to_owned(), Value::from(&*self.kind));
        shape.insert("data".to_owned(), self.decode_data()?);
        serde_json::from_value(Value::Object(shape)).map_err(|error| self.undecodable(&error))
    }

    /// Returns the data of the event as a type of one's own, whatever the type of the event is.
    ///
    /// # Errors
    /// [`Error::Payload`] if the data are not as expected.
    pub fn decode_data<D: DeserializeOwned>(&self) -> Result<D, Error> {
        serde_json::from_slice(&self.data).map_err(|error| self.undecodable(&error))
    }

    fn undecodable(&self, error: &serde_json::Error) -> Error {
        Error::payload(&format!("event {} of type `{}`: {error}", self.id, self.kind))
    }

    /// Reads an entry. What cannot be read is left empty, so that a strange entry stops nobody.
    pub(super) fn read(entry: &Entry) -> Self {
        let text = |name| entry.fields.text(name).unwrap_or_default();
        let metadata = entry.fields.get("metadata");
        let metadata = metadata.and_then(|json| serde_json::from_slice(json).ok());
        StoredEvent {
            id: entry.id,
            kind: text("type").into(),
            aggregate: text("aggregateId").into(),
            version: text("version").parse().ok(),
            data: entry.fields.get("data").cloned().unwrap_or_default(),
            metadata: metadata.unwrap_or_default(),
            timestamp_ms: text("timestamp").parse().unwrap_or(entry.id.ms),
        }
    }
}

impl From<&Entry> for StoredEvent {
    /// Reads an entry of a store. What cannot be read is left empty.
    fn from(entry: &Entry) -> Self {
        StoredEvent::read(entry)
    }
}

impl Draft {
    pub(super) fn of(event: &impl Serialize) -> Result<Self, Error> {
        let shape = serde_json::to_value(event).and_then(serde_json::from_value::<Shape>);
        let shape = shape.map_err(|error| {
            let wanted = "an event must be serialized as `type` and `data`, as an enum with \
                #[serde(tag = \"type\", content = \"data\")] is";
            Error::payload(&format!("{wanted}: {error}"))
        })?;
        let data = Bytes::from(shape.data.to_string());
        if data.len() > DATA_BYTES_MAX {
            return Err(Refusal::TooLarge.into());
        }
        Ok(Draft { kind: shape.kind.into(), data, metadata: shape.metadata })
    }

    pub(super) fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.metadata
    }

    /// Returns the fields of the entry.
    pub(super) fn fields(&self, aggregate: &str, version: u64, now_ms: u64) -> Fields {
        let text = |text: String| Bytes::from(text);
        Fields::from([
            ("type", self.kind.clone()),
            ("aggregateId", Bytes::copy_from_slice(aggregate.as_bytes())),
            ("data", self.data.clone()),
            ("metadata", text(Value::Object(self.metadata.0.clone()).to_string())),
            ("timestamp", text(now_ms.to_string())),
            ("version", text(version.to_string())),
        ])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "type", content = "data")]
    enum Order {
        Created { total: u32 },
        Paid(u32),
        Closed,
    }

    fn stored(event: &impl Serialize) -> StoredEvent {
        let fields = Draft::of(event).unwrap().fields("order-1", 3, 1_703_001_234_567);
        StoredEvent::read(&Entry { id: EntryId::new(1, 2), fields })
    }

    #[test]
    fn events_are_written_as_the_document_writes_them() {
        let event = NewEvent::new("Created", json!({ "total": 0 })).metadata("userId", "u");
        let fields = Draft::of(&event).unwrap().fields("order-1", 3, 17);
        let expect = [
            ("type", "Created"),
            ("aggregateId", "order-1"),
            ("data", r#"{"total":0}"#),
            ("metadata", r#"{"userId":"u"}"#),
            ("timestamp", "17"),
            ("version", "3"),
        ];
        assert_eq!(fields, Fields::from(expect));
    }

    #[test]
    fn enums_come_back_as_they_were() {
        for (event, data) in [
            (Order::Created { total: 5 }, r#"{"total":5}"#),
            (Order::Paid(7), "7"),
            (Order::Closed, "null"),
        ] {
            let stored = stored(&event);
            assert_eq!(stored.data, data);
            assert_eq!(stored.decode::<Order>().unwrap(), event);
            assert_eq!((stored.version, stored.timestamp_ms), (Some(3), 1_703_001_234_567));
        }
    }

    #[test]
    fn another_shape_is_refused() {
        for shape in [json!(1), json!({ "data": 1 }), json!({ "type": "T", "total": 1 })] {
            let error = Draft::of(&shape).unwrap_err().to_string();
            assert!(error.contains("serde(tag"), "{error}");
        }
    }

    #[test]
    fn what_is_not_understood_is_an_error_that_names_the_event() {
        let stranger = stored(&NewEvent::new("Shipped", json!({})));
        let error = stranger.decode::<Order>().unwrap_err().to_string();
        assert!(error.contains("event 1-2 of type `Shipped`"), "{error}");
    }

    #[test]
    fn a_strange_entry_is_an_event_without_a_type() {
        let fields = Fields::from([("data", "{"), ("metadata", "[]"), ("timestamp", "-")]);
        let event = StoredEvent::read(&Entry { id: EntryId::new(9, 0), fields });
        assert_eq!((&*event.kind, &*event.aggregate, event.version), ("", "", None));
        assert_eq!((event.metadata.is_empty(), event.timestamp_ms), (true, 9));
        assert!(event.decode_data::<Value>().is_err());
    }

    #[test]
    fn consequences_belong_to_the_conversation_of_their_cause() {
        let mut first = stored(&NewEvent::new("A", json!({})));
        let mut metadata = Metadata::default();
        metadata.set_cause(&first);
        assert_eq!((metadata.correlation(), metadata.causation()), (Some("1-2"), Some("1-2")));
        first.metadata.set_correlation("request-7");
        metadata.set_cause(&first);
        assert_eq!(
            (metadata.correlation(), metadata.causation()),
            (Some("request-7"), Some("1-2"))
        );
    }
}

//! Event stores, to look at: by aggregate, by type, in their order.

use std::collections::HashMap;

use firth::backend::{Entry, Order};
use firth::event_store::{Metadata, ReadError, StoredEvent};
use serde_json::{Map, Value, json};

use super::ask::Ask;
use super::entries::Search;
use super::problem::Problem;
use super::routes::Answer;
use super::streams::info_of;

/// `GET event-store/events`
pub(crate) async fn list(ask: Ask) -> Result<Answer, Problem> {
    let (mut walk, search) = (ask.walk(Order::Forward)?, Search::of(&ask));
    if let Some(after) = ask.parsed::<firth::EntryId>("after")? {
        let Some(from) = after.next() else {
            return Ok(Answer::Json(json!({"items": [], "next": null, "scanned": 0})));
        };
        walk.from = from;
    }
    let (kind, broker) = (ask.text("type").map(str::to_owned), ask.broker().await?);
    let is_wanted = |entry: &Entry| {
        let is_kind = kind.as_deref().is_none_or(|kind| entry.fields.text("type") == Some(kind));
        is_kind && search.finds(entry)
    };
    let walked = walk.through(broker.backend(), is_wanted).await?;
    Ok(Answer::Json(walked.told(|entry| told(&StoredEvent::from(entry)))))
}

/// `GET event-store/aggregate`
pub(crate) async fn aggregate(ask: Ask) -> Result<Answer, Problem> {
    let (stream, id) = (ask.name("stream")?, ask.name("id")?);
    let broker = ask.broker().await?;
    // A read puts into the index what is not there yet, which has no place beside other streams.
    let last = info_of(broker.backend(), &stream).await?.last;
    if last.is_some_and(|last| last.fields.get("aggregateId").is_none()) {
        return Err(Problem::conflict("the stream is no event store"));
    }
    let store = broker.event_store(&stream);
    let events = store.by_aggregate(&id).await.map_err(|error| match error {
        ReadError::Broker(error) => Problem::from(error),
        error => Problem::conflict(error.to_string()),
    })?;
    let version = events.last().and_then(|event| event.version);
    let items: Vec<Value> = events.iter().map(told).collect();
    Ok(Answer::Json(json!({"items": items, "version": version})))
}

/// `GET event-store/types`
pub(crate) async fn types(ask: Ask) -> Result<Answer, Problem> {
    let mut kinds: HashMap<String, u64> = HashMap::new();
    let look = |entry: &Entry| {
        *kinds.entry(entry.fields.text("type").unwrap_or_default().to_owned()).or_default() += 1;
    };
    let is_complete = ask.look_through(look).await?;
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let told = |(kind, count): (String, u64)| json!({"type": kind, "count": count});
    let items: Vec<Value> = kinds.into_iter().map(told).collect();
    Ok(Answer::Json(json!({"items": items, "complete": is_complete})))
}

fn told(event: &StoredEvent) -> Value {
    let data = serde_json::from_slice::<Value>(&event.data);
    let data = data.unwrap_or_else(|_| String::from_utf8_lossy(&event.data).into_owned().into());
    json!({
        "id": event.id, "atMs": event.timestamp_ms, "aggregate": event.aggregate,
        "version": event.version, "type": event.kind, "data": data,
        "metadata": metadata(&event.metadata),
    })
}

fn metadata(metadata: &Metadata) -> Option<Map<String, Value>> {
    let pairs = metadata.iter().map(|(name, value)| (name.clone(), value.clone()));
    (!metadata.is_empty()).then(|| pairs.collect())
}

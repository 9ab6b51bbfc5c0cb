//! One group, and what is pending in it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use firth::EntryId;
use firth::backend::{Backend, Entry, Pending, PendingQuery, Range};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};

use super::ask::Ask;
use super::catalogue::GroupRow;
use super::problem::Problem;
use super::routes::Answer;
use super::streams::info_of;
use super::value::{Extent, entry as told};

/// How many pending entries are sorted by age.
const AGED_MAX: usize = 10_000;

const PENDING_USUAL: usize = 100;

/// How many entries are fetched at a time.
const FETCHES: usize = 32;

/// Up to how many milliseconds entries of each class are idle; the last class has no end.
const AGES_MS: [u64; 5] = [1000, 10_000, 60_000, 600_000, 3_600_000];

/// `GET group`
pub(crate) async fn one(ask: Ask) -> Result<Answer, Problem> {
    let (stream, group) = (ask.name("stream")?, ask.name("group")?);
    let broker = ask.broker().await?;
    let backend = broker.backend();
    let info = info_of(backend, &stream).await?;
    let found = info.groups.iter().find(|found| found.name == group);
    let found = found.ok_or_else(|| Problem::not_found("there is no such group"))?;
    let mut told = json!(GroupRow::of(&stream, &info, found));
    let known = ask.shared.console.catalogue.newest();
    let trend = known.as_ref().and_then(|known| {
        let mut rows = known.groups.iter();
        rows.find(|row| row.stream == stream && row.name == group).map(|row| &row.trend)
    });
    if let Some(trend) = trend {
        told["trend"] = json!(trend);
    }
    let consumers = backend.consumers(Arc::clone(&stream), Arc::clone(&group)).await?;
    let consumer = |consumer: &firth::backend::ConsumerInfo| {
        json!({
            "name": consumer.name, "pending": consumer.pending, "idleMs": millis(consumer.idle),
        })
    };
    told["consumerList"] = consumers.iter().map(consumer).collect();
    let query = PendingQuery {
        stream,
        group,
        from: EntryId::MIN,
        to: EntryId::MAX,
        limit: AGED_MAX + 1,
        min_idle: Duration::ZERO,
        consumer: None,
    };
    let mut pending = backend.pending(query).await?;
    told["agesComplete"] = json!(pending.len() <= AGED_MAX);
    pending.truncate(AGED_MAX);
    told["ages"] = ages(&pending);
    Ok(Answer::Json(told))
}

fn ages(pending: &[Pending]) -> Value {
    let mut counts = [0; AGES_MS.len() + 1];
    for row in pending {
        let idle_ms = millis(row.idle);
        let class = AGES_MS.iter().position(|up_to_ms| idle_ms < *up_to_ms);
        if let Some(count) = counts.get_mut(class.unwrap_or(AGES_MS.len())) {
            *count += 1;
        }
    }
    let limits = AGES_MS.iter().map(|up_to_ms| Some(*up_to_ms)).chain([None]);
    let classes = limits.zip(counts);
    classes.map(|(up_to_ms, count)| json!({"upToMs": up_to_ms, "count": count})).collect()
}

/// `GET pending`
pub(crate) async fn pending(ask: Ask) -> Result<Answer, Problem> {
    let limit = ask.limit(PENDING_USUAL)?;
    let query = PendingQuery {
        stream: ask.name("stream")?,
        group: ask.name("group")?,
        from: ask.parsed("from")?.unwrap_or(EntryId::MIN),
        to: EntryId::MAX,
        limit: limit + 1,
        min_idle: Duration::from_millis(ask.parsed("minIdleMs")?.unwrap_or(0)),
        consumer: ask.text("consumer").map(Arc::from),
    };
    let stream = Arc::clone(&query.stream);
    let broker = ask.broker().await?;
    let mut rows = broker.backend().pending(query).await?;
    let next = rows.get(limit).map(|row| row.id);
    rows.truncate(limit);
    let ids = rows.iter().map(|row| row.id);
    let entries = entries_of(broker.backend(), &stream, ids).await?;
    let row = |row: &Pending| {
        json!({
            "id": row.id, "consumer": row.consumer, "idleMs": millis(row.idle),
            "deliveries": row.deliveries,
            "entry": entries.get(&row.id).map(|entry| told(entry, Extent::Beginning)),
        })
    };
    let items: Vec<Value> = rows.iter().map(row).collect();
    Ok(Answer::Json(json!({"items": items, "next": next})))
}

/// Returns the entries with these ids, as far as they are still there.
pub(crate) async fn entries_of(
    backend: &Arc<dyn Backend>,
    stream: &Arc<str>,
    ids: impl IntoIterator<Item = EntryId>,
) -> Result<HashMap<EntryId, Entry>, Problem> {
    let ids: Vec<EntryId> = ids.into_iter().collect();
    let fetch = |id: EntryId| backend.range(Range::one(Arc::clone(stream), id));
    let found = stream::iter(ids).map(fetch).buffered(FETCHES);
    let found: Vec<Vec<Entry>> = found.try_collect().await?;
    Ok(found.into_iter().flatten().map(|entry| (entry.id, entry)).collect())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

//! Streams and groups: lists of them, and one of them.

use std::sync::Arc;

use firth::Refusal;
use firth::backend::{Backend, Feature, Inspected, Inspection, StreamInfo, Unacknowledged};
use serde_json::{Value, json};

use super::ask::Ask;
use super::catalogue::{Catalogue, GroupRow, StreamRow, Wanted, sizes_of};
use super::listing::{Sort, Source, page};
use super::problem::Problem;
use super::routes::Answer;

const STREAM_SORTS: &[Sort<StreamRow>] = &[
    ("name", |a, b| a.name.cmp(&b.name)),
    ("length", |a, b| a.length.cmp(&b.length)),
    ("bytes", |a, b| a.bytes.cmp(&b.bytes)),
    ("rate", |a, b| a.rate_per_s.unwrap_or(-1.0).total_cmp(&b.rate_per_s.unwrap_or(-1.0))),
    ("oldest", |a, b| a.oldest_ms.cmp(&b.oldest_ms)),
    ("groups", |a, b| a.groups.cmp(&b.groups)),
    ("lag", |a, b| a.lag.cmp(&b.lag)),
    ("pending", |a, b| a.pending.cmp(&b.pending)),
];

const GROUP_SORTS: &[Sort<GroupRow>] = &[
    ("stream", |a, b| (&a.stream, &a.name).cmp(&(&b.stream, &b.name))),
    ("name", |a, b| a.name.cmp(&b.name)),
    ("lag", |a, b| a.lag.cmp(&b.lag)),
    ("lagMs", |a, b| a.lag_ms.cmp(&b.lag_ms)),
    ("pending", |a, b| a.pending.cmp(&b.pending)),
    ("consumers", |a, b| a.consumers.cmp(&b.consumers)),
];

impl Ask {
    /// Returns the catalogue, as new as is asked for.
    pub(crate) async fn catalogue(&self) -> Result<Arc<Catalogue>, Problem> {
        let is_fresh = self.parsed("fresh")?.unwrap_or(false);
        let wanted = if is_fresh { Wanted::Fresh } else { Wanted::Recent };
        self.shared.console.catalogue.get(&self.broker().await?, wanted).await
    }
}

impl Catalogue {
    pub(crate) fn source(&self) -> Source {
        Source { as_of_ms: self.made_ms, is_complete: self.is_complete }
    }
}

/// `GET streams`
pub(crate) async fn list(ask: Ask) -> Result<Answer, Problem> {
    let catalogue = ask.catalogue().await?;
    let name = |row: &StreamRow| row.name.to_string();
    page(&ask, catalogue.source(), &catalogue.streams, name, STREAM_SORTS).map(Answer::Json)
}

/// `GET stream`
pub(crate) async fn one(ask: Ask) -> Result<Answer, Problem> {
    let (stream, broker) = (ask.name("stream")?, ask.broker().await?);
    let backend = broker.backend();
    let info = info_of(backend, &stream).await?;
    let sizes = sizes_of(backend, vec![Arc::clone(&stream)]).await?;
    let mut row = StreamRow::of(&stream, &info, sizes.into_iter().next().flatten());
    let known = ask.shared.console.catalogue.newest();
    let known =
        known.as_ref().and_then(|known| known.streams.iter().find(|row| row.name == stream));
    row.rate_per_s = known.and_then(|known| known.rate_per_s);
    let groups: Vec<_> =
        info.groups.iter().map(|group| GroupRow::of(&stream, &info, group)).collect();
    let retention = match backend.inspect(Inspection::Retention(stream)).await? {
        Inspected::Retention(Some(kept)) => json!({
            "maxAgeMs": kept.age_ms, "maxBytes": kept.bytes_max, "maxEntries": kept.len_max,
            "evenUnacknowledged": kept.unacknowledged == Unacknowledged::Removed,
        }),
        _ => Value::Null,
    };
    let mut told = json!(row);
    told["retention"] = retention;
    told["canRetain"] = json!(backend.features().has(Feature::Retention));
    told["groupList"] = json!(groups);
    Ok(Answer::Json(told))
}

/// `GET groups`
pub(crate) async fn groups(ask: Ask) -> Result<Answer, Problem> {
    let catalogue = ask.catalogue().await?;
    let stream = ask.text("stream");
    let rows = catalogue.groups.iter();
    let rows = rows.filter(|row| stream.is_none_or(|stream| *row.stream == *stream));
    let name = |row: &GroupRow| format!("{} {}", row.stream, row.name);
    page(&ask, catalogue.source(), rows, name, GROUP_SORTS).map(Answer::Json)
}

/// Returns what is known of a stream that must be there.
pub(crate) async fn info_of(
    backend: &Arc<dyn Backend>,
    stream: &Arc<str>,
) -> Result<StreamInfo, Problem> {
    let info = backend.stream_info(Arc::clone(stream)).await?;
    info.ok_or_else(|| Problem::from(firth::Error::from(Refusal::NoStream)))
}

//! `firth streams`: which streams there are.

use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use firth::backend::{Backend, Inspected, Inspection, StreamInfo};
use firth::{EntryId, Error};
use firth_engine::pubsub::glob;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;

use super::link::Link;
use super::output::Row;
use super::spell;

/// How many streams are looked at at a time.
const LOOKS: usize = 32;

/// Lists the streams, with their groups and what is behind
#[derive(Debug, Args)]
pub(crate) struct StreamsArgs {
    /// Only those whose names match, such as 'orders:*'
    #[arg(default_value = "*", hide_default_value = true)]
    pattern: String,
    /// The most streams that are listed
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    limit: usize,
    #[command(flatten)]
    link: Link,
}

/// A stream in the list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StreamRow {
    stream: Arc<str>,
    length: u64,
    bytes: Option<u64>,
    groups: usize,
    pending: u64,
    /// Of the group that is furthest behind; absent if a group cannot tell.
    lag: Option<u64>,
    last_id: EntryId,
    oldest_ms: Option<u64>,
}

impl Row for StreamRow {
    const HEADS: &'static [&'static str] =
        &["STREAM", "LENGTH", "BYTES", "GROUPS", "PENDING", "LAG", "OLDEST", "LAST ID"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.stream.to_string(),
            self.length.to_string(),
            spell::number(self.bytes),
            self.groups.to_string(),
            self.pending.to_string(),
            spell::number(self.lag),
            spell::age(self.oldest_ms),
            self.last_id.to_string(),
        ]
    }
}

impl StreamRow {
    fn new(stream: Arc<str>, info: &StreamInfo) -> Self {
        let lags = info.groups.iter().map(|group| group.lag);
        StreamRow {
            stream,
            length: info.len,
            bytes: None,
            groups: info.groups.len(),
            pending: info.groups.iter().map(|group| group.pending).sum(),
            lag: lags.collect::<Option<Vec<u64>>>().and_then(|lags| lags.into_iter().max()),
            last_id: info.last_id,
            oldest_ms: info.first.as_ref().map(|first| first.id.ms),
        }
    }
}

impl StreamsArgs {
    /// Runs `firth streams`.
    pub(crate) fn run(self) -> Result<()> {
        let StreamsArgs { pattern, limit, link } = self;
        link.run(async |broker, output| {
            let backend = broker.backend();
            let asked = backend.inspect(Inspection::Streams { limit: usize::MAX }).await?;
            let Inspected::Streams(found) = asked else { return Ok(()) };
            let mut names = found.names;
            names.retain(|name| glob::matches(pattern.as_bytes(), name.as_bytes()));
            let more = names.len().saturating_sub(limit);
            names.truncate(limit);
            let rows = rows_of(&**backend, names).await?;
            if rows.is_empty() {
                return output.remark("there are no such streams");
            }
            output.table(&rows)?;
            if more > 0 {
                output.remark(&format!("and {more} more (--limit)"))?;
            }
            Ok(())
        })
    }
}

/// Looks at streams, some at a time. One that is gone meanwhile is left out.
async fn rows_of(backend: &dyn Backend, names: Vec<Arc<str>>) -> Result<Vec<StreamRow>, Error> {
    let look = async |name: Arc<str>| {
        let info = backend.stream_info(Arc::clone(&name)).await?;
        Ok::<_, Error>(info.map(|info| StreamRow::new(name, &info)))
    };
    let looks = stream::iter(names).map(look).buffered(LOOKS);
    let mut rows: Vec<StreamRow> = looks.try_filter_map(async |row| Ok(row)).try_collect().await?;
    let names = rows.iter().map(|row| Arc::clone(&row.stream)).collect();
    if let Inspected::Sizes(sizes) = backend.inspect(Inspection::Sizes(names)).await? {
        for (row, bytes) in rows.iter_mut().zip(sizes) {
            row.bytes = bytes;
        }
    }
    Ok(rows)
}

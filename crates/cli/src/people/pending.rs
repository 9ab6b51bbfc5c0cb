//! `firth pending`: what was delivered to a group and not acknowledged.

use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use firth::EntryId;
use firth::backend::Pending;
use humantime::Duration;
use serde::Serialize;

use super::link::Link;
use super::output::Row;
use super::spell;

/// Lists what was delivered to a group and not acknowledged
#[derive(Debug, Args)]
pub(crate) struct PendingArgs {
    /// The stream
    stream: String,
    /// The group
    group: String,
    /// Only what nothing has happened to for so long, such as 30s or 5m
    #[arg(long, value_name = "TIME", default_value = "0s", hide_default_value = true)]
    idle: Duration,
    /// Only what is pending for this consumer
    #[arg(long, value_name = "NAME")]
    consumer: Option<String>,
    /// The most entries that are listed
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    link: Link,
}

/// A pending entry in the list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PendingRow {
    id: EntryId,
    consumer: Arc<str>,
    idle_ms: u128,
    deliveries: u64,
    #[serde(skip)]
    idle: String,
}

impl Row for PendingRow {
    const HEADS: &'static [&'static str] = &["ID", "CONSUMER", "IDLE", "DELIVERIES"];

    fn cells(&self) -> Vec<String> {
        let consumer = if self.consumer.is_empty() { "(handed back)" } else { &*self.consumer };
        let (id, deliveries) = (self.id.to_string(), self.deliveries.to_string());
        vec![id, consumer.to_owned(), self.idle.clone(), deliveries]
    }
}

impl From<Pending> for PendingRow {
    fn from(pending: Pending) -> Self {
        PendingRow {
            id: pending.id,
            consumer: pending.consumer,
            idle_ms: pending.idle.as_millis(),
            deliveries: pending.deliveries,
            idle: spell::span(pending.idle),
        }
    }
}

impl PendingArgs {
    /// Runs `firth pending`.
    pub(crate) fn run(self) -> Result<()> {
        self.link.run(async |broker, output| {
            let pending = broker.raw_stream(self.stream).group(self.group).pending();
            let mut list = pending.list(..).limit(self.limit).min_idle(*self.idle);
            if let Some(consumer) = self.consumer {
                list = list.consumer(consumer);
            }
            let rows: Vec<PendingRow> = list.await?.into_iter().map(PendingRow::from).collect();
            if rows.is_empty() {
                return output.remark("nothing is pending");
            }
            output.table(&rows)?;
            if rows.len() == self.limit {
                let count = pending.summary().await?.count;
                output.remark(&format!("{count} are pending in all (--limit shows more)"))?;
            }
            Ok(())
        })
    }
}

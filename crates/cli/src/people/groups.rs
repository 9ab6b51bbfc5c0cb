//! `firth groups`: the groups of a stream, and their consumers.

use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use firth::backend::{ConsumerInfo, GroupInfo};
use firth::{EntryId, Refusal};
use serde::Serialize;

use super::link::Link;
use super::output::Row;
use super::spell;

/// Lists the groups of a stream, or the consumers of one of them
#[derive(Debug, Args)]
pub(crate) struct GroupsArgs {
    /// The stream
    stream: String,
    /// The group whose consumers are listed
    group: Option<String>,
    #[command(flatten)]
    link: Link,
}

/// A group in the list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct GroupRow {
    group: Arc<str>,
    consumers: u64,
    pending: u64,
    lag: Option<u64>,
    last_delivered: EntryId,
}

/// A consumer in the list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ConsumerRow {
    consumer: Arc<str>,
    pending: u64,
    idle_ms: u128,
    #[serde(skip)]
    idle: String,
}

impl Row for GroupRow {
    const HEADS: &'static [&'static str] =
        &["GROUP", "CONSUMERS", "PENDING", "LAG", "LAST DELIVERED"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.group.to_string(),
            self.consumers.to_string(),
            self.pending.to_string(),
            spell::number(self.lag),
            self.last_delivered.to_string(),
        ]
    }
}

impl Row for ConsumerRow {
    const HEADS: &'static [&'static str] = &["CONSUMER", "PENDING", "IDLE"];

    fn cells(&self) -> Vec<String> {
        vec![self.consumer.to_string(), self.pending.to_string(), self.idle.clone()]
    }
}

impl From<GroupInfo> for GroupRow {
    fn from(info: GroupInfo) -> Self {
        GroupRow {
            group: info.name,
            consumers: info.consumers,
            pending: info.pending,
            lag: info.lag,
            last_delivered: info.last_delivered,
        }
    }
}

impl From<ConsumerInfo> for ConsumerRow {
    fn from(info: ConsumerInfo) -> Self {
        ConsumerRow {
            consumer: info.name,
            pending: info.pending,
            idle_ms: info.idle.as_millis(),
            idle: spell::span(info.idle),
        }
    }
}

impl GroupsArgs {
    /// Runs `firth groups`.
    pub(crate) fn run(self) -> Result<()> {
        self.link.run(async |broker, output| {
            let stream = broker.raw_stream(self.stream);
            if let Some(group) = self.group {
                let found = stream.consumers(group).await?;
                let rows: Vec<ConsumerRow> = found.into_iter().map(ConsumerRow::from).collect();
                return match rows.is_empty() {
                    true => output.remark("the group has no consumers"),
                    false => output.table(&rows),
                };
            }
            let info = stream.info().await?.ok_or(firth::Error::Refused(Refusal::NoStream))?;
            let rows: Vec<GroupRow> = info.groups.into_iter().map(GroupRow::from).collect();
            match rows.is_empty() {
                true => output.remark("the stream has no groups"),
                false => output.table(&rows),
            }
        })
    }
}

//! What has reached a broker: messages and entries, as they were sent.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::Value;

use crate::backend::{
    Answer, Backend, Batch, Claim, Claimed, ConsumerInfo, Entry, Features, Fields, GroupChange,
    GroupChanged, GroupRead, HealthWatch, Inbox, Inspected, Inspection, Outcome, Pending,
    PendingQuery, Range, Read, StreamEntries, StreamInfo, Subscription, Topic, Write,
};
use crate::{flat, payload};

/// How many of the things that are there a message shows.
const SHOWN_MAX: usize = 10;

/// What has reached a broker.
#[derive(Debug, Default)]
pub(super) struct Journal {
    messages: Mutex<Vec<(Arc<str>, Bytes)>>,
    entries: Mutex<Vec<(Arc<str>, Entry)>>,
}

impl Journal {
    pub(super) fn messages(&self, channel: &str) -> Vec<Bytes> {
        let messages = self.messages.lock();
        let of_it = messages.iter().filter(|(known, _)| **known == *channel);
        of_it.map(|(_, payload)| payload.clone()).collect()
    }

    pub(super) fn entries(&self, stream: &str) -> Vec<Entry> {
        let entries = self.entries.lock();
        let of_it = entries.iter().filter(|(known, _)| **known == *stream);
        of_it.map(|(_, entry)| entry.clone()).collect()
    }

    /// Says what is missing if an event was not published on a channel.
    pub(super) fn check_published(
        &self,
        channel: &str,
        event: &impl Serialize,
    ) -> Result<(), String> {
        let wanted = payload::to_json(event).map_err(|error| error.to_string())?;
        let messages = self.messages(channel);
        if messages.iter().any(|found| is_same(found, &wanted)) {
            return Ok(());
        }
        let wanted = shown(&wanted);
        let there: Vec<String> = messages.iter().map(|found| shown(found)).collect();
        let elsewhere = self.messages.lock().iter().map(|(name, _)| Arc::clone(name)).collect();
        Err(missing(
            &format!("{wanted} was not published on `{channel}`"),
            &there,
            channel,
            elsewhere,
        ))
    }

    /// Says what is missing if a value was not appended to a stream, in JSON or as flat fields.
    pub(super) fn check_appended(
        &self,
        stream: &str,
        value: &impl Serialize,
    ) -> Result<(), String> {
        let json = payload::to_json(value).map_err(|error| error.to_string())?;
        let as_fields = flat::encode(value).ok().as_ref().map(by_name);
        let entries = self.entries(stream);
        let is_it = |entry: &Entry| {
            let in_json = entry.fields.get(payload::FIELD);
            in_json.is_some_and(|found| is_same(found, &json))
                || as_fields.as_ref() == Some(&by_name(&entry.fields))
        };
        if entries.iter().any(is_it) {
            return Ok(());
        }
        let wanted = shown(&json);
        let there: Vec<String> = entries
            .iter()
            .map(|entry| format!("{} {}", entry.id, shown_fields(&entry.fields)))
            .collect();
        let elsewhere = self.entries.lock().iter().map(|(name, _)| Arc::clone(name)).collect();
        Err(missing(&format!("{wanted} was not appended to `{stream}`"), &there, stream, elsewhere))
    }

    /// Says what is there if something was published on a channel.
    pub(super) fn check_silent(&self, channel: &str) -> Result<(), String> {
        let there: Vec<String> = self.messages(channel).iter().map(|found| shown(found)).collect();
        too_much(&format!("something was published on `{channel}`"), &there)
    }

    /// Says what is there if something was appended to a stream.
    pub(super) fn check_empty(&self, stream: &str) -> Result<(), String> {
        let entries = self.entries(stream);
        let there: Vec<String> = entries
            .iter()
            .map(|entry| format!("{} {}", entry.id, shown_fields(&entry.fields)))
            .collect();
        too_much(&format!("something was appended to `{stream}`"), &there)
    }
}

/// Says whether two payloads are the same JSON, whatever the order of its members, or else the same bytes.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let json = |payload: &[u8]| serde_json::from_slice::<Value>(payload).ok();
    one == other || json(one).is_some_and(|value| Some(value) == json(other))
}

/// Returns fields in one order.
fn by_name(fields: &Fields) -> Vec<(Bytes, Bytes)> {
    let mut fields: Vec<_> = fields.iter().cloned().collect();
    fields.sort_unstable();
    fields
}

/// Returns a payload as text: JSON without spaces.
fn shown(payload: &[u8]) -> String {
    match serde_json::from_slice::<Value>(payload) {
        Ok(value) => value.to_string(),
        Err(_) => format!("{:?}", String::from_utf8_lossy(payload)),
    }
}

fn shown_fields(fields: &Fields) -> String {
    if let (1, Some(json)) = (fields.len(), fields.get(payload::FIELD)) {
        return shown(json);
    }
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    let fields = fields.iter().map(|(name, value)| format!("{}={}", text(name), text(value)));
    fields.collect::<Vec<_>>().join(" ")
}

fn missing(what: &str, there: &[String], place: &str, mut elsewhere: Vec<Arc<str>>) -> String {
    let mut message = what.to_owned();
    list(&mut message, there);
    elsewhere.retain(|name| **name != *place);
    elsewhere.sort_unstable();
    elsewhere.dedup();
    if !elsewhere.is_empty() {
        let names: Vec<String> = elsewhere.iter().map(|name| format!("`{name}`")).collect();
        _ = write!(message, "\nthere is something on {}", names.join(", "));
    }
    message
}

fn too_much(what: &str, there: &[String]) -> Result<(), String> {
    if there.is_empty() {
        return Ok(());
    }
    let mut message = what.to_owned();
    list(&mut message, there);
    Err(message)
}

fn list(message: &mut String, there: &[String]) {
    match there.len() {
        0 => message.push_str("; nothing was"),
        1 => message.push_str("; what was:"),
        more => _ = write!(message, "; the {more} that were:"),
    }
    for thing in there.iter().take(SHOWN_MAX) {
        _ = write!(message, "\n  {thing}");
    }
    if there.len() > SHOWN_MAX {
        _ = write!(message, "\n  and {} more", there.len() - SHOWN_MAX);
    }
}

/// Another backend, and the journal of what has reached it.
#[derive(Debug)]
pub(super) struct Journaled {
    pub(super) inner: Arc<dyn Backend>,
    pub(super) journal: Arc<Journal>,
}

impl Backend for Journaled {
    fn features(&self) -> Features {
        self.inner.features()
    }

    fn health(&self) -> HealthWatch {
        self.inner.health()
    }

    fn write(&self, batch: Batch) -> Answer<'_, Vec<Outcome>> {
        let appended = |write: &Write| match write {
            Write::Append(append) => Some((Arc::clone(&append.stream), append.fields.clone())),
            _ => None,
        };
        let appended: Vec<_> = batch.writes.iter().map(appended).collect();
        async move {
            let outcomes = self.inner.write(batch).await?;
            let mut entries = self.journal.entries.lock();
            for (append, outcome) in appended.into_iter().zip(&outcomes) {
                if let (Some((stream, fields)), Outcome::Appended(id)) = (append, outcome) {
                    entries.push((stream, Entry { id: *id, fields }));
                }
            }
            Ok(outcomes)
        }
        .boxed()
    }

    fn publish(&self, channel: Arc<str>, payload: Bytes) -> Answer<'_, u64> {
        async move {
            let receivers = self.inner.publish(Arc::clone(&channel), payload.clone()).await?;
            self.journal.messages.lock().push((channel, payload));
            Ok(receivers)
        }
        .boxed()
    }

    forward! {
        range(Range) -> Vec<Entry>;
        read(Read) -> Vec<StreamEntries>;
        read_group(GroupRead) -> Vec<Entry>;
        change_group(GroupChange) -> GroupChanged;
        claim(Claim) -> Claimed;
        pending(PendingQuery) -> Vec<Pending>;
        stream_info(Arc<str>) -> Option<StreamInfo>;
        value(Arc<str>) -> Option<Bytes>;
        inspect(Inspection) -> Inspected;
    }

    fn consumers(&self, stream: Arc<str>, group: Arc<str>) -> Answer<'_, Vec<ConsumerInfo>> {
        self.inner.consumers(stream, group)
    }

    fn subscribe(&self, topics: Vec<Topic>, inbox: Arc<Inbox>) -> Answer<'_, Subscription> {
        self.inner.subscribe(topics, inbox)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}

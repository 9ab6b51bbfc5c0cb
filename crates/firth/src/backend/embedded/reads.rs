//! Reads of streams.

use std::sync::Arc;

use bytes::Bytes;
use firth_engine::stream::{self, Acknowledgement, Stream};
use firth_engine::{Engine, Locked};

use super::home::{Ran, run};
use super::waiting::{Attempt, Wait};
use super::{Access, DB, Embedded};
use crate::backend::{Entry, GroupRead, Order, Range, Read, StreamEntries};
use crate::{EntryId, Error, Refusal};

/// Returns the entries of a range.
pub(super) fn range(engine: &Engine, range: &Range) -> Ran<Vec<Entry>> {
    run(engine, [&range.stream], |keys| {
        let Some(stream) = keys.stream(DB, range.stream.as_bytes())? else {
            return Ok(Vec::new());
        };
        let (from, to) = (range.from.into(), range.to.into());
        let entries = stream.entries();
        Ok(match range.order {
            Order::Forward => entries.range(from, to).take(range.limit).map(owned).collect(),
            Order::Backward => entries.range_rev(from, to).take(range.limit).map(owned).collect(),
        })
    })
}

impl Embedded {
    pub(super) async fn read_waiting(&self, read: Read) -> Result<Vec<StreamEntries>, Error> {
        let keys = read.streams.iter().map(|(stream, _)| stream.clone()).collect();
        let wait = read.wait;
        let attempt = Box::new(move |keys: &mut Locked<'_>, _| read_streams(keys, &read));
        Ok(self.run_waiting(Access::Reads, Wait { keys, wait, attempt }).await?.unwrap_or_default())
    }

    pub(super) async fn read_group_waiting(&self, read: GroupRead) -> Result<Vec<Entry>, Error> {
        let keys = vec![read.stream.clone()];
        let wait = read.wait;
        let attempt = Box::new(move |keys: &mut Locked<'_>, attempt| {
            read_for_group(keys, &read, attempt).transpose()
        });
        Ok(self
            .run_waiting(Access::Changes, Wait { keys, wait, attempt })
            .await?
            .unwrap_or_default())
    }
}

fn read_streams(keys: &mut Locked<'_>, read: &Read) -> Option<Result<Vec<StreamEntries>, Error>> {
    let mut found = Vec::new();
    for (name, after) in &read.streams {
        if !keys.covers(name.as_bytes()) {
            continue;
        }
        match keys.stream(DB, name.as_bytes()) {
            Ok(Some(stream)) => {
                found.extend(entries_after(name, stream, *after, read.limit.max(1)));
            }
            Ok(None) => {}
            Err(error) => return Some(Err(error.into())),
        }
    }
    (!found.is_empty()).then_some(Ok(found))
}

fn entries_after(
    name: &Arc<str>,
    stream: &Stream,
    after: EntryId,
    limit: usize,
) -> Option<StreamEntries> {
    let from = after.next()?.into();
    let entries = stream.entries().range(from, stream::EntryId::MAX);
    let entries: Vec<Entry> = entries.take(limit).map(owned).collect();
    (!entries.is_empty()).then(|| StreamEntries { stream: Arc::clone(name), entries })
}

fn read_for_group(
    keys: &mut Locked<'_>,
    read: &GroupRead,
    attempt: Attempt,
) -> Result<Option<Vec<Entry>>, Error> {
    let no_group = || Error::from(Refusal::NoGroup);
    let group = read.group.as_bytes();
    let mut stream = keys.stream_for_groups(DB, read.stream.as_bytes())?.ok_or_else(no_group)?;
    let found = stream.stream().groups().get(group).ok_or_else(no_group)?;
    // A look that finds nothing would still be noted as one of the consumer.
    let last = stream.stream().entries().last_id();
    if attempt == Attempt::Again && last.is_none_or(|last| last <= found.last_delivered) {
        return Ok(None);
    }
    let read = stream::GroupRead {
        group,
        consumer: read.consumer.as_bytes(),
        count_max: read.limit.max(1),
        claim_min_idle_ms: None,
        acknowledgement: Acknowledgement::Required,
    };
    let mut entries = Vec::new();
    let delivery = stream.read_group(&read, |entry| {
        entries.push(owned(*entry));
        true
    });
    delivery.map_err(|_| no_group())?;
    Ok((!entries.is_empty()).then_some(entries))
}

/// Copies an entry, in one allocation for all of its texts.
pub(super) fn owned(entry: stream::Entry<'_>) -> Entry {
    let mut texts = Vec::with_capacity(entry.byte_len());
    for (name, value) in entry.fields() {
        texts.extend_from_slice(name);
        texts.extend_from_slice(value);
    }
    let mut rest = Bytes::from(texts);
    let mut take = |text: &[u8]| rest.split_to(text.len());
    let fields = entry.fields().map(|(name, value)| (take(name), take(value))).collect();
    Entry { id: entry.id.into(), fields }
}

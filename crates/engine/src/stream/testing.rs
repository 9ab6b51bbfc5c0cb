//! What tests of operations on streams share: an engine, and one stream under the key `s`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::ops::RangeInclusive;
use std::sync::Arc;

use firth_wal::FileDisk;

use super::{Append, CreateStream, EntryId, NewId, NodeLimits, Stream, StreamEffect, StreamMut};
use crate::{Engine, EventMask, Locked, ManualClock, Options, ShardSet};

/// An engine that notes all keyspace events.
pub(crate) fn engine() -> Engine {
    let clock = Arc::new(ManualClock::at_ms(1));
    let engine = Engine::open(&Options::new(), clock, Arc::new(FileDisk)).unwrap().0;
    engine.settings().set_event_mask(EventMask(u32::MAX));
    engine
}

/// An engine whose streams put so many entries into a node.
pub(crate) fn engine_with_nodes_of(entries_max: u32) -> Engine {
    let engine = engine();
    engine.settings().set_node_limits(NodeLimits { entries_max, bytes_max: 0 });
    engine
}

pub(crate) fn lock(engine: &Engine, now_ms: u64) -> Locked<'_> {
    engine.lock(ShardSet::ALL, now_ms)
}

/// Locks again, at another time.
pub(crate) fn lock_after<'e>(before: Locked<'_>, engine: &'e Engine, now_ms: u64) -> Locked<'e> {
    drop(before);
    lock(engine, now_ms)
}

pub(crate) const fn id(ms: u64) -> EntryId {
    EntryId::new(ms, 0)
}

/// The milliseconds of all entries.
pub(crate) fn ids(stream: &Stream) -> Vec<u64> {
    stream.entries().range(EntryId::MIN, EntryId::MAX).map(|entry| entry.id.ms).collect()
}

/// Adds entries with these ids.
pub(crate) fn fill(keys: &mut Locked<'_>, ids: RangeInclusive<u64>) {
    for ms in ids {
        let id = NewId::Explicit(id(ms));
        let append = Append { id, fields: &[b"name", b"value"], attempt: None, trim: None };
        keys.append_to_stream(0, b"s", &append, CreateStream::IfAbsent).unwrap();
    }
}

/// Creates a group that has read up to `last_delivered` and has some entries pending.
pub(crate) fn add_group(
    stream: &mut StreamMut<'_, '_>,
    group: &[u8],
    last_delivered: u64,
    pending: &[u64],
) {
    let last_delivered = id(last_delivered);
    stream.commit(StreamEffect::SetGroup { group, last_delivered, entries_read: None });
    let rows: Vec<_> = pending.iter().map(|ms| (id(*ms), 1)).collect();
    stream.commit(StreamEffect::Own { group, consumer: b"c", delivered_ms: 1, rows: &rows });
}

/// Takes the names of the events that were noted.
pub(crate) fn events(keys: &mut Locked<'_>) -> Vec<&'static str> {
    keys.take_signals().events.into_iter().map(|event| event.name).collect()
}

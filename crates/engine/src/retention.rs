//! Which streams of a database have a retention policy, and when each is to be looked at.
//!
//! A stream is in the order of due times only while there is something to be done at a certain time:
//! entries grow too old, or groups may let go of what they hold. Those that are held back by groups
//! stand in a list of their own, for whoever asks.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::key::{DATABASES, DbKey};
use crate::locked::Locked;
use crate::shard::Database;
use crate::stream::policy::{NOT_DUE, Retained};
use crate::stream::{EntryId, Stream, StreamEffect};
use crate::value::Value;

/// The retention policies of one database's keys within a shard.
#[derive(Debug, Default)]
pub(crate) struct RetentionIndex {
    /// The streams to be looked at, the next one first.
    due: BTreeSet<(u64, Box<[u8]>)>,
    /// The streams of which groups keep entries that should go.
    held: BTreeSet<Box<[u8]>>,
    streams: usize,
}

impl RetentionIndex {
    /// Takes a value up if it is a stream with a policy.
    #[inline]
    pub(crate) fn enter(&mut self, key: &[u8], value: &Value) {
        if let Value::Stream(stream) = value {
            self.enter_stream(key, stream);
        }
    }

    /// Lets a value go, as it was taken up.
    #[inline]
    pub(crate) fn leave(&mut self, key: &[u8], value: &Value) {
        if let Value::Stream(stream) = value {
            self.leave_stream(key, stream);
        }
    }

    /// Takes a stream up if it has a policy.
    #[inline]
    pub(crate) fn enter_stream(&mut self, key: &[u8], stream: &Stream) {
        if let Some(retained) = &stream.retained {
            self.streams += 1;
            self.note(key, retained);
        }
    }

    /// Lets a stream go, as it was taken up.
    #[inline]
    pub(crate) fn leave_stream(&mut self, key: &[u8], stream: &Stream) {
        if let Some(retained) = &stream.retained {
            self.streams -= 1;
            self.unnote(key, retained);
        }
    }

    /// Applies a change to a stream.
    #[inline]
    pub(crate) fn change(&mut self, key: &[u8], stream: &mut Stream, change: &StreamEffect<'_>) {
        if let StreamEffect::SetRetention { .. } = change {
            self.leave_stream(key, stream);
            stream.apply(change);
            self.enter_stream(key, stream);
        } else {
            stream.apply(change);
        }
    }

    /// Sets when a stream is due and since when it is held back.
    pub(crate) fn schedule(
        &mut self,
        key: &[u8],
        retained: &mut Retained,
        due_ms: u64,
        held_since_ms: Option<u64>,
    ) {
        if (retained.due_ms, retained.held_since_ms) != (due_ms, held_since_ms) {
            self.unnote(key, retained);
            retained.due_ms = due_ms;
            retained.held_since_ms = held_since_ms;
            self.note(key, retained);
        }
    }

    /// Returns how many streams have a policy.
    pub(crate) fn len(&self) -> usize {
        self.streams
    }

    /// Returns some keys of streams that are due.
    fn due(&self, now_ms: u64, keys_max: usize) -> impl Iterator<Item = Box<[u8]>> {
        let due = self.due.iter().take_while(move |(at_ms, _)| *at_ms <= now_ms);
        due.take(keys_max).map(|(_, key)| key.clone())
    }

    /// Returns the keys of the streams that were held back when they were last looked at.
    pub(crate) fn held(&self) -> impl Iterator<Item = &[u8]> {
        self.held.iter().map(|key| &**key)
    }

    fn note(&mut self, key: &[u8], retained: &Retained) {
        if retained.due_ms != NOT_DUE {
            self.due.insert((retained.due_ms, key.into()));
        }
        if retained.held_since_ms.is_some() {
            self.held.insert(key.into());
        }
    }

    fn unnote(&mut self, key: &[u8], retained: &Retained) {
        if retained.due_ms != NOT_DUE {
            self.due.remove(&(retained.due_ms, key.into()));
        }
        if retained.held_since_ms.is_some() {
            self.held.remove(key);
        }
    }
}

/// A stream of which a group keeps entries that its policy would let go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldStream {
    /// The database.
    pub db: u8,
    /// The key.
    pub key: Box<[u8]>,
    /// How many entries there are.
    pub len: u64,
    /// The group that wants the oldest entry.
    pub group: Box<[u8]>,
    /// The id from which on it wants entries.
    pub from: EntryId,
    /// Since when the stream has been held back, in Unix milliseconds.
    pub since_ms: u64,
}

impl Locked<'_> {
    /// Looks at up to `streams_max` streams of the locked shards that are due, removes what their
    /// policies let go, a bounded number of blocks each, and returns how many streams those were.
    pub fn observe_retention(&mut self, streams_max: usize) -> usize {
        self.observe_retention_of(0..DATABASES, streams_max)
    }

    /// Does so for some databases alone, which costs next to nothing while no stream is due there.
    #[inline]
    pub fn observe_retention_of(&mut self, databases: Range<u8>, streams_max: usize) -> usize {
        let now_ms = self.now_ms();
        let mut due = Vec::new();
        for shard in self.shards() {
            for db in databases.clone() {
                let room = streams_max - due.len();
                let keys = shard.databases[usize::from(db)].retention.due(now_ms, room);
                due.extend(keys.map(|key| DbKey { db, key }));
            }
        }
        if due.is_empty() { 0 } else { self.observe_due(&due) }
    }

    fn observe_due(&mut self, due: &[DbKey]) -> usize {
        let mut looked_at = 0;
        for DbKey { db, key } in due {
            if let Ok(Some(mut stream)) = self.stream_mut(*db, key) {
                stream.observe_retention();
                looked_at += 1;
            }
        }
        looked_at
    }

    /// Returns how many streams of the locked shards have a policy.
    pub fn retained_streams(&self) -> usize {
        let databases = self.shards().flat_map(|shard| &shard.databases);
        databases.map(|database| database.retention.len()).sum()
    }

    /// Returns the streams of the locked shards that groups hold back.
    pub fn held_streams(&self) -> impl Iterator<Item = HeldStream> {
        let databases = self.shards().flat_map(|shard| (0u8..).zip(&shard.databases));
        databases.flat_map(move |(db, database)| {
            let held = database.retention.held();
            held.filter_map(move |key| self.held_stream(db, key, database))
        })
    }

    fn held_stream(&self, db: u8, key: &[u8], database: &Database) -> Option<HeldStream> {
        let entry = database.keys.get(self.hash(key), key)?;
        let Value::Stream(stream) = entry.value() else { return None };
        let hold = stream.hold(self.now_ms())?;
        Some(HeldStream {
            db,
            key: key.into(),
            len: stream.len(),
            group: hold.group.into(),
            from: hold.from,
            since_ms: stream.retained.as_ref()?.held_since_ms?,
        })
    }
}

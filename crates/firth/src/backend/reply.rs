//! What a backend answers.

use std::sync::Arc;
use std::time::Duration;

use super::Entry;
use crate::EntryId;

/// What came of one write of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The entry has this id; a repeated attempt has the id that it got the first time.
    Appended(EntryId),
    /// So many entries were acknowledged, deleted or trimmed, or keys removed.
    Count(u64),
    /// The value or the policy was set.
    Set,
    /// The value was not set: the key did not fulfil what was asked of it.
    NotSet,
}

/// Entries of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamEntries {
    /// The stream.
    pub stream: Arc<str>,
    /// Its entries, the oldest first; at least one.
    pub entries: Vec<Entry>,
}

/// What came of a change of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupChanged {
    /// It was done.
    Done,
    /// There was nothing to do: the group is there already, or there is none to destroy.
    Already,
    /// The consumer is gone, and with it the pending marks of so many entries.
    Forgotten(u64),
    /// The consumer is gone, and so many entries now belong to the one that replaces it.
    HandedOver(u64),
}

/// What was claimed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claimed {
    /// The entries that now belong to the consumer.
    pub ids: Vec<EntryId>,
    /// Their content, unless only the right to them was asked for.
    pub entries: Vec<Entry>,
    /// Entries that were pending but are no longer in the stream; they are pending no more. Only
    /// known when claimed by [`Which::From`](super::Which::From).
    pub gone: Vec<EntryId>,
    /// Where to go on; `None` at the end.
    pub next: Option<EntryId>,
}

/// A pending entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The entry, which may be gone from the stream.
    pub id: EntryId,
    /// To whom it was delivered; empty if it was given back.
    pub consumer: Arc<str>,
    /// For how long nothing has happened to it.
    pub idle: Duration,
    /// How often it was delivered.
    pub deliveries: u64,
}

/// What is known of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// How many entries it has.
    pub len: u64,
    /// The last id that it ever gave.
    pub last_id: EntryId,
    /// How many entries were ever added.
    pub entries_added: u64,
    /// The oldest entry.
    pub first: Option<Entry>,
    /// The newest entry.
    pub last: Option<Entry>,
    /// Its groups, ordered by name.
    pub groups: Vec<GroupInfo>,
}

/// What is known of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupInfo {
    /// Its name.
    pub name: Arc<str>,
    /// How many consumers it has.
    pub consumers: u64,
    /// How many entries are delivered and not acknowledged.
    pub pending: u64,
    /// The last entry that was delivered.
    pub last_delivered: EntryId,
    /// How many entries are not delivered yet; `None` if the backend cannot tell, which happens
    /// after entries were deleted.
    pub lag: Option<u64>,
}

/// What is known of a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerInfo {
    /// Its name.
    pub name: Arc<str>,
    /// How many entries are pending for it.
    pub pending: u64,
    /// How long ago it last asked for something.
    pub idle: Duration,
}

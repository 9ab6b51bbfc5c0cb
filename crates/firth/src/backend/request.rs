//! What can be asked of a backend.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Feature, Fields, Retention};
use crate::{EntryId, Refusal};

/// Writes that are carried out in one step.
///
/// Of all writes in a batch, and of all its conditions, the keys must share a hash slot on a
/// Cluster.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// What must hold; else nothing is done.
    pub conditions: Vec<Condition>,
    /// What is done, in this order.
    pub writes: Vec<Write>,
}

/// What must hold for a batch to be carried out.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Condition {
    /// The last id that the stream ever gave; 0-0 if there is no such stream.
    LastId {
        /// The stream.
        stream: Arc<str>,
        /// Its last id.
        id: EntryId,
    },
    /// The value of a key; `None` if there is no such key.
    Value {
        /// The key.
        key: Arc<str>,
        /// Its value.
        value: Option<Bytes>,
    },
}

/// One change.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Write {
    /// Adds an entry to a stream, which is created if need be.
    Append(Append),
    /// Marks entries as done for a group.
    Acknowledge {
        /// The stream.
        stream: Arc<str>,
        /// The group; if there is no such group, nothing is acknowledged.
        group: Arc<str>,
        /// The entries, which need not be in the stream any more.
        ids: Vec<EntryId>,
    },
    /// Removes entries from a stream.
    Delete {
        /// The stream.
        stream: Arc<str>,
        /// The entries.
        ids: Vec<EntryId>,
    },
    /// Removes entries from the front of a stream.
    Trim {
        /// The stream.
        stream: Arc<str>,
        /// What stays.
        trim: Trim,
    },
    /// Sets what a stream retains by itself, in place of what was set before
    /// ([`Feature::Retention`](super::Feature::Retention)). The stream is created if need be; without
    /// a limit the policy goes.
    Retain {
        /// The stream.
        stream: Arc<str>,
        /// What it retains.
        retention: Retention,
    },
    /// Sets a value.
    Set(SetValue),
    /// Removes a key with whatever it holds.
    Remove {
        /// The key.
        key: Arc<str>,
    },
}

/// An entry to be added.
#[derive(Clone, Debug)]
pub struct Append {
    /// The stream.
    pub stream: Arc<str>,
    /// How its id is found.
    pub id: NewId,
    /// Its content: at least one field.
    pub fields: Fields,
    /// What makes room, once it has been added.
    pub trim: Option<Trim>,
    /// By what it is recognized if it comes again
    /// ([`Feature::IdempotentAppend`](super::Feature::IdempotentAppend)); its id must then be
    /// [`NewId::Auto`].
    pub attempt: Option<Attempt>,
}

/// How the id of a new entry is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NewId {
    /// The time now, or the id behind the last one if that is not older.
    Auto,
    /// This one, which must be above all that the stream ever had.
    Explicit(EntryId),
}

/// By what a repeated append is recognized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The producer.
    pub producer: Arc<str>,
    /// The producer's name for the entry.
    pub name: Arc<str>,
}

/// What stays when a stream is trimmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trim {
    /// What stays.
    pub keep: Keep,
    /// How close it has to come to that.
    pub exactness: Exactness,
}

/// Which entries stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Keep {
    /// So many, the newest.
    Newest(u64),
    /// Those from this id on.
    From(EntryId),
}

/// How close a trim has to come to its aim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exactness {
    /// All that should go, goes.
    Exact,
    /// A few more may stay, which is much cheaper.
    Approximate,
}

/// A value to be set.
#[derive(Clone, Debug)]
pub struct SetValue {
    /// The key.
    pub key: Arc<str>,
    /// Its value.
    pub value: Bytes,
    /// When the key goes away by itself; `None`: never.
    pub expires_in: Option<Duration>,
    /// What must hold for the key.
    pub when: When,
}

/// What must hold for a key that is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Nothing: an older value is overwritten, whatever it is.
    Always,
    /// The key must not be there.
    Absent,
}

/// A range of a stream.
#[derive(Clone, Debug)]
pub struct Range {
    /// The stream; one that is not there is empty.
    pub stream: Arc<str>,
    /// The smallest id.
    pub from: EntryId,
    /// The greatest id.
    pub to: EntryId,
    /// From which end entries come.
    pub order: Order,
    /// The most entries.
    pub limit: usize,
}

impl Range {
    /// Returns the range of one entry alone.
    pub fn one(stream: Arc<str>, id: EntryId) -> Self {
        Range { stream, from: id, to: id, order: Order::Forward, limit: 1 }
    }
}

/// From which end entries come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The oldest first.
    Forward,
    /// The newest first.
    Backward,
}

/// What is read of streams.
#[derive(Clone, Debug)]
pub struct Read {
    /// The streams, each with the id behind which it is read. On a Cluster they must share a hash
    /// slot.
    pub streams: Vec<(Arc<str>, EntryId)>,
    /// The most entries of each stream; at least one.
    pub limit: usize,
    /// How long to wait; `None`: not at all.
    pub wait: Option<Duration>,
}

/// What is read for a group.
#[derive(Clone, Debug)]
pub struct GroupRead {
    /// The stream.
    pub stream: Arc<str>,
    /// The group.
    pub group: Arc<str>,
    /// The consumer, created if need be.
    pub consumer: Arc<str>,
    /// The most entries; at least one.
    pub limit: usize,
    /// How long to wait; `None`: not at all.
    pub wait: Option<Duration>,
}

/// A change of a group.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum GroupChange {
    /// Creates the group, and the stream if need be.
    Create {
        /// The stream.
        stream: Arc<str>,
        /// The group.
        group: Arc<str>,
        /// Where it begins.
        start: Start,
    },
    /// Moves the group to another place in the stream. What is pending stays so.
    Move {
        /// The stream.
        stream: Arc<str>,
        /// The group.
        group: Arc<str>,
        /// The new place.
        start: Start,
    },
    /// Destroys the group with all that is pending in it.
    Destroy {
        /// The stream.
        stream: Arc<str>,
        /// The group.
        group: Arc<str>,
    },
    /// Removes a consumer *and forgets what is pending for it*.
    RemoveConsumer {
        /// The stream.
        stream: Arc<str>,
        /// The group.
        group: Arc<str>,
        /// The consumer.
        consumer: Arc<str>,
    },
    /// Removes a consumer and hands what is pending for it to another one. How often the entries were
    /// delivered stays as it is; what is no longer in the stream is pending no more. If there is no
    /// such consumer, nothing is done.
    ///
    /// Where this is no single step, the consumer's entries are claimed before it is removed, and what
    /// it was given in between is put back directly after; that alone can be lost, if the connection
    /// or this process ends in that moment.
    ReplaceConsumer {
        /// The stream.
        stream: Arc<str>,
        /// The group.
        group: Arc<str>,
        /// The consumer.
        consumer: Arc<str>,
        /// Who gets its entries, created if need be: another one than the consumer.
        heir: Arc<str>,
        /// For how long the entries count as idle already.
        idle: Duration,
    },
}

/// Where a group begins to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Start {
    /// At the first entry.
    Beginning,
    /// Behind the last entry: only what comes from now on.
    End,
    /// Behind this id, which need not be that of an entry.
    After(EntryId),
}

/// What is handed to a consumer.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The stream.
    pub stream: Arc<str>,
    /// The group.
    pub group: Arc<str>,
    /// The new owner, created if need be.
    pub consumer: Arc<str>,
    /// For how long an entry must have been idle.
    pub min_idle: Duration,
    /// Which entries.
    pub which: Which,
    /// What is handed over.
    pub handing: Handing,
}

/// Which pending entries are claimed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Which {
    /// These, as far as they are pending.
    Ids(Vec<EntryId>),
    /// Those from this id on, at most so many.
    From {
        /// Where to begin.
        from: EntryId,
        /// The most entries. Several times as many may be looked at, so that the answer can be
        /// empty although more lies behind; it says where to go on.
        limit: usize,
    },
}

/// What is handed over when entries are claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Handing {
    /// The entries, which counts as one more delivery.
    Entries,
    /// Only the right to work on them: the lease begins anew and nothing is counted. With
    /// [`Which::Ids`] the entries count as idle for so long already, so that others can claim them
    /// that much sooner.
    Lease {
        /// For how long they count as idle.
        idle: Duration,
    },
}

/// Which pending entries are listed.
#[derive(Clone, Debug)]
pub struct PendingQuery {
    /// The stream.
    pub stream: Arc<str>,
    /// The group.
    pub group: Arc<str>,
    /// The smallest id.
    pub from: EntryId,
    /// The greatest id.
    pub to: EntryId,
    /// The most entries.
    pub limit: usize,
    /// For how long they must have been idle.
    pub min_idle: Duration,
    /// Only those of this consumer.
    pub consumer: Option<Arc<str>>,
}

impl Batch {
    /// Returns a batch of one write.
    pub fn of(write: Write) -> Self {
        Batch { conditions: Vec::new(), writes: vec![write] }
    }

    /// Adds a condition.
    #[must_use]
    pub fn only_if(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// Adds a write.
    #[must_use]
    pub fn and(mut self, write: Write) -> Self {
        self.writes.push(write);
        self
    }

    /// Says whether the batch makes sense, before anything is done.
    ///
    /// # Errors
    /// It has no writes, or one of its appends has no fields or an attempt beside an explicit id.
    pub fn check(&self) -> Result<(), Refusal> {
        if self.writes.is_empty() {
            return Err(Refusal::Malformed("a batch needs a write"));
        }
        for write in &self.writes {
            let Write::Append(append) = write else { continue };
            if append.fields.is_empty() {
                return Err(Refusal::Malformed("an entry needs a field"));
            }
            if append.attempt.is_some() && append.id != NewId::Auto {
                let what = "a repeated append is recognized only if the clock gives its id";
                return Err(Refusal::Malformed(what));
            }
        }
        Ok(())
    }
}

impl Condition {
    /// Returns the key that the condition is about.
    pub fn key(&self) -> &Arc<str> {
        match self {
            Condition::LastId { stream, .. } => stream,
            Condition::Value { key, .. } => key,
        }
    }
}

impl GroupChange {
    /// Returns the stream.
    pub fn stream(&self) -> &Arc<str> {
        match self {
            GroupChange::Create { stream, .. }
            | GroupChange::Move { stream, .. }
            | GroupChange::Destroy { stream, .. }
            | GroupChange::RemoveConsumer { stream, .. }
            | GroupChange::ReplaceConsumer { stream, .. } => stream,
        }
    }

    /// Says whether the change makes sense, before anything is done.
    ///
    /// # Errors
    /// A consumer is to be replaced by itself.
    pub fn check(&self) -> Result<(), Refusal> {
        match self {
            GroupChange::ReplaceConsumer { consumer, heir, .. } if consumer == heir => {
                Err(Refusal::Malformed("a consumer cannot be replaced by itself"))
            }
            _ => Ok(()),
        }
    }
}

impl Write {
    /// Returns the key that is changed.
    pub fn key(&self) -> &Arc<str> {
        match self {
            Write::Append(Append { stream, .. })
            | Write::Acknowledge { stream, .. }
            | Write::Delete { stream, .. }
            | Write::Trim { stream, .. }
            | Write::Retain { stream, .. } => stream,
            Write::Set(SetValue { key, .. }) | Write::Remove { key } => key,
        }
    }

    /// Returns what a backend must be able to do for this, beyond what every backend must.
    pub fn feature(&self) -> Option<Feature> {
        match self {
            Write::Append(append) => append.attempt.as_ref().map(|_| Feature::IdempotentAppend),
            Write::Retain { .. } => Some(Feature::Retention),
            _ => None,
        }
    }
}

impl Append {
    /// Returns a plain append: an id by the clock, nothing trimmed.
    pub fn new(stream: impl Into<Arc<str>>, fields: Fields) -> Self {
        Append { stream: stream.into(), id: NewId::Auto, fields, trim: None, attempt: None }
    }
}

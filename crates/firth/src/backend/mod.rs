//! The seam between patterns and what carries them.
//!
//! A [`Backend`] is the least that the patterns need: streams with groups, values for what must be
//! kept beside them, and channels. Requests and replies are typed; no command of any protocol is
//! seen here. Every pattern is built on these methods alone, so that it means the same on each
//! backend, and a new backend gets all patterns by passing the suite of `firth::conformance`.
//!
//! What all backends promise:
//!
//! - Each method does its work at once or not at all, and nobody sees a part of it.
//! - Dropping a future that has not finished may leave the request done or not done, as if its
//!   answer had been lost. A read for a group that is dropped may have delivered entries, which then
//!   are pending for its consumer and can be claimed.
//! - After [`close`](Backend::close), every method answers [`Error::Closed`].

mod features;
mod fields;
mod health;
mod inbox;
mod inspection;
mod reply;
mod request;
mod retention;
mod switchboard;

#[cfg(feature = "embedded")]
pub(crate) mod embedded;
#[cfg(feature = "redis")]
pub(crate) mod redis;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::Error;

pub use features::{Feature, Features};
pub use fields::{Entry, Fields};
pub use health::{Health, HealthWatch};
pub use inbox::{
    Gap, GapReason, Inbox, Message, Overflow, QueueLimits, Received, Subscription, Topic,
};
pub use inspection::{Inspected, Inspection, Listeners, Record, SlowCommand, StreamNames};
pub use reply::{
    Claimed, ConsumerInfo, GroupChanged, GroupInfo, Outcome, Pending, StreamEntries, StreamInfo,
};
pub use request::{
    Append, Attempt, Batch, Claim, Condition, Exactness, GroupChange, GroupRead, Handing, Keep,
    NewId, Order, PendingQuery, Range, Read, SetValue, Start, Trim, When, Which, Write,
};
pub use retention::{Retention, Unacknowledged};

/// What comes of a request.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// A carrier of streams, values and channels. See the [module](self) for what all of them promise.
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// Returns what this backend can do beyond what every backend must.
    fn features(&self) -> Features;

    /// Returns how the connection is, now and from now on.
    fn health(&self) -> HealthWatch;

    /// Carries out the writes of a batch, in their order and in one step, if its conditions hold.
    /// Returns one outcome for each write.
    ///
    /// If a write is refused, the others are done all the same, and the answer is the first refusal.
    /// Whoever needs more than that puts what could be refused into a condition.
    fn write(&self, batch: Batch) -> Answer<'_, Vec<Outcome>>;

    /// Returns the entries of a range of ids.
    fn range(&self, range: Range) -> Answer<'_, Vec<Entry>>;

    /// Returns what follows given ids in one or more streams, and waits for it if there is nothing.
    /// Streams without news are left out; the answer is empty when the time is up.
    fn read(&self, read: Read) -> Answer<'_, Vec<StreamEntries>>;

    /// Delivers entries that are new to a group to one of its consumers, and waits for some if
    /// there are none. The answer is empty when the time is up.
    fn read_group(&self, read: GroupRead) -> Answer<'_, Vec<Entry>>;

    /// Creates, moves or destroys a group, or removes or replaces one of its consumers.
    fn change_group(&self, change: GroupChange) -> Answer<'_, GroupChanged>;

    /// Hands pending entries to a consumer.
    fn claim(&self, claim: Claim) -> Answer<'_, Claimed>;

    /// Lists what is pending in a group, in the order of the ids.
    fn pending(&self, query: PendingQuery) -> Answer<'_, Vec<Pending>>;

    /// Returns what is known of a stream and its groups; `None` if there is no such stream.
    fn stream_info(&self, stream: Arc<str>) -> Answer<'_, Option<StreamInfo>>;

    /// Returns the consumers of a group.
    fn consumers(&self, stream: Arc<str>, group: Arc<str>) -> Answer<'_, Vec<ConsumerInfo>>;

    /// Returns the value that a key holds.
    fn value(&self, key: Arc<str>) -> Answer<'_, Option<Bytes>>;

    /// Sends a message to all who listen to a channel; returns how many connections that were, each
    /// counted once for the channel and once for each of its patterns that match. See
    /// [`Feature::CountsReceivers`].
    fn publish(&self, channel: Arc<str>, payload: Bytes) -> Answer<'_, u64>;

    /// Listens to channels and patterns. What is published after this has answered is put into the
    /// inbox. Subscriptions may share one, each for topics of its own: then one of them receives what
    /// all of them listen to, in the order in which it came.
    fn subscribe(&self, topics: Vec<Topic>, inbox: Arc<Inbox>) -> Answer<'_, Subscription>;

    /// Tells what the backend holds and how it does, for people who look at it.
    fn inspect(&self, inspection: Inspection) -> Answer<'_, Inspected>;

    /// Ends all that goes on: waiting reads and subscriptions end, connections are closed.
    fn close(&self) -> BoxFuture<'_, ()>;
}

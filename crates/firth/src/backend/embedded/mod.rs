//! The engine of Firth in this process.
//!
//! There are no sockets and no threads: a request runs where it is polled, under the locks of the
//! shards of its keys, and answers before it yields. Only a read that finds nothing waits: it parks
//! itself in the engine, and whoever brings an entry runs it again and wakes its task.

mod groups;
mod reads;
mod waiting;
mod writes;

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use firth_engine::pubsub::{Hub, Listener, Space};
use firth_engine::{Engine, FileDisk, Locked, Options, ShardSet, SystemClock, WrongType};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::switchboard::Switchboard;
use super::{
    Answer, Backend, Batch, Claim, Claimed, ConsumerInfo, Entry, Feature, Features, GroupChange,
    GroupChanged, GroupRead, Health, HealthWatch, Inbox, Outcome, Pending, PendingQuery,
    QueueLimits, Range, Read, StreamEntries, StreamInfo, Subscription, Topic,
};
use crate::{Error, Refusal};

/// The database that is used; the engine has others for clients of a server.
const DB: u8 = 0;

/// The one listener of this broker in the hub; the switchboard knows who is behind it.
const LISTENER: Listener = Listener { mailbox: 0, token: 0 };

/// The engine of Firth in this process.
#[derive(Debug)]
pub(crate) struct Embedded {
    engine: Arc<Engine>,
    channels: Arc<Channels>,
    health: watch::Sender<Health>,
    waits: AtomicU64,
}

/// Who listens to what.
#[derive(Debug)]
struct Channels {
    engine: Arc<Engine>,
    board: Switchboard,
    /// Held while the hub is told of a change of the switchboard, so that it learns of changes in
    /// their order. Publishing does not need it.
    membership: Mutex<()>,
}

impl Embedded {
    /// Opens an engine that keeps everything in memory.
    pub(crate) fn in_memory() -> Result<Self, Error> {
        let mut options = Options::new();
        options.seed = RandomState::new().hash_one(0);
        let engine = Engine::open(&options, Arc::new(SystemClock), Arc::new(FileDisk));
        let (engine, _) =
            engine.map_err(|error| Error::unavailable(&error, crate::Effect::None))?;
        Ok(Embedded::of(Arc::new(engine)))
    }

    fn of(engine: Arc<Engine>) -> Self {
        let channels = Channels {
            engine: Arc::clone(&engine),
            board: Switchboard::default(),
            membership: Mutex::new(()),
        };
        Embedded {
            engine,
            channels: Arc::new(channels),
            health: watch::Sender::new(Health::Connected),
            waits: AtomicU64::new(0),
        }
    }

    /// Locks the shards of these keys.
    fn lock<'k>(&self, keys: impl IntoIterator<Item = &'k Arc<str>>) -> Locked<'_> {
        let mut shards = ShardSet::NONE;
        for key in keys {
            shards.add(ShardSet::of(self.engine.hash(key.as_bytes())));
        }
        self.engine.lock(shards, self.engine.clock().now_ms())
    }

    fn next_wait(&self) -> u64 {
        self.waits.fetch_add(1, Ordering::Relaxed)
    }

    /// Runs a request that never waits.
    fn answer<'a, T: Send + 'a>(&self, run: impl FnOnce() -> Result<T, Error>) -> Answer<'a, T> {
        if *self.health.borrow() == Health::Closed {
            return ready(Err(Error::Closed)).boxed();
        }
        ready(run()).boxed()
    }
}

impl Backend for Embedded {
    fn features(&self) -> Features {
        Features::none()
            .with(Feature::AtomicAcrossKeys)
            .with(Feature::CountsReceivers)
            .with(Feature::IdempotentAppend)
    }

    fn health(&self) -> HealthWatch {
        HealthWatch::new(self.health.subscribe())
    }

    fn write(&self, batch: Batch) -> Answer<'_, Vec<Outcome>> {
        self.answer(|| self.write_now(&batch))
    }

    fn range(&self, range: Range) -> Answer<'_, Vec<Entry>> {
        self.answer(|| self.range_now(&range))
    }

    fn read(&self, read: Read) -> Answer<'_, Vec<StreamEntries>> {
        self.read_waiting(read).boxed()
    }

    fn read_group(&self, read: GroupRead) -> Answer<'_, Vec<Entry>> {
        self.read_group_waiting(read).boxed()
    }

    fn change_group(&self, change: GroupChange) -> Answer<'_, GroupChanged> {
        self.answer(|| self.change_group_now(&change))
    }

    fn claim(&self, claim: Claim) -> Answer<'_, Claimed> {
        self.answer(|| self.claim_now(&claim))
    }

    fn pending(&self, query: PendingQuery) -> Answer<'_, Vec<Pending>> {
        self.answer(|| self.pending_now(&query))
    }

    fn stream_info(&self, stream: Arc<str>) -> Answer<'_, Option<StreamInfo>> {
        self.answer(|| self.stream_info_now(&stream))
    }

    fn consumers(&self, stream: Arc<str>, group: Arc<str>) -> Answer<'_, Vec<ConsumerInfo>> {
        self.answer(|| self.consumers_now(&stream, &group))
    }

    fn value(&self, key: Arc<str>) -> Answer<'_, Option<Bytes>> {
        self.answer(|| {
            let mut keys = self.lock([&key]);
            Ok(keys.string(DB, key.as_bytes())?.map(Bytes::copy_from_slice))
        })
    }

    fn publish(&self, channel: Arc<str>, payload: Bytes) -> Answer<'_, u64> {
        self.answer(|| Ok(self.channels.publish(&channel, &payload)))
    }

    fn subscribe(&self, topics: Vec<Topic>, limits: QueueLimits) -> Answer<'_, Subscription> {
        self.answer(|| Ok(Channels::subscribe(&self.channels, &topics, limits)))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.health.send_replace(Health::Closed);
        let _membership = self.channels.membership.lock();
        for topic in self.channels.board.topics() {
            self.channels.stop_listening(&topic);
        }
        self.channels.board.end();
        ready(()).boxed()
    }
}

impl Channels {
    fn hub(&self) -> &Hub {
        self.engine.hub()
    }

    fn publish(&self, channel: &str, payload: &Bytes) -> u64 {
        self.hub().publish(Space::Channel, channel.as_bytes(), |found| {
            // All names that are listened to were texts.
            let pattern = found.pattern.map(|pattern| String::from_utf8_lossy(pattern));
            self.board.deliver(channel, pattern.as_deref(), payload);
        })
    }

    fn subscribe(channels: &Arc<Self>, topics: &[Topic], limits: QueueLimits) -> Subscription {
        let inbox = Inbox::new(limits);
        let _membership = channels.membership.lock();
        let (id, fresh) = channels.board.add(topics, &inbox);
        for topic in &fresh {
            match topic {
                Topic::Channel(name) => {
                    channels.hub().subscribe(Space::Channel, name.as_bytes(), LISTENER)
                }
                Topic::Pattern(name) => channels.hub().subscribe_pattern(name.as_bytes(), LISTENER),
            };
        }
        Subscription::new(inbox, Seat { channels: Arc::clone(channels), id })
    }

    fn stop_listening(&self, topic: &Topic) {
        match topic {
            Topic::Channel(name) => {
                self.hub().unsubscribe(Space::Channel, name.as_bytes(), LISTENER)
            }
            Topic::Pattern(name) => self.hub().unsubscribe_pattern(name.as_bytes(), LISTENER),
        };
    }
}

/// The place of a subscription in the switchboard, given up when it is dropped.
#[derive(Debug)]
struct Seat {
    channels: Arc<Channels>,
    id: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let _membership = self.channels.membership.lock();
        for topic in self.channels.board.remove(self.id) {
            self.channels.stop_listening(&topic);
        }
    }
}

impl From<WrongType> for Error {
    fn from(_: WrongType) -> Self {
        Error::Refused(Refusal::WrongType)
    }
}

//! The engine of Firth in this process.
//!
//! There are no sockets: a request runs where it is polled, under the locks of the shards of its keys.
//! In memory it answers before it yields; on a folder the answer waits until what it depends on is
//! on the disk, and entries that are there alone are read where the request runs. A read that finds
//! nothing parks itself in the engine, and whoever brings an entry runs it again and wakes its task.

mod groups;
mod home;
mod inspect;
mod reads;
mod retention;
mod waiting;
mod writes;

use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use firth_engine::pubsub::{Hub, Listener, Space};
use firth_engine::{Durability, Engine, SystemClock, WrongType};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use self::home::{Home, Ran, run};
use super::switchboard::Switchboard;
use super::{
    Answer, Backend, Batch, Claim, Claimed, ConsumerInfo, Entry, Feature, Features, GroupChange,
    GroupChanged, GroupRead, Health, HealthWatch, Inbox, Inspected, Inspection, Outcome, Pending,
    PendingQuery, Range, Read, StreamEntries, StreamInfo, Subscription, Topic,
};
use crate::{Effect, Error, Refusal};

/// The database that is used; the engine has others for clients of a server.
const DB: u8 = 0;

/// The one listener of this broker in the hub; the switchboard knows who is behind it.
const LISTENER: Listener = Listener { mailbox: 0, token: 0 };

/// The engine of Firth in this process.
#[derive(Debug)]
pub(crate) struct Embedded {
    /// Empty once the broker is closed, so that the folder is free for others.
    home: RwLock<Option<Arc<Home>>>,
    channels: Arc<Channels>,
    health: watch::Sender<Health>,
    waits: AtomicU64,
}

/// Who listens to what.
#[derive(Debug)]
struct Channels {
    hub: Hub,
    board: Switchboard,
    /// Held while the hub is told of a change of the switchboard, so that it learns of changes in
    /// their order. Publishing does not need it.
    membership: Mutex<()>,
}

/// What a request does to keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Reads,
    Changes,
}

impl Embedded {
    /// Opens an engine that keeps everything in memory.
    pub(crate) fn in_memory() -> Result<Self, Error> {
        let clock = Arc::new(SystemClock);
        Home::open(None, Durability::default(), seed(), clock).map(Embedded::of)
    }

    /// Opens an engine that keeps everything in memory, and whose time is Tokio's.
    #[cfg(feature = "test-kit")]
    pub(crate) fn in_memory_by_tokio() -> Result<Self, Error> {
        let clock = Arc::new(crate::clock::TokioClock::new());
        Home::open(None, Durability::default(), seed(), clock).map(Embedded::of)
    }

    /// Opens an engine that keeps everything in a folder.
    pub(crate) async fn in_folder(folder: PathBuf, durability: Durability) -> Result<Self, Error> {
        let clock = Arc::new(SystemClock);
        let open = move || Home::open(Some(&folder), durability, seed(), clock);
        let opened = tokio::task::spawn_blocking(open).await;
        opened.map_err(|error| Error::unavailable(&error, Effect::None))?.map(Embedded::of)
    }

    fn of(home: Arc<Home>) -> Self {
        let channels =
            Channels { hub: Hub::new(), board: Switchboard::default(), membership: Mutex::new(()) };
        Embedded {
            home: RwLock::new(Some(home)),
            channels: Arc::new(channels),
            health: watch::Sender::new(Health::Connected),
            waits: AtomicU64::new(0),
        }
    }

    fn home(&self) -> Result<Arc<Home>, Error> {
        self.home.read().clone().ok_or(Error::Closed)
    }

    fn next_wait(&self) -> u64 {
        self.waits.fetch_add(1, Ordering::Relaxed)
    }

    /// Runs a request that waits for nothing but the disk.
    fn answer<'a, T: Send + 'a>(
        &'a self,
        access: Access,
        request: impl FnOnce(&Engine) -> Ran<T> + Send + 'a,
    ) -> Answer<'a, T> {
        let home = match self.home() {
            Ok(home) => home,
            Err(error) => return ready(Err(error)).boxed(),
        };
        if access == Access::Changes && !home.admits() {
            return async move {
                home.admit().await?;
                let ran = request(home.engine());
                home.settle(ran.lsn).await?;
                ran.result
            }
            .boxed();
        }
        let ran = request(home.engine());
        if home.is_settled(ran.lsn) {
            return ready(ran.result).boxed();
        }
        async move {
            home.settle(ran.lsn).await?;
            ran.result
        }
        .boxed()
    }
}

fn seed() -> u64 {
    RandomState::new().hash_one(0)
}

impl Backend for Embedded {
    fn features(&self) -> Features {
        Features::none()
            .with(Feature::AtomicAcrossKeys)
            .with(Feature::CountsReceivers)
            .with(Feature::IdempotentAppend)
            .with(Feature::Retention)
    }

    fn health(&self) -> HealthWatch {
        HealthWatch::new(self.health.subscribe())
    }

    fn write(&self, batch: Batch) -> Answer<'_, Vec<Outcome>> {
        self.answer(Access::Changes, move |engine| writes::write(engine, &batch))
    }

    fn range(&self, range: Range) -> Answer<'_, Vec<Entry>> {
        self.answer(Access::Reads, move |engine| reads::range(engine, &range))
    }

    fn read(&self, read: Read) -> Answer<'_, Vec<StreamEntries>> {
        self.read_waiting(read).boxed()
    }

    fn read_group(&self, read: GroupRead) -> Answer<'_, Vec<Entry>> {
        self.read_group_waiting(read).boxed()
    }

    fn change_group(&self, change: GroupChange) -> Answer<'_, GroupChanged> {
        self.answer(Access::Changes, move |engine| groups::change(engine, &change))
    }

    fn claim(&self, claim: Claim) -> Answer<'_, Claimed> {
        self.answer(Access::Changes, move |engine| groups::claim(engine, &claim))
    }

    fn pending(&self, query: PendingQuery) -> Answer<'_, Vec<Pending>> {
        self.answer(Access::Reads, move |engine| groups::pending(engine, &query))
    }

    fn stream_info(&self, stream: Arc<str>) -> Answer<'_, Option<StreamInfo>> {
        self.answer(Access::Reads, move |engine| groups::stream_info(engine, &stream))
    }

    fn consumers(&self, stream: Arc<str>, group: Arc<str>) -> Answer<'_, Vec<ConsumerInfo>> {
        self.answer(Access::Reads, move |engine| groups::consumers(engine, &stream, &group))
    }

    fn value(&self, key: Arc<str>) -> Answer<'_, Option<Bytes>> {
        self.answer(Access::Reads, move |engine| {
            run(engine, [&key], |keys| {
                Ok(keys.string(DB, key.as_bytes())?.map(Bytes::copy_from_slice))
            })
        })
    }

    fn publish(&self, channel: Arc<str>, payload: Bytes) -> Answer<'_, u64> {
        ready(self.home().map(|_| self.channels.publish(&channel, &payload))).boxed()
    }

    fn subscribe(&self, topics: Vec<Topic>, inbox: Arc<Inbox>) -> Answer<'_, Subscription> {
        // Held, so that it does not come behind the end of all subscriptions.
        let home = self.home.read();
        let open = home.as_ref().ok_or(Error::Closed);
        let subscribed = open.map(|_| Channels::subscribe(&self.channels, &topics, inbox));
        drop(home);
        ready(subscribed).boxed()
    }

    fn inspect(&self, inspection: Inspection) -> Answer<'_, Inspected> {
        self.answer(Access::Reads, move |engine| {
            inspect::inspect(engine, &self.channels.hub, &inspection)
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        let home = self.home.write().take();
        self.health.send_replace(Health::Closed);
        self.channels.end();
        async move {
            let Some(home) = home else { return };
            let closed = tokio::task::spawn_blocking(move || home.close()).await;
            if let Ok(Err(error)) = closed {
                tracing::error!(%error, "the log could not be closed in order");
            }
        }
        .boxed()
    }
}

impl Channels {
    fn end(&self) {
        let _membership = self.membership.lock();
        for topic in self.board.topics() {
            self.stop_listening(&topic);
        }
        self.board.end();
    }

    fn publish(&self, channel: &str, payload: &Bytes) -> u64 {
        self.hub.publish(Space::Channel, channel.as_bytes(), |found| {
            // All names that are listened to were texts.
            let pattern = found.pattern.map(|pattern| String::from_utf8_lossy(pattern));
            self.board.deliver(channel, pattern.as_deref(), payload);
        })
    }

    fn subscribe(channels: &Arc<Self>, topics: &[Topic], inbox: Arc<Inbox>) -> Subscription {
        let _membership = channels.membership.lock();
        let (id, fresh) = channels.board.add(topics, &inbox);
        for topic in &fresh {
            match topic {
                Topic::Channel(name) => {
                    channels.hub.subscribe(Space::Channel, name.as_bytes(), LISTENER)
                }
                Topic::Pattern(name) => channels.hub.subscribe_pattern(name.as_bytes(), LISTENER),
            };
        }
        Subscription::new(inbox, Seat { channels: Arc::clone(channels), id })
    }

    fn stop_listening(&self, topic: &Topic) {
        match topic {
            Topic::Channel(name) => self.hub.unsubscribe(Space::Channel, name.as_bytes(), LISTENER),
            Topic::Pattern(name) => self.hub.unsubscribe_pattern(name.as_bytes(), LISTENER),
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

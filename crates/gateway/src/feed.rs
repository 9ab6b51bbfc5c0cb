//! One stream that sockets follow: a task that reads it, and those who have all that it has read.
//!
//! A socket that joins has some place in the stream. It is brought to the place of the task by reading ranges
//! (`catching_up.rs`), and under one lock it becomes one of those whom the task tells of each entry. So nothing is lost
//! or doubled between the two.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use firth::backend::{Backend, Entry, Inbox, Order, QueueLimits, Range, Read, Subscription, Topic};
use firth::{EntryId, Error};
use futures_util::StreamExt as _;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::backend::{self, BackendCell};
use crate::catching_up::Piece;
use crate::counts::Counts;
use crate::flights::Flights;
use crate::news::{Data, Form, News, Place, What, entry_of};
use crate::outbox::Outbox;
use crate::state::State;

/// How many entries are read at once.
pub(crate) const PAGE: usize = 256;

/// How long one read waits for something new.
const WAIT: Duration = Duration::from_secs(20);

/// The field of an inbox's entries that holds the notification.
const PAYLOAD: &str = "payload";

/// What is followed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// A stream.
    Stream(Arc<str>),
    /// The inbox of a user, and the channel on which news of it are published.
    Inbox {
        /// `{notifications:<user>}:inbox`
        stream: Arc<str>,
        /// `notifications:<user>`
        channel: Arc<str>,
    },
}

/// One stream that sockets follow.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) source: Source,
    pub(crate) live: Mutex<Live>,
    pub(crate) state: watch::Sender<State>,
    /// What is read for sockets that are brought up.
    pub(crate) pieces: Flights<(EntryId, EntryId, bool), Piece>,
    pub(crate) extents: Flights<(), Extent>,
}

/// From where to where a stream reaches.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extent {
    /// The greatest id that was ever given.
    pub(crate) last_id: EntryId,
    /// The oldest entry that is still there.
    pub(crate) first: Option<EntryId>,
    /// Whether nothing was ever removed.
    pub(crate) is_whole: bool,
}

/// Where the task is, and whom it tells.
#[derive(Debug, Default)]
pub(crate) struct Live {
    pub(crate) at: EntryId,
    pub(crate) followers: HashMap<u64, Follower>,
    /// How many want it, those who are still being brought up included.
    pub(crate) users: usize,
    pub(crate) next: u64,
    pub(crate) task: Option<AbortHandle>,
}

/// A socket that has everything up to an id.
#[derive(Clone, Debug)]
pub(crate) struct Follower {
    pub(crate) after: EntryId,
    pub(crate) form: Form,
    pub(crate) outbox: Arc<Outbox>,
}

impl Source {
    pub(crate) fn stream(&self) -> &Arc<str> {
        match self {
            Source::Stream(stream) | Source::Inbox { stream, .. } => stream,
        }
    }

    pub(crate) fn place(&self) -> Place {
        match self {
            Source::Stream(stream) => Place::Stream(Arc::clone(stream)),
            Source::Inbox { .. } => Place::Inbox(true),
        }
    }

    /// Returns the news of an entry. `is_read` matters to an inbox alone.
    pub(crate) fn news(&self, entry: Entry, is_read: bool) -> Arc<News> {
        News::new(match self {
            Source::Stream(stream) => entry_of(stream, entry),
            Source::Inbox { .. } => {
                let data = entry.fields.get(PAYLOAD).cloned().unwrap_or_default();
                What::Notification { id: entry.id, data: Data(data), read: is_read }
            }
        })
    }
}

impl Feed {
    pub(crate) fn new(source: Source) -> Self {
        Feed {
            source,
            live: Mutex::default(),
            state: watch::Sender::default(),
            pieces: Flights::default(),
            extents: Flights::default(),
        }
    }

    /// Reads the stream and tells all who follow it, until it is aborted or an error comes that time does not mend.
    pub(crate) async fn run(self: Arc<Self>, backend: BackendCell, counts: Arc<Counts>) {
        let failed = match self.follow(&backend, &counts).await {
            Ok(never) => match never {},
            Err(error) => error,
        };
        tracing::debug!(stream = %self.source.stream(), error = %failed, "not followed any more");
        let news = News::new(What::Ended { place: self.source.place(), error: failed.to_string() });
        let followers = std::mem::take(&mut self.live.lock().followers);
        followers.values().for_each(|follower| follower.push(&news));
        self.state.send_replace(State::Failed(failed));
    }

    async fn follow(
        &self,
        backend: &BackendCell,
        counts: &Counts,
    ) -> Result<std::convert::Infallible, Error> {
        let broker = backend.broker().await?;
        let broker = &**broker.backend();
        let mut bell = self.bell(broker).await?;
        let info = patiently(|| broker.stream_info(Arc::clone(self.source.stream()))).await?;
        let mut tally = Tally { added: Some(info.as_ref().map_or(0, |info| info.entries_added)) };
        let mut at = info.map_or(EntryId::MIN, |info| info.last_id);
        self.live.lock().at = at;
        self.state.send_replace(State::Running);
        loop {
            let wait = bell.is_none().then_some(WAIT);
            let entries = patiently(|| self.read(broker, at, wait)).await?;
            if let Some(last) = entries.last() {
                let last = last.id;
                let stream = self.source.stream();
                let check = || tally.check(broker, stream, at, &entries);
                let is_whole;
                (tally, is_whole) = patiently(check).await?;
                self.tell(entries, is_whole, counts);
                at = last;
            } else if let Some(bell) = &mut bell {
                // The word may have been lost with a connection, so now and then there is a look without one.
                if let Ok(None) = timeout(WAIT, bell.next()).await {
                    return Err(Error::Closed);
                }
            }
        }
    }

    /// Listens for what tells that there is something new in an inbox: a read that waits would take a connection for
    /// each user.
    async fn bell(&self, broker: &dyn Backend) -> Result<Option<Subscription>, Error> {
        let Source::Inbox { channel, .. } = &self.source else { return Ok(None) };
        let topics = || vec![Topic::Channel(Arc::clone(channel))];
        patiently(|| broker.subscribe(topics(), Inbox::new(QueueLimits::default()))).await.map(Some)
    }

    async fn read(
        &self,
        broker: &dyn Backend,
        after: EntryId,
        wait: Option<Duration>,
    ) -> Result<Vec<Entry>, Error> {
        let streams = vec![(Arc::clone(self.source.stream()), after)];
        let found = broker.read(Read { streams, limit: PAGE, wait }).await?;
        Ok(found.into_iter().flat_map(|found| found.entries).collect())
    }

    fn tell(&self, entries: Vec<Entry>, is_whole: bool, counts: &Counts) {
        counts.received.add(entries.len() as u64);
        let mut live = self.live.lock();
        if !is_whole {
            let gap = self.gap();
            counts.gaps.add(live.followers.len() as u64);
            live.followers.values().for_each(|follower| follower.push(&gap));
        }
        for entry in entries {
            let id = entry.id;
            let news = self.source.news(entry, false);
            for follower in live.followers.values_mut().filter(|follower| follower.after < id) {
                follower.note(&news);
                follower.after = id;
                counts.delivered.add(1);
            }
            live.at = id;
        }
        live.followers.values().for_each(|follower| follower.outbox.flush());
    }

    /// Returns the news that entries may have been trimmed before they were read.
    pub(crate) fn gap(&self) -> Arc<News> {
        News::new(What::Gap { place: self.source.place(), reason: "trimmed", missed: None })
    }
}

impl Follower {
    pub(crate) fn push(&self, news: &News) {
        self.outbox.tell(news, self.form);
    }

    /// Puts news into the queue, which is to be flushed.
    pub(crate) fn note(&self, news: &News) {
        _ = self.outbox.note(news, self.form);
    }
}

/// How many entries the stream ever had up to where it has been read, if that is known: then no entry can have been
/// trimmed unseen.
#[derive(Clone, Copy, Debug)]
struct Tally {
    added: Option<u64>,
}

impl Tally {
    /// Says whether what was read behind an id is all that there was, and counts it.
    async fn check(
        self,
        broker: &dyn Backend,
        stream: &Arc<str>,
        after: EntryId,
        entries: &[Entry],
    ) -> Result<(Self, bool), Error> {
        let count = entries.len() as u64;
        let expected = self.added.map(|added| added + count);
        if oldest(broker, stream).await?.is_some_and(|oldest| oldest <= after) {
            return Ok((Tally { added: expected }, true));
        }
        // All that were read behind may be gone, or this one, which says nothing of those between.
        let info = broker.stream_info(Arc::clone(stream)).await?;
        let Some(info) = info else { return Ok((Tally { added: None }, false)) };
        let is_at_end = entries.last().is_some_and(|last| last.id == info.last_id);
        let is_all =
            info.entries_added == info.len || is_at_end && expected == Some(info.entries_added);
        Ok((Tally { added: is_at_end.then_some(info.entries_added) }, is_all))
    }
}

/// Returns the id of the oldest entry.
pub(crate) async fn oldest(
    broker: &dyn Backend,
    stream: &Arc<str>,
) -> Result<Option<EntryId>, Error> {
    let range = Range {
        stream: Arc::clone(stream),
        from: EntryId::MIN,
        to: EntryId::MAX,
        order: Order::Forward,
        limit: 1,
    };
    Ok(broker.range(range).await?.first().map(|entry| entry.id))
}

/// Asks again until the backend answers.
pub(crate) async fn patiently<T, F>(mut ask: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    for attempts in 0.. {
        match ask().await {
            Err(Error::Unavailable { .. }) => {
                tokio::time::sleep(backend::pauses().pause(attempts)).await;
            }
            answer => return answer,
        }
    }
    Err(Error::Closed)
}

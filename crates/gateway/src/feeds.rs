//! The streams that sockets follow, each read once however many there are.

use std::collections::HashMap;
use std::sync::Arc;

use firth::backend::{Entry, Order, Range};
use firth::notifications::Marks;
use firth::{EntryId, Error};
use parking_lot::Mutex;
use tokio::task::AbortHandle;

use crate::backend::BackendCell;
use crate::counts::Counts;
use crate::feed::{Feed, Follower, PAGE, Source, oldest, patiently};
use crate::news::{Form, News, What};
use crate::outbox::Outbox;
use crate::state::{State, running};

/// The streams that sockets follow.
#[derive(Debug)]
pub(crate) struct Feeds {
    backend: BackendCell,
    counts: Arc<Counts>,
    open: Mutex<HashMap<Source, Arc<Feed>>>,
}

/// Where a socket begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// With what comes from now on.
    Now,
    /// Behind an entry.
    After(EntryId),
}

/// A socket's place on a stream. Dropping it gives it up.
#[derive(Debug)]
pub(crate) struct Following {
    feeds: Arc<Feeds>,
    feed: Arc<Feed>,
    id: u64,
    /// Behind which entry it begins.
    pub(crate) after: EntryId,
    /// Whether something behind the place that was asked for is gone.
    pub(crate) gap: Option<&'static str>,
    /// Whether an entry at or before the place is still there, so that none behind it can have been trimmed.
    is_anchored: bool,
    marks: Marks,
    task: Option<AbortHandle>,
}

impl Feeds {
    pub(crate) fn new(backend: BackendCell, counts: Arc<Counts>) -> Arc<Self> {
        Arc::new(Feeds { backend, counts, open: Mutex::default() })
    }

    /// Returns how many streams are followed.
    pub(crate) fn len(&self) -> usize {
        self.open.lock().len()
    }

    /// Finds the place at which a socket begins. Nothing is sent before [`Following::begin`].
    pub(crate) async fn follow(
        self: &Arc<Self>,
        source: Source,
        start: Start,
        marks: Marks,
    ) -> Result<Following, Error> {
        let mut following = self.join(source);
        running(&following.feed.state).await?;
        following.marks = marks;
        match start {
            Start::Now => following.after = following.feed.live.lock().at,
            Start::After(after) => {
                following.after = after;
                following.find_gap().await?;
            }
        }
        Ok(following)
    }

    fn join(self: &Arc<Self>, source: Source) -> Following {
        let mut open = self.open.lock();
        let is_usable = |feed: &&Arc<Feed>| !matches!(*feed.state.borrow(), State::Failed(_));
        let feed = match open.get(&source).filter(is_usable) {
            Some(feed) => Arc::clone(feed),
            None => {
                let feed = Arc::new(Feed::new(source.clone()));
                open.insert(source, Arc::clone(&feed));
                feed
            }
        };
        let mut live = feed.live.lock();
        live.users += 1;
        let id = live.next;
        live.next += 1;
        if live.task.is_none() {
            let running = Arc::clone(&feed).run(self.backend.clone(), Arc::clone(&self.counts));
            live.task = Some(tokio::spawn(running).abort_handle());
        }
        drop(live);
        let (feeds, after) = (Arc::clone(self), EntryId::MIN);
        let (gap, is_anchored, marks, task) = (None, false, Marks::default(), None);
        Following { feeds, feed, id, after, gap, is_anchored, marks, task }
    }
}

impl Following {
    /// Begins to send: first what is missing, then what comes. It waits for room while it catches up.
    pub(crate) fn begin(&mut self, form: Form, outbox: &Arc<Outbox>) {
        let catching_up = CatchingUp {
            backend: self.feeds.backend.clone(),
            counts: Arc::clone(&self.feeds.counts),
            feed: Arc::clone(&self.feed),
            id: self.id,
            is_anchored: self.is_anchored,
            marks: std::mem::take(&mut self.marks),
            follower: Follower { after: self.after, form, outbox: Arc::clone(outbox) },
        };
        if let Some(reason) = self.gap {
            let gap = What::Gap { place: self.feed.source.place(), reason, missed: None };
            catching_up.follower.push(&News::new(gap));
            self.feeds.counts.gaps.add(1);
        }
        self.task = Some(tokio::spawn(catching_up.run()).abort_handle());
    }

    /// Finds out whether everything behind the place that was asked for is still there.
    async fn find_gap(&mut self) -> Result<(), Error> {
        if self.after == EntryId::MIN {
            // Whoever asks for all that there is misses nothing.
            return Ok(());
        }
        let broker = self.feeds.backend.broker().await?;
        let stream = self.feed.source.stream();
        let info = broker.backend().stream_info(Arc::clone(stream)).await?;
        let (last_id, is_whole, first) = info.map_or((EntryId::MIN, false, None), |info| {
            let is_whole = info.entries_added == info.len;
            (info.last_id, is_whole, info.first.map(|first| first.id))
        });
        self.is_anchored = first.is_some_and(|first| first <= self.after);
        if self.after > last_id {
            // The stream is not the one that it was: everything in it is new.
            (self.gap, self.after) = (Some("reset"), EntryId::MIN);
        } else if self.after < last_id && !is_whole && first.is_none_or(|first| first > self.after)
        {
            self.gap = Some("trimmed");
        }
        Ok(())
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.task.take().inspect(AbortHandle::abort);
        let mut open = self.feeds.open.lock();
        let mut live = self.feed.live.lock();
        live.followers.remove(&self.id);
        live.users -= 1;
        if live.users == 0 {
            let is_known = |known: &Arc<Feed>| Arc::ptr_eq(known, &self.feed);
            if open.get(&self.feed.source).is_some_and(is_known) {
                open.remove(&self.feed.source);
            }
            live.task.take().inspect(AbortHandle::abort);
        }
    }
}

/// A socket that is brought to where the others are.
struct CatchingUp {
    backend: BackendCell,
    counts: Arc<Counts>,
    feed: Arc<Feed>,
    id: u64,
    is_anchored: bool,
    marks: Marks,
    follower: Follower,
}

impl CatchingUp {
    async fn run(mut self) {
        if let Err(error) = self.catch_up().await {
            let place = self.feed.source.place();
            self.follower.push(&News::new(What::Ended { place, error: error.to_string() }));
        }
    }

    async fn catch_up(&mut self) -> Result<(), Error> {
        let broker = self.backend.broker().await?;
        let broker = &**broker.backend();
        while self.follower.outbox.has_room().await {
            let at = {
                let mut live = self.feed.live.lock();
                if self.follower.after >= live.at {
                    live.followers.insert(self.id, self.follower.clone());
                    return Ok(());
                }
                live.at
            };
            let Some(from) = self.follower.after.next() else { return Ok(()) };
            let stream = Arc::clone(self.feed.source.stream());
            let (to, order, limit) = (at, Order::Forward, PAGE);
            let range = || Range { stream: Arc::clone(&stream), from, to, order, limit };
            let entries = patiently(|| broker.range(range())).await?;
            if self.is_anchored {
                let oldest = patiently(|| oldest(broker, &stream)).await?;
                if oldest.is_none_or(|oldest| oldest > self.follower.after) {
                    self.follower.push(&self.feed.gap());
                    self.counts.gaps.add(1);
                }
            }
            self.send(entries, at).await;
        }
        Ok(())
    }

    async fn send(&mut self, entries: Vec<Entry>, at: EntryId) {
        self.counts.delivered.add(entries.len() as u64);
        let is_all = entries.len() < PAGE;
        for entry in entries {
            if !self.follower.outbox.is_roomy() {
                self.follower.outbox.flush();
                self.follower.outbox.has_room().await;
            }
            (self.follower.after, self.is_anchored) = (entry.id, true);
            let is_read = self.marks.is_read(entry.id);
            self.follower.note(&self.feed.source.news(entry, is_read));
        }
        self.follower.outbox.flush();
        if is_all {
            self.follower.after = self.follower.after.max(at);
        }
    }
}

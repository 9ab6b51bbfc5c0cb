//! The streams that sockets follow, each read once however many there are.

use std::collections::HashMap;
use std::sync::Arc;

use firth::notifications::Marks;
use firth::{EntryId, Error};
use parking_lot::Mutex;
use tokio::task::AbortHandle;

use crate::backend::BackendCell;
use crate::catching_up::CatchingUp;
use crate::counts::Counts;
use crate::feed::{Extent, Feed, Follower, Source};
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
    /// An entry with nothing that was asked for before it: as long as the oldest one is not behind it, none can have
    /// been trimmed.
    anchor: Option<EntryId>,
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
        let (gap, anchor, marks, task) = (None, None, Marks::default(), None);
        Following { feeds, feed, id, after, gap, anchor, marks, task }
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
            anchor: self.anchor,
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
        let (backend, source) = (self.feeds.backend.clone(), self.feed.source.clone());
        let ask = move || extent(backend, source);
        let mut extent = *self.feed.extents.share((), ask.clone()).await?;
        if self.after > extent.last_id {
            // That answer may be older than the entry which the socket has seen.
            extent = ask().await?;
        }
        if self.after > extent.last_id {
            // The stream is not the one that it was: everything in it is new.
            (self.gap, self.after) = (Some("reset"), EntryId::MIN);
            return Ok(());
        }
        let is_anchored = extent.first.is_some_and(|first| first <= self.after);
        if self.after < extent.last_id && !extent.is_whole && !is_anchored {
            self.gap = Some("trimmed");
        } else {
            self.anchor = extent.first.map(|first| first.max(self.after));
        }
        Ok(())
    }
}

/// Asks how far a stream reaches.
async fn extent(backend: BackendCell, source: Source) -> Result<Extent, Error> {
    let broker = backend.broker().await?;
    let info = broker.backend().stream_info(Arc::clone(source.stream())).await?;
    Ok(info.map_or_else(Extent::default, |info| Extent {
        last_id: info.last_id,
        first: info.first.map(|first| first.id),
        is_whole: info.entries_added == info.len,
    }))
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

//! A socket that is brought to where the task of its stream is.

use std::sync::Arc;

use firth::backend::{Order, Range};
use firth::notifications::Marks;
use firth::{EntryId, Error};

use crate::backend::BackendCell;
use crate::counts::Counts;
use crate::feed::{Feed, Follower, PAGE, Source, oldest, patiently};
use crate::news::{News, What};

/// A socket that is brought to where the others are.
pub(crate) struct CatchingUp {
    pub(crate) backend: BackendCell,
    pub(crate) counts: Arc<Counts>,
    pub(crate) feed: Arc<Feed>,
    pub(crate) id: u64,
    pub(crate) anchor: Option<EntryId>,
    pub(crate) marks: Marks,
    pub(crate) follower: Follower,
}

/// Some entries in a row, for whoever wants those.
#[derive(Debug)]
pub(crate) struct Piece {
    entries: Vec<Found>,
    /// The oldest entry of the stream when these had been read, if that was asked for.
    oldest: Option<EntryId>,
}

#[derive(Debug)]
struct Found {
    id: EntryId,
    news: Arc<News>,
    /// The same for whoever has read it, on an inbox.
    news_if_read: Option<Arc<News>>,
}

impl CatchingUp {
    pub(crate) async fn run(mut self) {
        if let Err(error) = self.catch_up().await {
            let place = self.feed.source.place();
            self.follower.push(&News::new(What::Ended { place, error: error.to_string() }));
        }
    }

    async fn catch_up(&mut self) -> Result<(), Error> {
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
            let piece = self.piece(from, at).await?;
            if self.anchor.is_some_and(|anchor| piece.oldest.is_none_or(|oldest| oldest > anchor)) {
                self.follower.push(&self.feed.gap());
                self.counts.gaps.add(1);
            }
            self.send(&piece.entries, at).await;
        }
        Ok(())
    }

    async fn piece(&self, from: EntryId, to: EntryId) -> Result<Arc<Piece>, Error> {
        let is_anchored = self.anchor.is_some();
        let (backend, source) = (self.backend.clone(), self.feed.source.clone());
        let key = (from, to, is_anchored);
        self.feed.pieces.share(key, move || read(backend, source, from, to, is_anchored)).await
    }

    async fn send(&mut self, entries: &[Found], at: EntryId) {
        self.counts.delivered.add(entries.len() as u64);
        for found in entries {
            if !self.follower.outbox.is_roomy() {
                self.follower.outbox.flush();
                self.follower.outbox.has_room().await;
            }
            (self.follower.after, self.anchor) = (found.id, Some(found.id));
            let news = found.news_if_read.as_ref().filter(|_| self.marks.is_read(found.id));
            self.follower.note(news.unwrap_or(&found.news));
        }
        self.follower.outbox.flush();
        if entries.len() < PAGE {
            self.follower.after = self.follower.after.max(at);
        }
    }
}

/// Reads some entries, and then what is the oldest one, if that matters.
async fn read(
    backend: BackendCell,
    source: Source,
    from: EntryId,
    to: EntryId,
    is_anchored: bool,
) -> Result<Piece, Error> {
    let broker = backend.broker().await?;
    let broker = &**broker.backend();
    let stream = Arc::clone(source.stream());
    let (order, limit) = (Order::Forward, PAGE);
    let range = || Range { stream: Arc::clone(&stream), from, to, order, limit };
    let entries = patiently(|| broker.range(range())).await?;
    let oldest = if is_anchored { patiently(|| oldest(broker, &stream)).await? } else { None };
    let is_inbox = matches!(source, Source::Inbox { .. });
    let found = entries.into_iter().map(|entry| {
        let news_if_read = is_inbox.then(|| source.news(entry.clone(), true));
        Found { id: entry.id, news: source.news(entry, false), news_if_read }
    });
    Ok(Piece { entries: found.collect(), oldest })
}

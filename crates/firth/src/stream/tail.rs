//! Following a stream.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt as _};

use super::Stream;
use crate::backend::{Backend, Entry, Read};
use crate::backoff::Backoff;
use crate::format::{Format, Item};
use crate::{EntryId, Error};

/// How many entries are fetched at once.
const LIMIT: usize = 100;

/// How long one request waits for news.
const WAIT: Duration = Duration::from_secs(60);

/// Where following begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TailStart {
    /// At the oldest entry.
    Beginning,
    /// Behind the newest entry there is when the tail is first polled.
    End,
    /// Behind this id, for instance the last one that was seen.
    After(EntryId),
}

/// All entries from some place on, as they come: a stream that ends only when the broker is closed,
/// with [`Error::Closed`], or after an error that time does not mend.
///
/// While the server cannot be reached it goes on trying, and loses nothing: it goes on behind the
/// entry that came last. What is trimmed before it was read is not seen.
/// [`next`](futures_util::StreamExt::next) is cancel-safe.
#[must_use = "a stream does nothing unless polled"]
pub struct Tail<T>(BoxStream<'static, Result<Item<T>, Error>>);

struct Following {
    backend: Arc<dyn Backend>,
    name: Arc<str>,
    start: TailStart,
    after: Option<EntryId>,
    fetched: VecDeque<Entry>,
    has_failed: bool,
}

impl<T: Send + 'static> Stream<T> {
    /// Follows the stream. Several are followed at once with
    /// [`select_all`](futures_util::stream::select_all()).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), firth::Error> {
    /// use firth::{Broker, TailStart};
    /// use futures_util::StreamExt;
    ///
    /// let broker = Broker::connect("memory:").await?;
    /// let greetings = broker.stream::<String>("greetings");
    /// let mut tail = greetings.tail(TailStart::Beginning);
    /// greetings.append(&"hello".to_owned()).await?;
    /// let item = tail.next().await.unwrap()?;
    /// assert_eq!(item.value.as_deref(), Ok("hello"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn tail(&self, start: TailStart) -> Tail<T> {
        let format: Format<T> = self.format;
        let following = Following {
            backend: Arc::clone(self.backend()),
            name: Arc::clone(&self.name),
            start,
            after: None,
            fetched: VecDeque::new(),
            has_failed: false,
        };
        let entries = stream::unfold(following, async |mut following| {
            let next = following.next().await?;
            Some((next, following))
        });
        Tail(entries.map(move |entry| entry.map(|entry| format.item(entry))).boxed())
    }
}

impl Following {
    async fn next(&mut self) -> Option<Result<Entry, Error>> {
        let mut attempts = 0;
        loop {
            if let Some(entry) = self.fetched.pop_front() {
                self.after = Some(entry.id);
                return Some(Ok(entry));
            }
            if self.has_failed {
                return None;
            }
            match self.fetch().await {
                Ok(()) => attempts = 0,
                Err(Error::Unavailable { .. }) => {
                    tokio::time::sleep(Backoff::connecting().pause(attempts)).await;
                    attempts = attempts.saturating_add(1);
                }
                Err(error) => {
                    self.has_failed = true;
                    return Some(Err(error));
                }
            }
        }
    }

    async fn fetch(&mut self) -> Result<(), Error> {
        let after = match self.after {
            Some(after) => after,
            None => *self.after.insert(self.place().await?),
        };
        let streams = vec![(Arc::clone(&self.name), after)];
        let read = Read { streams, limit: LIMIT, wait: Some(WAIT) };
        let found = self.backend.read(read).await?;
        self.fetched.extend(found.into_iter().flat_map(|found| found.entries));
        Ok(())
    }

    async fn place(&self) -> Result<EntryId, Error> {
        match self.start {
            TailStart::Beginning => Ok(EntryId::MIN),
            TailStart::After(id) => Ok(id),
            TailStart::End => {
                let info = self.backend.stream_info(Arc::clone(&self.name)).await?;
                Ok(info.map_or(EntryId::MIN, |info| info.last_id))
            }
        }
    }
}

impl<T> futures_util::Stream for Tail<T> {
    type Item = Result<Item<T>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

impl<T> fmt::Debug for Tail<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tail").finish_non_exhaustive()
    }
}

//! The inbox of one user.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::marks::Marks;
use crate::backend::{
    Append, Backend, Batch, Condition, Entry, Exactness, Fields, Keep, Order, Outcome, Range,
    SetValue, Trim, When, Write,
};
use crate::key::beside;
use crate::tail::tail;
use crate::{EntryId, Error, Refusal, payload};

/// How many notifications an inbox keeps if nothing is said.
const KEPT: u64 = 500;

/// The most notifications that are looked at in one go.
const READ_MAX: usize = 100_000;

/// The newest notifications of one user, and which of them have been read.
///
/// They are the entries of the stream `{notifications:<user>}:inbox`, each with one field `payload`; beside it,
/// `{notifications:<user>}:read` tells which have been read.
pub struct Inbox<N> {
    backend: Arc<dyn Backend>,
    channel: Arc<str>,
    stream: Arc<str>,
    marks: Arc<str>,
    kept: u64,
    notification: PhantomData<fn(N) -> N>,
}

/// A notification in an inbox.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InboxItem<N> {
    /// Its place in the inbox.
    pub id: EntryId,
    /// The notification, or what is wrong with it.
    pub content: Result<N, Error>,
    /// Whether it has been read.
    pub is_read: bool,
}

/// What comes when an inbox is followed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Followed<N> {
    /// A notification. Whether it has been read is as it was when following began.
    Notification(InboxItem<N>),
    /// The notification behind which to go on is not in the inbox any more: others behind it may be gone, too.
    Gap,
}

impl<N> Inbox<N> {
    pub(super) fn new(
        backend: Arc<dyn Backend>,
        channel: Arc<str>,
        notification: PhantomData<fn(N) -> N>,
    ) -> Self {
        let (stream, marks) = (beside(&channel, "inbox"), beside(&channel, "read"));
        Inbox { backend, channel, stream, marks, kept: KEPT, notification }
    }

    /// Sets how many notifications are kept, the newest; 500 if nothing is said. All who deliver to the
    /// inbox should say the same.
    #[must_use]
    pub fn keep(mut self, newest: u64) -> Self {
        self.kept = newest.max(1);
        self
    }

    /// Returns how many notifications have not been read. This reads all of them, which are as many as the inbox
    /// keeps at most.
    ///
    /// # Errors
    /// Why it is not known.
    pub async fn unread(&self) -> Result<u64, Error> {
        let (marks, _) = self.read_marks().await?;
        let behind = self.behind(marks.up_to).await?;
        Ok(behind.iter().filter(|entry| !marks.is_read(entry.id)).count() as u64)
    }

    /// Marks notifications as read. Returns how many were not before.
    ///
    /// # Errors
    /// Why they could not be marked.
    pub async fn mark_read(&self, ids: &[EntryId]) -> Result<u64, Error> {
        self.mark(|id| ids.contains(&id)).await
    }

    /// Marks all notifications up to this one as read: all that a user has seen, and none that came meanwhile. Returns how
    /// many were not before.
    ///
    /// # Errors
    /// Why they could not be marked.
    pub async fn mark_read_up_to(&self, id: EntryId) -> Result<u64, Error> {
        self.mark(|found| found <= id).await
    }

    /// Removes notifications. Returns how many there were.
    ///
    /// # Errors
    /// Why they could not be removed.
    pub async fn remove(&self, ids: &[EntryId]) -> Result<u64, Error> {
        let delete = Write::Delete { stream: Arc::clone(&self.stream), ids: ids.to_vec() };
        match self.backend.write(Batch::of(delete)).await?.first() {
            Some(Outcome::Count(count)) => Ok(*count),
            _ => Ok(0),
        }
    }

    async fn mark(&self, is_meant: impl Fn(EntryId) -> bool) -> Result<u64, Error> {
        loop {
            let (mut marks, value) = self.read_marks().await?;
            let behind = self.behind(marks.up_to).await?;
            let present: Vec<EntryId> = behind.iter().map(|entry| entry.id).collect();
            let count = marks.mark(&present, &is_meant);
            if count == 0 {
                return Ok(0);
            }
            let key = Arc::clone(&self.marks);
            let condition = Condition::Value { key: Arc::clone(&key), value };
            let value = payload::to_json(&marks)?;
            let set = Write::Set(SetValue { key, value, expires_in: None, when: When::Always });
            match self.backend.write(Batch::of(set).only_if(condition)).await {
                Ok(_) => return Ok(count),
                // Another device was faster.
                Err(Error::Refused(Refusal::Conflict { .. })) => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn read_marks(&self) -> Result<(Marks, Option<Bytes>), Error> {
        let value = self.backend.value(Arc::clone(&self.marks)).await?;
        let marks = value.as_ref().map(|json| payload::from_json(json)).transpose()?;
        Ok((marks.unwrap_or_default(), value))
    }

    async fn behind(&self, id: EntryId) -> Result<Vec<Entry>, Error> {
        match id.next() {
            Some(from) => self.range(from, Order::Forward, READ_MAX).await,
            None => Ok(Vec::new()),
        }
    }

    async fn range(&self, from: EntryId, order: Order, limit: usize) -> Result<Vec<Entry>, Error> {
        let (stream, to) = (Arc::clone(&self.stream), EntryId::MAX);
        self.backend.range(Range { stream, from, to, order, limit }).await
    }

    /// Says whether all that came behind an id is still there, as far as can be told.
    async fn is_whole_behind(&self, id: EntryId) -> Result<bool, Error> {
        if id == EntryId::MIN {
            return Ok(true);
        }
        let first = self.range(EntryId::MIN, Order::Forward, 1).await?;
        Ok(first.first().is_none_or(|first| first.id <= id))
    }
}

impl<N: Serialize> Inbox<N> {
    /// Puts a notification into the inbox and publishes it live. Returns its place.
    ///
    /// If it cannot be published live, it is in the inbox all the same.
    ///
    /// # Errors
    /// [`Error::Payload`] if it cannot be written as JSON, or why it could not be put there. If the
    /// connection breaks, it may be there; it is not put there again.
    pub async fn deliver(&self, notification: &N) -> Result<EntryId, Error> {
        let json = payload::to_json(notification)?;
        let fields = Fields::from([(payload::FIELD, json.clone())]);
        let trim = Some(Trim { keep: Keep::Newest(self.kept), exactness: Exactness::Exact });
        let append = Append { trim, ..Append::new(Arc::clone(&self.stream), fields) };
        let outcomes = self.backend.write(Batch::of(Write::Append(append))).await?;
        let Some(Outcome::Appended(id)) = outcomes.first() else {
            return Err(Refusal::Malformed("the backend has not said what became of it").into());
        };
        if let Err(error) = self.backend.publish(Arc::clone(&self.channel), json).await {
            tracing::warn!(channel = %self.channel, %error, "delivered, but not live");
        }
        Ok(*id)
    }
}

impl<N: DeserializeOwned + Send> Inbox<N> {
    /// Returns the newest notifications, the newest first.
    ///
    /// # Errors
    /// Why they could not be read.
    pub async fn newest(&self, limit: usize) -> Result<Vec<InboxItem<N>>, Error> {
        let (marks, _) = self.read_marks().await?;
        let entries = self.range(EntryId::MIN, Order::Backward, limit).await?;
        Ok(entries.iter().map(|entry| InboxItem::read(entry, &marks)).collect())
    }

    /// Returns all notifications behind one, those that are still to come included: what a device needs that was
    /// away. 0-0 begins with the oldest. Broken connections are waited out; another error is the last item.
    ///
    /// # Errors
    /// Why it could not begin.
    pub async fn follow(
        &self,
        after: EntryId,
    ) -> Result<impl Stream<Item = Result<Followed<N>, Error>> + Send + Unpin + use<N>, Error> {
        let (marks, _) = self.read_marks().await?;
        let gap = (!self.is_whole_behind(after).await?).then_some(Ok(Followed::Gap));
        let entries = tail(Arc::clone(&self.backend), Arc::clone(&self.stream), after);
        let items = entries.map(move |entry| {
            entry.map(|entry| Followed::Notification(InboxItem::read(&entry, &marks)))
        });
        Ok(stream::iter(gap).chain(items))
    }
}

impl<N: DeserializeOwned> InboxItem<N> {
    fn read(entry: &Entry, marks: &Marks) -> Self {
        let json = entry.fields.get(payload::FIELD).map(|json| &json[..]).unwrap_or_default();
        InboxItem {
            id: entry.id,
            content: payload::from_json(json),
            is_read: marks.is_read(entry.id),
        }
    }
}

impl<N> Clone for Inbox<N> {
    fn clone(&self) -> Self {
        Inbox {
            backend: Arc::clone(&self.backend),
            channel: Arc::clone(&self.channel),
            stream: Arc::clone(&self.stream),
            marks: Arc::clone(&self.marks),
            kept: self.kept,
            notification: PhantomData,
        }
    }
}

impl<N> fmt::Debug for Inbox<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("stream", &self.stream).finish_non_exhaustive()
    }
}

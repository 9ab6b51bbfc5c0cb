//! What can be asked for, over WebSocket and over HTTP alike: who may, and what the broker is told.

use std::sync::Arc;

use axum::http::StatusCode;
use bytes::Bytes;
use firth::backend::{Append, Batch, Entry, Fields, Order, Outcome, Range, Write};
use firth::notifications::Marks;
use firth::{Broker, EntryId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::access::{Access, Deed};
use crate::admission::Refused;
use crate::backend::soon;
use crate::feed::Source;
use crate::gateway::Shared;
use crate::news::fields_as_map;
use crate::presence::Present;

/// The most entries of one answer.
const HISTORY_MAX: usize = 1000;
const HISTORY_USUAL: usize = 100;

/// Which part of a stream is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct HistoryQuery {
    pub(crate) from: Option<EntryId>,
    pub(crate) to: Option<EntryId>,
    pub(crate) limit: Option<usize>,
    /// The newest entry first.
    pub(crate) newest: bool,
}

/// An entry, as it is answered.
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    id: EntryId,
    #[serde(serialize_with = "fields_as_map")]
    fields: Fields,
}

/// A notification of an inbox, as it is answered.
#[derive(Debug, Serialize)]
pub(crate) struct Item {
    id: EntryId,
    data: Value,
    read: bool,
}

/// Which notifications have been read.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) enum Marking {
    Ids(Vec<EntryId>),
    UpTo(EntryId),
}

impl Shared {
    pub(crate) fn check(&self, access: &Access, deed: Deed<'_>) -> Result<(), Refused> {
        if access.allows(deed) {
            return Ok(());
        }
        let what = match deed {
            Deed::Subscribe(_) => "subscribe to this channel",
            Deed::Publish(_) => "publish on this channel",
            Deed::Read(_) => "read this stream",
            Deed::Append(_) => "append to this stream",
            Deed::Notifications(_) => "have the notifications of this user",
            Deed::Operate => "do this: it takes an API key",
        };
        Err(Refused::new(StatusCode::FORBIDDEN, format!("you may not {what}")))
    }

    pub(crate) async fn publish(
        &self,
        access: &Access,
        channel: &str,
        payload: Bytes,
    ) -> Result<u64, Refused> {
        self.check(access, Deed::Publish(channel))?;
        self.on_broker(async |broker| broker.backend().publish(channel.into(), payload).await).await
    }

    pub(crate) async fn append(
        &self,
        access: &Access,
        stream: &str,
        fields: &serde_json::Map<String, Value>,
    ) -> Result<EntryId, Refused> {
        self.check(access, Deed::Append(stream))?;
        let texts = fields.iter().map(|(name, value)| (name.clone(), text_of(value)));
        let append = Append::new(Arc::<str>::from(stream), texts.collect());
        self.on_broker(async |broker| {
            let batch = Batch::of(Write::Append(append));
            match broker.backend().write(batch).await?.first() {
                Some(Outcome::Appended(id)) => Ok(*id),
                _ => Err(firth::Error::Closed),
            }
        })
        .await
    }

    pub(crate) async fn history(
        &self,
        access: &Access,
        stream: &str,
        query: &HistoryQuery,
    ) -> Result<Vec<Told>, Refused> {
        self.check(access, Deed::Read(stream))?;
        let range = Range {
            stream: stream.into(),
            from: query.from.unwrap_or(EntryId::MIN),
            to: query.to.unwrap_or(EntryId::MAX),
            order: if query.newest { Order::Backward } else { Order::Forward },
            limit: query.limit.unwrap_or(HISTORY_USUAL).min(HISTORY_MAX),
        };
        let entries = self.on_broker(async |broker| broker.backend().range(range).await).await?;
        Ok(entries.into_iter().map(|Entry { id, fields }| Told { id, fields }).collect())
    }

    pub(crate) fn present(&self, access: &Access, channel: &str) -> Result<Present, Refused> {
        self.check(access, Deed::Subscribe(channel))?;
        Ok(self.presence.of(channel))
    }

    /// Notifies a user: live, and in the inbox if it is to be kept.
    pub(crate) async fn notify(
        &self,
        access: &Access,
        user: &str,
        notification: &Value,
        keep: Keeping,
    ) -> Result<Option<EntryId>, Refused> {
        self.check(access, Deed::Operate)?;
        self.on_broker(async |broker| match keep {
            Keeping::Live => broker.notifications().notify(user, notification).await.map(|_| None),
            Keeping::Inbox => {
                let inbox = broker.notifications().inbox::<Value>(user)?;
                inbox.deliver(notification).await.map(Some)
            }
        })
        .await
    }

    /// Returns the newest notifications of a user, and how many have not been read.
    pub(crate) async fn inbox(
        &self,
        access: &Access,
        user: &str,
        limit: Option<usize>,
    ) -> Result<(Vec<Item>, u64), Refused> {
        self.check(access, Deed::Notifications(user))?;
        let limit = limit.unwrap_or(HISTORY_USUAL).min(HISTORY_MAX);
        self.on_broker(async |broker| {
            let inbox = broker.notifications().inbox::<Value>(user)?;
            let items = inbox.newest(limit).await?.into_iter().map(|item| {
                let data = item.content.unwrap_or(Value::Null);
                Item { id: item.id, data, read: item.is_read }
            });
            Ok((items.collect(), inbox.unread().await?))
        })
        .await
    }

    /// Marks notifications as read, and tells the other devices of the user. Returns how many were not before, and how
    /// many are not now.
    pub(crate) async fn mark(
        &self,
        access: &Access,
        user: &str,
        marking: &Marking,
    ) -> Result<(u64, u64), Refused> {
        self.check(access, Deed::Notifications(user))?;
        self.on_broker(async |broker| {
            let inbox = broker.notifications().inbox::<Value>(user)?;
            let marked = match marking {
                Marking::Ids(ids) => inbox.mark_read(ids).await?,
                Marking::UpTo(id) => inbox.mark_read_up_to(*id).await?,
            };
            let unread = inbox.unread().await?;
            if marked > 0 {
                let json = match marking {
                    Marking::Ids(ids) => serde_json::json!({"ids": ids, "unread": unread}),
                    Marking::UpTo(id) => serde_json::json!({"upTo": id, "unread": unread}),
                };
                let told = broker.backend().publish(marks_channel(user), json.to_string().into());
                if let Err(error) = told.await {
                    tracing::debug!(%error, "other devices were not told of what was read");
                }
            }
            Ok((marked, unread))
        })
        .await
    }

    /// Returns what has been read of an inbox.
    pub(crate) async fn marks(&self, user: &str) -> Result<Marks, Refused> {
        let key = format!("{{notifications:{user}}}:read").into();
        let json = self.on_broker(async |broker| broker.backend().value(key).await).await?;
        let marks = json.map(|json| serde_json::from_slice(&json)).transpose();
        marks.map(Option::unwrap_or_default).map_err(|error| {
            Refused::new(StatusCode::BAD_GATEWAY, format!("the marks of the inbox: {error}"))
        })
    }

    /// Does something with the broker, within the time that a client may be kept waiting.
    async fn on_broker<T>(
        &self,
        deed: impl AsyncFnOnce(Broker) -> Result<T, firth::Error>,
    ) -> Result<T, Refused> {
        let broker = self.backend.broker_soon().await?;
        soon(deed(broker)).await
    }
}

/// Whether a notification is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeping {
    Live,
    Inbox,
}

/// Returns the text that a value stands for: a text is itself, all else its JSON.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Returns the channel that tells the devices of a user what was read.
pub(crate) fn marks_channel(user: &str) -> Arc<str> {
    format!("notifications:{user}:read").into()
}

/// Returns what is followed for an inbox.
pub(crate) fn inbox_source(user: &str) -> Source {
    let channel: Arc<str> = format!("notifications:{user}").into();
    Source::Inbox { stream: format!("{{{channel}}}:inbox").into(), channel }
}

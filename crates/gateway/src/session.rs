//! A client of `/ws`: what it has subscribed to, and what it asks for.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::ws::Utf8Bytes;
use axum::http::StatusCode;
use firth::EntryId;
use firth::notifications::Marks;
use serde_json::{Value, json};

use crate::access::{Access, Deed};
use crate::admission::Refused;
use crate::backend::soon;
use crate::closing::Closing;
use crate::feed::Source;
use crate::feeds::{Following, Start};
use crate::frame::Frame;
use crate::gateway::Shared;
use crate::hub::Listening;
use crate::news::Form;
use crate::operations::{inbox_source, marks_channel, text_of};
use crate::outbox::Outbox;
use crate::presence::Attendance;
use crate::request::{Request, Target, answer, parse};
use crate::socket::Conversation;

/// A client of `/ws`.
pub(crate) struct Session {
    shared: Arc<Shared>,
    access: Access,
    outbox: Arc<Outbox>,
    held: HashMap<Target, Held>,
}

/// What keeps a subscription alive.
#[expect(dead_code, reason = "they are held until they are dropped")]
enum Held {
    Channel(Listening, Attendance),
    Stream(Following),
    Inbox(Following, Listening),
}

impl Conversation for Session {
    async fn hear(&mut self, text: Utf8Bytes) -> Result<(), Closing> {
        match parse(&text) {
            Ok(envelope) => self.handle(envelope.seq, envelope.request).await,
            Err((seq, refused)) => self.outbox.push(answer(seq, Err(refused))),
        }
        Ok(())
    }
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>, access: Access, outbox: Arc<Outbox>) -> Self {
        let ping_s = shared.limits.ping.as_secs_f64();
        let user = access.user.as_deref();
        let hello = json!({"protocol": 1, "user": user, "ping": ping_s, "type": "hello"});
        outbox.push(Frame::text(&hello.to_string()));
        Session { shared, access, outbox, held: HashMap::new() }
    }

    async fn handle(&mut self, seq: Option<u64>, request: Request) {
        match request {
            // What is subscribed to begins behind the answer.
            Request::Subscribe { target, after, presence } => {
                let prepared = self.prepare(&target, after, presence).await;
                let (content, held) = match prepared {
                    Ok((content, held)) => (Ok(content), Some(held)),
                    Err(refused) => (Err(refused), None),
                };
                self.outbox.push(answer(seq, content));
                if let Some(mut held) = held {
                    if let Held::Stream(following) | Held::Inbox(following, _) = &mut held {
                        following.begin(Form::Json, &self.outbox);
                    }
                    self.held.insert(target, held);
                }
            }
            other => {
                let content = self.answer(other).await;
                self.outbox.push(answer(seq, content));
            }
        }
    }

    async fn answer(&mut self, request: Request) -> Result<Value, Refused> {
        let (shared, access) = (Arc::clone(&self.shared), &self.access);
        Ok(match request {
            Request::Subscribe { .. } | Request::Ping => json!({}),
            Request::Unsubscribe { target } => {
                json!({"unsubscribed": self.held.remove(&target).is_some()})
            }
            Request::Publish { channel, data } => {
                let receivers = shared.publish(access, &channel, text_of(&data).into()).await?;
                json!({"receivers": receivers})
            }
            Request::Append { stream, fields } => {
                json!({"id": shared.append(access, &stream, &fields).await?})
            }
            Request::Presence { channel } => json!(shared.present(access, &channel)?),
            Request::History { stream, query } => {
                json!({"entries": shared.history(access, &stream, &query).await?})
            }
            Request::Inbox { limit } => {
                let (items, unread) = shared.inbox(access, self.user()?, limit).await?;
                json!({"items": items, "unread": unread})
            }
            Request::Read { marking } => {
                let (marked, unread) = shared.mark(access, self.user()?, &marking).await?;
                json!({"marked": marked, "unread": unread})
            }
        })
    }

    fn user(&self) -> Result<&str, Refused> {
        let text = "the token names no user, so there is no inbox";
        self.access.user.as_deref().ok_or_else(|| Refused::new(StatusCode::FORBIDDEN, text))
    }

    /// Does everything for a subscription but to begin it.
    async fn prepare(
        &self,
        target: &Target,
        after: Option<EntryId>,
        presence: bool,
    ) -> Result<(Value, Held), Refused> {
        if self.held.contains_key(target) {
            let text = "this is subscribed to already";
            return Err(Refused::new(StatusCode::CONFLICT, text));
        }
        if self.held.len() >= self.shared.limits.subscriptions {
            let text = "this socket has as many subscriptions as it may have";
            return Err(Refused::new(StatusCode::TOO_MANY_REQUESTS, text));
        }
        match target {
            Target::Channel(channel) => self.prepare_channel(channel, presence).await,
            Target::Stream(stream) => {
                self.shared.check(&self.access, Deed::Read(stream))?;
                let source = Source::Stream(Arc::clone(stream));
                let start = after.map_or(Start::Now, Start::After);
                let following = self.shared.follow(source, start, Marks::default()).await?;
                Ok((place_of(&following), Held::Stream(following)))
            }
            Target::Inbox(_) => {
                let user = self.user()?;
                self.shared.check(&self.access, Deed::Notifications(user))?;
                let marks = self.shared.marks(user).await?;
                let start = Start::After(after.unwrap_or(marks.up_to));
                let listening = self
                    .shared
                    .listen_to(&[marks_channel(user)], Form::Marks, &self.outbox)
                    .await?;
                let following = self.shared.follow(inbox_source(user), start, marks).await?;
                Ok((place_of(&following), Held::Inbox(following, listening)))
            }
        }
    }

    async fn prepare_channel(
        &self,
        channel: &Arc<str>,
        presence: bool,
    ) -> Result<(Value, Held), Refused> {
        self.shared.check(&self.access, Deed::Subscribe(channel))?;
        let listening =
            self.shared.listen_to(std::slice::from_ref(channel), Form::Json, &self.outbox).await?;
        let watcher = presence.then_some((Form::Json, &self.outbox));
        let user = self.access.user.as_ref();
        let attendance = self.shared.presence.attend(channel, user, watcher);
        let content = if presence { json!(self.shared.presence.of(channel)) } else { json!({}) };
        Ok((content, Held::Channel(listening, attendance)))
    }
}

/// Says behind which entry a subscription begins, and whether that is where it was asked to.
pub(crate) fn place_of(following: &Following) -> Value {
    json!({"after": following.after, "gap": following.gap})
}

impl Shared {
    /// Follows a stream, if the backend answers within the time that a client may be kept waiting.
    pub(crate) async fn follow(
        &self,
        source: Source,
        start: Start,
        marks: Marks,
    ) -> Result<Following, Refused> {
        if self.feeds.len() >= self.limits.streams {
            let text = "as many streams are followed as may be at a time";
            return Err(Refused::new(StatusCode::TOO_MANY_REQUESTS, text));
        }
        soon(self.feeds.follow(source, start, marks)).await
    }

    /// Listens to channels as one, if the backend answers within the time that a client may be kept waiting.
    pub(crate) async fn listen_to(
        &self,
        channels: &[Arc<str>],
        form: Form,
        outbox: &Arc<Outbox>,
    ) -> Result<Listening, Refused> {
        soon(self.hub.listen(channels, form, outbox)).await
    }
}

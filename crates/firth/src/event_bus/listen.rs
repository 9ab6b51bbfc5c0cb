//! What is heard on the bus, as a stream.

use std::future::IntoFuture;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, Stream, StreamExt as _};
use serde::de::DeserializeOwned;

use crate::backend::{Backend, Gap, Inbox, Message, QueueLimits, Received, Subscription, Topic};
use crate::{Error, payload};

/// Something that is heard on the bus.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Heard<E> {
    /// An event.
    Event(Published<E>),
    /// A message that is not an event of this type.
    Malformed(Malformed),
    /// Events may have been missed between what came before and what comes next.
    Gap(Gap),
}

/// An event as it was published.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published<E> {
    /// The channel.
    pub channel: Arc<str>,
    /// The event.
    pub event: E,
}

/// A message that is not an event of the type that was asked for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Malformed {
    /// The channel.
    pub channel: Arc<str>,
    /// What was published.
    pub payload: Bytes,
    /// What is wrong with it.
    pub error: Error,
}

/// A wish to listen: `.await` begins it.
#[must_use = "nothing is heard before it is awaited"]
pub struct Listen<E> {
    backend: Arc<dyn Backend>,
    topics: Vec<Topic>,
    limits: QueueLimits,
    event: PhantomData<fn() -> E>,
}

/// What is heard, as a stream. It ends when the broker is closed, or when its queue is full and that is what was asked
/// for. Dropping it ends the subscription.
#[derive(Debug)]
#[must_use = "dropping it ends the subscription"]
pub struct Listener<E> {
    subscription: Subscription,
    event: PhantomData<fn() -> E>,
}

impl<E> Listen<E> {
    pub(crate) fn new(backend: Arc<dyn Backend>, topics: Vec<Topic>) -> Self {
        Listen { backend, topics, limits: QueueLimits::default(), event: PhantomData }
    }

    /// Listens to another channel or pattern as well.
    pub fn and(mut self, topic: Topic) -> Self {
        self.topics.push(topic);
        self
    }

    /// Sets how much is kept while nobody takes it, and what happens to what is too much.
    pub fn queue(mut self, limits: QueueLimits) -> Self {
        self.limits = limits;
        self
    }

    pub(super) fn topics(&self) -> &[Topic] {
        &self.topics
    }
}

impl<E: DeserializeOwned + 'static> IntoFuture for Listen<E> {
    type Output = Result<Listener<E>, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        async move {
            let subscription = self.backend.subscribe(self.topics, Inbox::new(self.limits)).await?;
            Ok(Listener { subscription, event: PhantomData })
        }
        .boxed()
    }
}

impl<E: DeserializeOwned> Stream for Listener<E> {
    type Item = Heard<E>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(ready!(self.subscription.poll_next_unpin(cx)).map(Heard::of))
    }
}

impl<E: DeserializeOwned> Heard<E> {
    fn of(received: Received) -> Self {
        match received {
            Received::Message(Message { channel, payload, .. }) => {
                match payload::from_json(&payload) {
                    Ok(event) => Heard::Event(Published { channel, event }),
                    Err(error) => Heard::Malformed(Malformed { channel, payload, error }),
                }
            }
            Received::Gap(gap) => Heard::Gap(gap),
        }
    }
}

impl<E> std::fmt::Debug for Listen<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listen").field("topics", &self.topics).finish_non_exhaustive()
    }
}

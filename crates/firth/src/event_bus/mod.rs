//! An event bus: whoever listens now hears of what happens now.
//!
//! Events are published on channels, as JSON. Nothing is kept: who does not listen at that moment, or is cut
//! off, has missed it. Being cut off is noticed, and told as a [`Gap`](crate::backend::Gap), once the connection is
//! there again. What must not be missed belongs into a stream.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use firth::Broker;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! #[serde(tag = "type", rename_all = "camelCase")]
//! enum OrderEvent {
//!     #[serde(rename_all = "camelCase")]
//!     Created { order_id: String },
//! }
//!
//! let broker = Broker::connect("memory:").await?;
//! let bus = broker.event_bus();
//!
//! let (heard, mut orders) = tokio::sync::mpsc::channel(1);
//! let subscription = bus
//!     .subscribe("orders", move |OrderEvent::Created { order_id }| {
//!         let heard = heard.clone();
//!         async move { heard.send(order_id).await }
//!     })
//!     .await?;
//!
//! let receivers = bus.publish("orders", &OrderEvent::Created { order_id: "123".into() }).await?;
//! assert_eq!(receivers, 1);
//! assert_eq!(orders.recv().await.as_deref(), Some("123"));
//! subscription.unsubscribe().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Handlers
//!
//! Each handler has a queue of its own with a bound and a policy ([`Subscribe::queue`]), and handles one event after the
//! other. One that fails, panics or is slow disturbs no other; it is logged and counted
//! ([`BusSubscription::counts`]). All handlers of a broker share one connection to the server.
//!
//! Whoever would rather have a stream than a handler uses [`EventBus::listen`].

mod handler;
mod listen;

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backend::{Backend, Topic};
use crate::{Broker, Error, payload};

pub use handler::{BusSubscription, Counts, Handled, Subscribe};
pub use listen::{Heard, Listen, Listener, Malformed, Published};

/// A bus for events. Cloning it is cheap; see the [module](self).
#[derive(Clone, Debug)]
pub struct EventBus {
    backend: Arc<dyn Backend>,
}

impl Broker {
    /// Returns the event bus.
    pub fn event_bus(&self) -> EventBus {
        EventBus { backend: Arc::clone(self.backend()) }
    }
}

impl EventBus {
    /// Publishes an event. Returns how many connections it went to: all handlers of one process that listen to
    /// the channel count as one, and once more for each pattern that matches. On a Cluster only those are counted
    /// that are connected to the node of the channel.
    ///
    /// # Errors
    /// [`Error::Payload`] if the event cannot be written as JSON, or why it could not be published. If the
    /// connection breaks, the event may have been published; it is not published again.
    pub async fn publish(
        &self,
        channel: &str,
        event: &(impl Serialize + ?Sized),
    ) -> Result<u64, Error> {
        self.backend.publish(channel.into(), payload::to_json(event)?).await
    }

    /// Lets a handler have the events of a channel. `.await` the answer to begin.
    ///
    /// What is published after that has been answered is heard. A handler answers nothing, or a `Result` whose error
    /// is logged and counted. It is called for one event after the other, in their order.
    pub fn subscribe<E, F>(
        &self,
        channel: &str,
        handler: impl Fn(E) -> F + Send + Sync + 'static,
    ) -> Subscribe<E>
    where
        E: DeserializeOwned + Send + 'static,
        F: Future<Output: Handled> + Send + 'static,
    {
        let topic = Topic::Channel(channel.into());
        Subscribe::new(self.listen(topic), move |published: Published<E>| handler(published.event))
    }

    /// Lets a handler have the events of all channels whose names match a pattern, with the names. `.await` the
    /// answer to begin. In a pattern, `*` stands for any text, `?` for any character, and `[ab]` for one of those.
    pub fn subscribe_pattern<E, F>(
        &self,
        pattern: &str,
        handler: impl Fn(Published<E>) -> F + Send + Sync + 'static,
    ) -> Subscribe<E>
    where
        E: DeserializeOwned + Send + 'static,
        F: Future<Output: Handled> + Send + 'static,
    {
        Subscribe::new(self.listen(Topic::Pattern(pattern.into())), handler)
    }

    /// Returns all that is heard on a channel or a pattern, as a stream. `.await` the answer to begin.
    pub fn listen<E: DeserializeOwned>(&self, topic: Topic) -> Listen<E> {
        Listen::new(Arc::clone(&self.backend), vec![topic])
    }
}

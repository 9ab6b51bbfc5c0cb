//! Notifications to users: live, and kept in an inbox.
//!
//! Live ones are published on `notifications:<user>`, or to everybody on `notifications:broadcast`, as JSON. Who is
//! not there misses them.
//!
//! An [`Inbox`] keeps the newest notifications of one user in a stream, knows which have been read, and lets a device
//! that was away go on behind the last one that it has. What is delivered to an inbox is published live as well.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use firth::Broker;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! struct Notification {
//!     text: String,
//! }
//!
//! let broker = Broker::connect("memory:").await?;
//! let notifications = broker.notifications();
//!
//! let inbox = notifications.inbox::<Notification>("user-1")?;
//! let id = inbox.deliver(&Notification { text: "Your parcel has left".into() }).await?;
//! inbox.deliver(&Notification { text: "Your parcel is here".into() }).await?;
//! assert_eq!(inbox.unread().await?, 2);
//! inbox.mark_read(&[id]).await?;
//! assert_eq!(inbox.unread().await?, 1);
//!
//! let newest = inbox.newest(10).await?;
//! assert_eq!(newest[0].content.as_ref().unwrap().text, "Your parcel is here");
//! assert!(newest[1].is_read);
//! # Ok(())
//! # }
//! ```

mod inbox;
mod marks;

use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backend::{Backend, Topic};
use crate::event_bus::Listen;
use crate::{Broker, Error, Refusal, payload};

pub use inbox::{Followed, Inbox, InboxItem};
pub use marks::Marks;

const BROADCAST: &str = "broadcast";

/// Notifications to users. Cloning it is cheap; see the [module](self).
#[derive(Clone, Debug)]
pub struct Notifications {
    backend: Arc<dyn Backend>,
}

impl Broker {
    /// Returns the notifications.
    pub fn notifications(&self) -> Notifications {
        Notifications { backend: Arc::clone(self.backend()) }
    }
}

impl Notifications {
    /// Notifies a user, live. Returns how many connections it went to, as
    /// [`EventBus::publish`](crate::event_bus::EventBus::publish) does.
    ///
    /// # Errors
    /// The notification cannot be written as JSON, there can be no user of this name, or it could not be published.
    pub async fn notify(
        &self,
        user: &str,
        notification: &(impl Serialize + ?Sized),
    ) -> Result<u64, Error> {
        let json = payload::to_json(notification)?;
        self.backend.publish(channel(user)?, json).await
    }

    /// Notifies everybody who is there. Returns how many connections it went to.
    ///
    /// # Errors
    /// The notification cannot be written as JSON, or it could not be published.
    pub async fn broadcast(&self, notification: &(impl Serialize + ?Sized)) -> Result<u64, Error> {
        let json = payload::to_json(notification)?;
        self.backend.publish(broadcast(), json).await
    }

    /// Listens to what a user is notified of, and to what everybody is; the channel of each tells which.
    /// `.await` the answer to begin.
    ///
    /// # Errors
    /// There can be no user of this name.
    pub fn listen<N: DeserializeOwned>(&self, user: &str) -> Result<Listen<N>, Error> {
        let topics = vec![Topic::Channel(channel(user)?), Topic::Channel(broadcast())];
        Ok(Listen::new(Arc::clone(&self.backend), topics))
    }

    /// Returns the inbox of a user, for notifications of this type. Nothing is sent, and it need not be there.
    ///
    /// # Errors
    /// There can be no user of this name.
    pub fn inbox<N>(&self, user: &str) -> Result<Inbox<N>, Error> {
        Ok(Inbox::new(Arc::clone(&self.backend), channel(user)?, PhantomData))
    }
}

/// Returns the channel of a user.
fn channel(user: &str) -> Result<Arc<str>, Error> {
    match user {
        BROADCAST => Err(Refusal::Malformed("a user cannot be named `broadcast`").into()),
        _ => Ok(format!("notifications:{user}").into()),
    }
}

fn broadcast() -> Arc<str> {
    format!("notifications:{BROADCAST}").into()
}

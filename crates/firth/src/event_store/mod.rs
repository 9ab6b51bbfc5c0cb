//! An event store: what has happened to each thing, for ever and in order.
//!
//! Events belong to aggregates, the things that they happen to. All events of a store are one stream, in the
//! order in which they happened, and an index beside it knows where the events of each aggregate are.
//!
//! - [`append`](EventStore::append) says what the aggregate must be like. If somebody else was faster, nothing is
//!   appended and the error is a [`Conflict`](AppendError::Conflict). The events of one append, and their places in
//!   the index, are there together or not at all.
//! - [`by_aggregate`](EventStore::by_aggregate) takes time by what it returns, not by the size of the store.
//! - [`since`](EventStore::since) and [`follow`](EventStore::follow) read the events of all aggregates.
//! - A [`Projection`] computes something of all events and remembers how far it is.
//! - [Snapshots](EventStore::load) spare reading the events of long ago.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use firth::Broker;
//! use firth::event_store::{AppendError, Expected};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! #[serde(tag = "type", content = "data")]
//! enum OrderEvent {
//!     OrderCreated { total: u32 },
//!     ItemAdded { product: String, quantity: u32 },
//! }
//!
//! let broker = Broker::connect("memory:").await?;
//! let store = broker.event_store("domain-events");
//!
//! let created = [OrderEvent::OrderCreated { total: 0 }];
//! let appended = store.append("order-123", Expected::New, &created).correlation("request-7").await?;
//! assert_eq!(appended.version, 1);
//!
//! let added = [OrderEvent::ItemAdded { product: "prod-1".to_owned(), quantity: 2 }];
//! store.append("order-123", Expected::Version(1), &added).await?;
//! match store.append("order-123", Expected::Version(1), &added).await {
//!     Err(AppendError::Conflict { actual, .. }) => assert_eq!(actual, 2),
//!     other => panic!("{other:?}"),
//! }
//!
//! for event in store.by_aggregate("order-123").await? {
//!     match event.decode()? {
//!         OrderEvent::OrderCreated { total } => println!("created with {total}"),
//!         OrderEvent::ItemAdded { product, quantity } => println!("{quantity} of {product}"),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Beside the document's class
//!
//! The fields are those of the document's `EventStore`, so both can work on the same stream. It appends without a
//! look at versions, and knows no index: events that it has appended are put into the index by the next read or append of
//! this crate that needs it. It also trims the stream to about a million events, which this crate never does; an
//! aggregate that has lost events by that is a [`ReadError::Gone`].

mod append;
mod event;
mod index;
mod projection;
mod read;
mod snapshot;
mod writer;

use std::sync::Arc;

use futures_util::{Stream, StreamExt as _};
use serde::Serialize;

use self::event::Draft;
use self::index::Index;
use self::writer::Writer;
use crate::backend::Backend;
use crate::tail::tail;
use crate::{Broker, EntryId, Error};

pub use append::{AppendError, AppendEvents, Appended, Expected};
pub use event::{Metadata, NewEvent, StoredEvent};
pub use projection::{Projection, ProjectionError};
pub use read::{ReadAggregate, ReadError, ReadSince};
pub use snapshot::{Saved, Snapshot};

/// A store of events. Cloning it is cheap, and clones append together; see the [module](self).
#[derive(Clone, Debug)]
pub struct EventStore {
    writer: Arc<Writer>,
}

impl Broker {
    /// Returns the event store on a stream. Nothing is sent, and the stream need not be there.
    ///
    /// Tasks that append to the same store had better share one handle: then they append together, instead
    /// of making each other try again.
    pub fn event_store(&self, stream: &str) -> EventStore {
        let index = Index::new(Arc::clone(self.backend()), stream.into());
        EventStore { writer: Arc::new(Writer::new(index)) }
    }
}

impl EventStore {
    /// Appends events to an aggregate, if it is as expected. `.await` the answer to do it.
    ///
    /// Each event must be serialized as an object of `type` and `data`, as an enum with
    /// `#[serde(tag = "type", content = "data")]` is, or be a [`NewEvent`].
    ///
    /// If the connection breaks while this goes on, it finds out whether the events were appended, and appends
    /// them if not. Only when that is not possible within a while, the error says that they may be there.
    pub fn append<E: Serialize>(
        &self,
        aggregate: &str,
        expected: Expected,
        events: &[E],
    ) -> AppendEvents {
        let drafts = events.iter().map(Draft::of).collect();
        AppendEvents::new(Arc::clone(&self.writer), aggregate.into(), expected, drafts)
    }

    /// Reads the events of an aggregate, the first one first. `.await` the answer to do it.
    pub fn by_aggregate(&self, aggregate: &str) -> ReadAggregate {
        ReadAggregate::new(Arc::clone(&self.writer), aggregate.into())
    }

    /// Reads the events of all aggregates behind an id, in their order. `.await` the answer to do it.
    pub fn since(&self, id: EntryId) -> ReadSince {
        ReadSince::new(Arc::clone(&self.writer), id)
    }

    /// Returns all events behind an id, those that are still to come included. Broken connections are waited
    /// out; another error is the last item.
    pub fn follow(
        &self,
        after: EntryId,
    ) -> impl Stream<Item = Result<StoredEvent, Error>> + Send + Unpin + 'static {
        let entries = tail(Arc::clone(self.backend()), Arc::clone(self.stream()), after);
        entries.map(|entry| entry.map(|entry| StoredEvent::read(&entry)))
    }

    /// Returns the projection of this name.
    pub fn projection(&self, name: &str) -> Projection {
        Projection::new(Arc::clone(&self.writer), name)
    }

    /// Returns the name of the stream.
    pub fn stream(&self) -> &Arc<str> {
        self.writer.index().stream()
    }

    fn backend(&self) -> &Arc<dyn Backend> {
        self.writer.index().backend()
    }
}

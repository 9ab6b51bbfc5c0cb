//! Streams of typed values.

mod append;
mod range;
mod tail;

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backend::{
    Backend, Batch, ConsumerInfo, Exactness, Fields, Inspected, Inspection, Keep, Outcome,
    Retention, StreamInfo, Trim, Write,
};
use crate::format::Format;
use crate::{Broker, EntryId, Error};

pub use append::AppendRequest;
pub use range::RangeRequest;
pub use tail::{Tail, TailStart};

/// A stream of values: an append-only log on which every entry has an id.
///
/// A value is kept as JSON in one field, `payload`; see [`flat`](Stream::flat) and
/// [`Broker::raw_stream`] for other forms. An entry that does not stand for a value, because somebody
/// else has written it, is handed over [as it is](crate::Unreadable) and stops nothing.
///
/// A stream is created with its first entry. Handles are cheap to clone. Every method may be
/// dropped at any time, which may leave an append done or not done.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), firth::Error> {
/// use firth::{Broker, approx};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Order { item: String, amount: u32 }
///
/// let broker = Broker::connect("memory:").await?;
/// let orders = broker.stream::<Order>("orders");
/// let id = orders.append(&Order { item: "tea".into(), amount: 2 }).maxlen(approx(10_000)).await?;
///
/// let items = orders.range(..).limit(10).await?;
/// assert_eq!(items[0].id, id);
/// assert_eq!(items[0].value.as_ref().unwrap().item, "tea");
/// # Ok(())
/// # }
/// ```
pub struct Stream<T> {
    pub(crate) broker: Broker,
    pub(crate) name: Arc<str>,
    pub(crate) format: Format<T>,
}

/// How many entries a stream keeps, or from which id on, and how close a trim has to come to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound<B> {
    pub(crate) bound: B,
    pub(crate) exactness: Exactness,
}

/// Returns a bound that is kept to the entry, which costs more than [`approx`].
pub fn exact<B>(bound: B) -> Bound<B> {
    Bound { bound, exactness: Exactness::Exact }
}

/// Returns a bound beyond which a few more entries may stay: up to about a hundred.
pub fn approx<B>(bound: B) -> Bound<B> {
    Bound { bound, exactness: Exactness::Approximate }
}

impl Bound<u64> {
    pub(crate) fn newest(self) -> Trim {
        Trim { keep: Keep::Newest(self.bound), exactness: self.exactness }
    }
}

impl Bound<EntryId> {
    pub(crate) fn since(self) -> Trim {
        Trim { keep: Keep::From(self.bound), exactness: self.exactness }
    }
}

impl Broker {
    /// Returns a handle on a stream whose entries keep a value as JSON in the field `payload`.
    pub fn stream<T: Serialize + DeserializeOwned>(&self, name: impl Into<Arc<str>>) -> Stream<T> {
        Stream { broker: self.clone(), name: name.into(), format: Format::json() }
    }

    /// Returns a handle on a stream whose entries are taken as they are.
    pub fn raw_stream(&self, name: impl Into<Arc<str>>) -> Stream<Fields> {
        Stream { broker: self.clone(), name: name.into(), format: Format::raw() }
    }
}

impl<T: Serialize + DeserializeOwned> Stream<T> {
    /// Returns a handle whose entries have a field for each member of a value, which is what
    /// `XADD events * type purchase userId 123` writes.
    ///
    /// Members are texts; numbers, booleans and nested values are written as JSON and read by what
    /// the type expects; absent members are left out. The value must have named members.
    #[must_use]
    pub fn flat(mut self) -> Self {
        self.format = Format::flat();
        self
    }
}

impl<T> Stream<T> {
    /// Returns the name of the stream.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(crate) fn backend(&self) -> &Arc<dyn Backend> {
        self.broker.backend()
    }

    /// Returns how many entries there are; a stream that is not there has none.
    ///
    /// # Errors
    /// Those of the backend.
    pub async fn length(&self) -> Result<u64, Error> {
        Ok(self.info().await?.map_or(0, |info| info.len))
    }

    /// Returns what is known of the stream and its groups; `None` if there is no such stream.
    ///
    /// # Errors
    /// Those of the backend.
    pub async fn info(&self) -> Result<Option<StreamInfo>, Error> {
        self.backend().stream_info(Arc::clone(&self.name)).await
    }

    /// Returns the consumers of a group.
    ///
    /// # Errors
    /// There is no such group ([`Refusal::NoGroup`](crate::Refusal::NoGroup)).
    pub async fn consumers(&self, group: impl Into<Arc<str>>) -> Result<Vec<ConsumerInfo>, Error> {
        self.backend().consumers(Arc::clone(&self.name), group.into()).await
    }

    /// Keeps so many entries, the newest; returns how many went.
    ///
    /// # Errors
    /// Those of the backend.
    pub async fn trim_to_len(&self, len: Bound<u64>) -> Result<u64, Error> {
        self.trim(len.newest()).await
    }

    /// Keeps the entries from this id on; returns how many went.
    ///
    /// # Errors
    /// Those of the backend.
    pub async fn trim_before(&self, id: Bound<EntryId>) -> Result<u64, Error> {
        self.trim(id.since()).await
    }

    async fn trim(&self, trim: Trim) -> Result<u64, Error> {
        self.counted(Write::Trim { stream: Arc::clone(&self.name), trim }).await
    }

    /// Sets what the stream retains by itself from now on, in place of what was set before; without a
    /// limit, everything stays. The stream is created if need be. Needs
    /// [`Feature::Retention`](crate::backend::Feature::Retention): on Redis and Valkey,
    /// [`maxlen`](AppendRequest::maxlen) with each append comes closest.
    ///
    /// # Errors
    /// The backend cannot do it ([`Error::Unsupported`]), or those of the backend.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), firth::Error> {
    /// use std::time::Duration;
    /// use firth::Broker;
    /// use firth::backend::Retention;
    ///
    /// let broker = Broker::connect("memory:").await?;
    /// let clicks = broker.stream::<String>("clicks");
    /// let policy = Retention::unlimited().age(Duration::from_secs(86_400)).entries(1_000_000);
    /// clicks.retain(policy).await?;
    /// assert_eq!(clicks.retention().await?, Some(policy));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn retain(&self, retention: Retention) -> Result<(), Error> {
        let write = Write::Retain { stream: Arc::clone(&self.name), retention };
        self.backend().write(Batch::of(write)).await.map(drop)
    }

    /// Returns what the stream retains by itself; `None` if no policy was set, or if there is no such
    /// stream.
    ///
    /// # Errors
    /// Those of the backend.
    pub async fn retention(&self) -> Result<Option<Retention>, Error> {
        let inspection = Inspection::Retention(Arc::clone(&self.name));
        match self.backend().inspect(inspection).await? {
            Inspected::Retention(retention) => Ok(retention),
            _ => Ok(None),
        }
    }

    /// Removes entries; returns how many of them were there.
    ///
    /// # Errors
    /// Those of the backend.
    pub async fn delete(&self, ids: impl IntoIterator<Item = EntryId>) -> Result<u64, Error> {
        let ids = ids.into_iter().collect();
        self.counted(Write::Delete { stream: Arc::clone(&self.name), ids }).await
    }

    async fn counted(&self, write: Write) -> Result<u64, Error> {
        match self.backend().write(Batch::of(write)).await?.first() {
            Some(Outcome::Count(count)) => Ok(*count),
            _ => Ok(0),
        }
    }
}

impl<T> Clone for Stream<T> {
    fn clone(&self) -> Self {
        let (broker, name) = (self.broker.clone(), Arc::clone(&self.name));
        Stream { broker, name, format: self.format }
    }
}

impl<T> fmt::Debug for Stream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("name", &self.name).finish_non_exhaustive()
    }
}

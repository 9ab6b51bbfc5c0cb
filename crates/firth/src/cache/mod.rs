//! Caches in the process, invalidated by messages.
//!
//! Whoever changes what others may have cached says so on the channel `cache:invalidate`, and every [`Cache`] that
//! listens drops it: by key, by a pattern of keys, or by a tag. The messages are those of the document's TypeScript
//! class, so that both share the channel; tags are ours, and that class passes over them.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::io;
//! use firth::Broker;
//!
//! let broker = Broker::connect("memory:").await?;
//! let cache = broker.cache::<String>().capacity(10_000).await?;
//!
//! let load = || async { Ok::<_, io::Error>("Ada".to_owned()) };
//! assert_eq!(cache.get_or_load("user:1:name", load).await?, "Ada");
//! assert!(cache.get("user:1:name").is_some());
//!
//! // The row has been changed, by whomever.
//! cache.invalidate_pattern("user:1:*").await?;
//! assert!(cache.get("user:1:name").is_none());
//! # Ok(())
//! # }
//! ```
//!
//! # What can be stale, and for how long
//!
//! - Invalidate *after* the change is visible to those who load.
//! - A load that was under way when its invalidation came does not leave its value in the cache; those who were
//!   waiting for it already get that value, once.
//! - Messages travel: until one arrives, the old value is served. The cache that has published one obeys it at once,
//!   and again when it hears it.
//! - When messages may have been missed, since the connection was lost or the queue was full, everything is dropped;
//!   also when a message cannot be read, since it may be about anything.
//!   The loss of a connection may be noticed only after some seconds, and until it is restored values are served
//!   as they are. The time to live is the bound on that; choose it so.
//!
//! A server's own tracking of clients (CLIENT TRACKING) is not used: a cache here is told by whoever makes a change.
//!
//! Nothing of a cache survives the process.

mod counters;
mod index;
mod message;
mod store;

use std::error::Error as StdError;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};

use self::message::Invalidation;
use self::store::{Clearing, Store};
use crate::backend::{Backend, Inbox, QueueLimits, Received, Subscription, Topic};
use crate::{Broker, Error};

pub use counters::CacheStats;

/// Where invalidations are published.
const CHANNEL: &str = "cache:invalidate";

/// A cache of values by key, with a bound on how many and how long. See the [module](self).
///
/// Clones are one cache; it stops listening when the last one is dropped. When the broker is closed, the cache is
/// cleared and keeps nothing any more, but goes on to load.
#[derive(Debug)]
pub struct Cache<V> {
    store: Arc<Store<V>>,
    invalidator: Invalidator,
    _listening: Arc<Listening>,
}

/// Says what caches are to drop. Cloning it is cheap.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), firth::Error> {
/// # let broker = firth::Broker::connect("memory:").await?;
/// let invalidator = broker.invalidator();
/// invalidator.keys(["user:1", "user:2"]).await?;
/// invalidator.pattern("session:*").await?;
/// invalidator.tags(["author:7"]).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Invalidator {
    backend: Arc<dyn Backend>,
}

/// A wish for a cache: `.await` makes it, and it listens from then on.
#[must_use = "there is no cache before it is awaited"]
pub struct CacheRequest<V> {
    backend: Arc<dyn Backend>,
    capacity: u64,
    ttl: Duration,
    queue: QueueLimits,
    value: PhantomData<fn() -> V>,
}

/// A loaded value with its tags, by which it can be dropped.
///
/// ```
/// use firth::cache::Tagged;
///
/// let article = Tagged::new("...".to_owned()).tag("author:7").tag("front-page");
/// assert_eq!(article.tags().count(), 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tagged<V> {
    value: V,
    tags: Vec<Arc<str>>,
}

/// Why a value could not be loaded; all who waited for it get the same.
#[derive(Clone, Debug)]
pub struct LoadError(Arc<dyn StdError + Send + Sync>);

/// The task that listens. It ends with this.
#[derive(Debug)]
struct Listening(tokio::task::AbortHandle);

impl Broker {
    /// Returns a wish for a cache of at most 10,000 values, each for at most five minutes; `.await` makes it.
    pub fn cache<V: Clone + Send + Sync + 'static>(&self) -> CacheRequest<V> {
        CacheRequest {
            backend: Arc::clone(self.backend()),
            capacity: 10_000,
            ttl: Duration::from_secs(300),
            queue: QueueLimits::default(),
            value: PhantomData,
        }
    }

    /// Returns what tells caches what to drop, for those who have no cache themselves.
    pub fn invalidator(&self) -> Invalidator {
        Invalidator { backend: Arc::clone(self.backend()) }
    }
}

impl<V> CacheRequest<V> {
    /// Sets the most values. Beyond that, those go that are used least.
    pub fn capacity(mut self, capacity: u64) -> Self {
        self.capacity = capacity;
        self
    }

    /// Sets how long a value is kept at most, up to a thousand years.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl.min(Duration::from_secs(1000 * 365 * 24 * 3600));
        self
    }

    /// Sets how many invalidations may wait to be obeyed. Beyond that, the cache is cleared.
    pub fn queue(mut self, messages: usize) -> Self {
        self.queue.messages = messages;
        self
    }
}

impl<V: Clone + Send + Sync + 'static> IntoFuture for CacheRequest<V> {
    type Output = Result<Cache<V>, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    /// # Errors
    /// It cannot be listened to the channel.
    fn into_future(self) -> Self::IntoFuture {
        async move {
            let topics = vec![Topic::Channel(CHANNEL.into())];
            let subscription = self.backend.subscribe(topics, Inbox::new(self.queue)).await?;
            let store = Arc::new(Store::new(self.capacity, self.ttl));
            let task = tokio::spawn(obey(Arc::clone(&store), subscription));
            let listening = Arc::new(Listening(task.abort_handle()));
            let invalidator = Invalidator { backend: self.backend };
            Ok(Cache { store, invalidator, _listening: listening })
        }
        .boxed()
    }
}

/// Does what messages say, until the broker is closed.
async fn obey<V>(store: Arc<Store<V>>, mut messages: Subscription)
where
    V: Clone + Send + Sync + 'static,
{
    while let Some(received) = messages.next().await {
        match received {
            Received::Gap(gap) => {
                tracing::debug!(?gap, "clearing a cache");
                store.clear(Clearing::Gap);
            }
            Received::Message(message) => match Invalidation::from_json(&message.payload) {
                Some(what) => store.invalidate(&what),
                None => {
                    tracing::warn!("clearing a cache: an invalidation cannot be read");
                    store.clear(Clearing::Malformed);
                }
            },
        }
    }
    store.end();
}

impl<V: Clone + Send + Sync + 'static> Cache<V> {
    /// Returns a value that is there.
    pub fn get(&self, key: &str) -> Option<V> {
        self.store.get(key)
    }

    /// Returns a value that is there, or loads it. Those who want the same key meanwhile wait for the same load.
    ///
    /// Cancel-safe: if who loads goes away, one of those who wait runs its own loader.
    ///
    /// # Errors
    /// The loader fails. Nothing is kept then, and who comes next tries again.
    pub async fn get_or_load<F, E>(
        &self,
        key: &str,
        loader: impl FnOnce() -> F,
    ) -> Result<V, LoadError>
    where
        F: Future<Output = Result<V, E>>,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        self.get_or_load_tagged(key, || loader().map(|loaded| loaded.map(Tagged::new))).await
    }

    /// Returns a value that is there, or loads it together with its tags; else like
    /// [`get_or_load`](Cache::get_or_load).
    ///
    /// # Errors
    /// The loader fails.
    pub async fn get_or_load_tagged<F, E>(
        &self,
        key: &str,
        loader: impl FnOnce() -> F,
    ) -> Result<V, LoadError>
    where
        F: Future<Output = Result<Tagged<V>, E>>,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        let shared = |error: E| LoadError(Arc::from(error.into()));
        self.store.get_or_load(key, || loader().map(|loaded| loaded.map_err(shared))).await
    }

    /// Drops keys, here at once and then wherever it is listened. Returns how many connections were told, as
    /// [`EventBus::publish`](crate::event_bus::EventBus::publish) does.
    ///
    /// # Errors
    /// The others could not be told; it is worth trying again.
    pub async fn invalidate<K: Into<String>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<u64, Error> {
        self.drop_everywhere(Invalidation::of_keys(keys)).await
    }

    /// Drops all keys that match a pattern: `*` stands for any text, `?` for any character, `[ab]` for one of those.
    /// It costs a look at every key that is held.
    ///
    /// # Errors
    /// As for [`invalidate`](Cache::invalidate).
    pub async fn invalidate_pattern(&self, pattern: &str) -> Result<u64, Error> {
        self.drop_everywhere(Invalidation::of_pattern(pattern)).await
    }

    /// Drops all values that have one of these tags. It costs a look at every value that is held.
    ///
    /// # Errors
    /// As for [`invalidate`](Cache::invalidate).
    pub async fn invalidate_tags<T: Into<String>>(
        &self,
        tags: impl IntoIterator<Item = T>,
    ) -> Result<u64, Error> {
        self.drop_everywhere(Invalidation::of_tags(tags)).await
    }

    async fn drop_everywhere(&self, what: Invalidation) -> Result<u64, Error> {
        self.store.invalidate(&what);
        self.invalidator.publish(&what).await
    }

    /// Drops everything here, and tells nobody. It is not counted as an invalidation, but as a clearing.
    pub fn clear(&self) {
        self.store.clear(Clearing::Wished);
    }

    /// Returns what the cache has done so far.
    pub fn stats(&self) -> CacheStats {
        self.store.counters.read(self.store.len())
    }
}

impl Invalidator {
    /// Lets caches drop keys. Returns how many connections were told.
    ///
    /// # Errors
    /// It could not be published.
    pub async fn keys<K: Into<String>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<u64, Error> {
        self.publish(&Invalidation::of_keys(keys)).await
    }

    /// Lets caches drop all keys that match a pattern.
    ///
    /// # Errors
    /// It could not be published.
    pub async fn pattern(&self, pattern: &str) -> Result<u64, Error> {
        self.publish(&Invalidation::of_pattern(pattern)).await
    }

    /// Lets caches drop all values with one of these tags.
    ///
    /// # Errors
    /// It could not be published.
    pub async fn tags<T: Into<String>>(
        &self,
        tags: impl IntoIterator<Item = T>,
    ) -> Result<u64, Error> {
        self.publish(&Invalidation::of_tags(tags)).await
    }

    async fn publish(&self, what: &Invalidation) -> Result<u64, Error> {
        self.backend.publish(CHANNEL.into(), what.to_json()?).await
    }
}

impl<V> Tagged<V> {
    /// Returns a value without tags.
    pub fn new(value: V) -> Self {
        Tagged { value, tags: Vec::new() }
    }

    /// Adds a tag.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<Arc<str>>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Returns the tags.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().map(|tag| &**tag)
    }
}

impl LoadError {
    /// Returns what the loader has returned.
    pub fn reason(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.0
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the value could not be loaded: {}", self.0)
    }
}

impl StdError for LoadError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}

impl<V> Clone for Cache<V> {
    fn clone(&self) -> Self {
        Cache {
            store: Arc::clone(&self.store),
            invalidator: self.invalidator.clone(),
            _listening: Arc::clone(&self._listening),
        }
    }
}

impl<V> fmt::Debug for CacheRequest<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("CacheRequest");
        debug.field("capacity", &self.capacity).field("ttl", &self.ttl).finish_non_exhaustive()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use std::convert::Infallible;

    use super::*;
    use crate::backend::Inbox;

    #[tokio::test]
    async fn a_gap_during_a_load_wins() {
        let inbox = Inbox::new(QueueLimits::default());
        let subscription = Subscription::new(Arc::clone(&inbox), ());
        let store = Arc::new(Store::new(100, Duration::from_secs(60)));
        let obeying = tokio::spawn(obey(Arc::clone(&store), subscription));
        let old = async || {
            inbox.push_reconnected();
            while store.counters.read(0).gaps == 0 {
                tokio::task::yield_now().await;
            }
            Ok(Tagged::new("old"))
        };
        assert_eq!(store.get_or_load("k", old).await.unwrap(), "old");
        assert_eq!(store.get("k"), None);
        let new = async || Ok(Tagged::new("new"));
        assert_eq!(store.get_or_load("k", new).await.unwrap(), "new");
        assert_eq!(store.get("k"), Some("new"));
        inbox.end();
        obeying.await.unwrap();
        assert_eq!(store.get("k"), None);
    }

    #[tokio::test]
    async fn a_full_queue_clears_the_cache() {
        let broker = Broker::connect("memory:").await.unwrap();
        let cache = broker.cache::<u32>().queue(1).await.unwrap();
        let load = || async { Ok::<_, Infallible>(1) };
        cache.get_or_load("k", load).await.unwrap();
        // In this one thread, nobody obeys before all have been published.
        let invalidator = broker.invalidator();
        for _ in 0..3 {
            let told = invalidator.keys(["other"]).now_or_never();
            assert!(matches!(told, Some(Ok(1))));
        }
        while cache.stats().gaps == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!((cache.get("k"), cache.stats().cleared), (None, 1));
    }
}

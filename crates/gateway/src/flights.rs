//! Questions to the backend that are under way, and that all who have the same one share.
//!
//! When thousands of sockets come back at once, nearly all of them ask for the same entries behind the same id. They
//! are read once, and so they are made into text once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use firth::Error;
use futures_util::future::{BoxFuture, FutureExt as _, Shared, TryFutureExt as _, WeakShared};
use parking_lot::Mutex;

type Flight<V> = BoxFuture<'static, Result<Arc<V>, Error>>;

/// Questions that are under way. One that nobody waits for any more is forgotten.
pub(crate) struct Flights<K, V> {
    under_way: Mutex<HashMap<K, WeakShared<Flight<V>>>>,
}

impl<K: Clone + Eq + Hash, V: Send + Sync + 'static> Flights<K, V> {
    /// Returns the answer to a question, which may have been asked by another one a moment ago.
    ///
    /// So the answer may be as old as that; it is never older than the last moment at which nobody waited for it.
    pub(crate) async fn share<F>(&self, key: K, ask: impl FnOnce() -> F) -> Result<Arc<V>, Error>
    where
        F: Future<Output = Result<V, Error>> + Send + 'static,
    {
        let flight = self.join(&key, ask);
        let answer = flight.clone().await;
        let mut under_way = self.under_way.lock();
        let known = under_way.get(&key).and_then(WeakShared::upgrade);
        if known.is_some_and(|known| known.ptr_eq(&flight)) {
            under_way.remove(&key);
        }
        answer
    }

    fn join<F>(&self, key: &K, ask: impl FnOnce() -> F) -> Shared<Flight<V>>
    where
        F: Future<Output = Result<V, Error>> + Send + 'static,
    {
        let mut under_way = self.under_way.lock();
        if let Some(flight) = under_way.get(key).and_then(WeakShared::upgrade) {
            return flight;
        }
        under_way.retain(|_, flight| flight.upgrade().is_some());
        let flight = ask().map_ok(Arc::new).boxed().shared();
        if let Some(known) = flight.downgrade() {
            under_way.insert(key.clone(), known);
        }
        flight
    }
}

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Flights { under_way: Mutex::default() }
    }
}

impl<K, V> std::fmt::Debug for Flights<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flights").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::join_all;
    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn those_who_ask_at_the_same_time_share_an_answer() {
        let (flights, asked) = (Flights::default(), AtomicU32::new(0));
        let go = Arc::new(Notify::new());
        let ask = |key| {
            flights.share(key, || {
                let (n, go) = (asked.fetch_add(1, Ordering::Relaxed), Arc::clone(&go));
                async move {
                    go.notified().await;
                    Ok(n)
                }
            })
        };
        let answers = join_all(["a", "a", "b", "a"].map(ask));
        let (answers, ()) = tokio::join!(answers, async { go.notify_waiters() });
        assert_eq!(answers.into_iter().map(|n| *n.unwrap()).collect::<Vec<_>>(), [0, 0, 1, 0]);
        // Whoever comes later asks anew, and nothing is kept.
        go.notify_one();
        assert_eq!(*ask("a").await.unwrap(), 2);
        assert!(flights.under_way.lock().is_empty());
    }

    #[tokio::test]
    async fn whoever_gives_up_leaves_the_question_to_the_others() {
        let (flights, go) = (Arc::new(Flights::default()), Arc::new(Notify::new()));
        let ask = || {
            let (flights, go) = (Arc::clone(&flights), Arc::clone(&go));
            tokio::spawn(async move {
                let ask = async move || {
                    go.notified().await;
                    Ok(true)
                };
                flights.share((), ask).await.is_ok_and(|is_done| *is_done)
            })
        };
        let (first, second) = (ask(), ask());
        tokio::task::yield_now().await;
        first.abort();
        assert!(first.await.is_err());
        go.notify_one();
        assert!(second.await.unwrap());
    }

    #[tokio::test]
    async fn a_question_that_all_gave_up_is_asked_anew() {
        let flights = Flights::default();
        let never = flights.share(1, std::future::pending::<Result<u32, Error>>);
        assert!(never.now_or_never().is_none());
        assert_eq!(*flights.share(1, async || Ok(7)).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_failure_is_shared_and_not_kept() {
        let flights = Flights::<(), u32>::default();
        assert!(flights.share((), async || Err(Error::Closed)).await.is_err());
        assert_eq!(*flights.share((), async || Ok(7)).await.unwrap(), 7);
    }
}

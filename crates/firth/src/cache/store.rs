//! The values of a cache, and the loads that are under way.
//!
//! A load reads what may be changed meanwhile. An invalidation therefore forgets the loads that it is about before it
//! drops values, and a load that was forgotten does not leave its value behind; whoever comes later begins a new one.
//! Both happen under one lock, which hits do not take. What is held is listed in an index of our own, since patterns and
//! tags must find every value that was there before the invalidation.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use parking_lot::Mutex;

use super::counters::Counters;
use super::index::{Index, Row};
use super::message::Invalidation;
use super::{LoadError, Tagged};

/// The values of a cache, and the loads that are under way.
pub(super) struct Store<V> {
    values: Cache<Arc<str>, Held<V>>,
    /// Values of an older epoch are no longer there.
    epoch: AtomicU64,
    loading: Mutex<Loading<V>>,
    index: Arc<Index>,
    pub(super) counters: Counters,
}

#[derive(Clone)]
struct Held<V> {
    value: V,
    /// The number of its row in the index.
    number: u64,
    epoch: u64,
}

struct Loading<V> {
    loads: HashMap<Arc<str>, Table<V>>,
    keeping: Keeping,
    /// How many values have been kept so far.
    kept: u64,
}

/// A load, and how many take part in it.
struct Table<V> {
    load: Arc<Load<V>>,
    seats: usize,
}

/// Why everything is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clearing {
    /// Invalidations may have been missed.
    Gap,
    /// It cannot be known what an invalidation is about.
    Malformed,
    /// The application wishes it, or nothing more will be heard.
    Wished,
}

/// Whether what is loaded is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keeping {
    Values,
    /// Nobody would say any more when they are out of date.
    Nothing,
}

/// A load that is under way. Whoever has the turn runs the loader; the others find its result when they get the turn,
/// or run their own loader if it was given up.
struct Load<V> {
    turn: tokio::sync::Mutex<Option<Result<V, LoadError>>>,
}

impl<V: Clone + Send + Sync + 'static> Store<V> {
    pub(super) fn new(capacity: u64, ttl: Duration) -> Self {
        let index = Arc::new(Index::default());
        let values = Cache::builder()
            .max_capacity(capacity)
            .time_to_live(ttl)
            .eviction_listener({
                let index = Arc::clone(&index);
                move |key: Arc<Arc<str>>, held: Held<V>, _cause| index.remove(&key, held.number)
            })
            .build();
        let (loads, keeping) = (HashMap::new(), Keeping::Values);
        let loading = Mutex::new(Loading { loads, keeping, kept: 0 });
        let counters = Counters::default();
        Store { values, epoch: AtomicU64::new(0), loading, index, counters }
    }

    /// Returns a value that is there.
    pub(super) fn get(&self, key: &str) -> Option<V> {
        let found = self.held(key);
        let counter = if found.is_some() { &self.counters.hits } else { &self.counters.misses };
        counter.add(1);
        found
    }

    fn held(&self, key: &str) -> Option<V> {
        let held = self.values.get(key)?;
        (held.epoch == self.epoch.load(Ordering::Acquire)).then_some(held.value)
    }

    /// Returns about how many values are there.
    pub(super) fn len(&self) -> u64 {
        self.values.run_pending_tasks();
        self.values.entry_count()
    }

    /// Returns a value that is there, or loads it, once for all who want it meanwhile.
    pub(super) async fn get_or_load<F>(
        &self,
        key: &str,
        loader: impl FnOnce() -> F,
    ) -> Result<V, LoadError>
    where
        F: Future<Output = Result<Tagged<V>, LoadError>>,
    {
        if let Some(value) = self.get(key) {
            return Ok(value);
        }
        let key = Arc::from(key);
        let seat = loop {
            if let Some(seat) = self.sit_down(&key) {
                break seat;
            }
            // It has come in the meantime, and may have gone again.
            if let Some(value) = self.held(&key) {
                return Ok(value);
            }
        };
        let mut turn = seat.load.turn.lock().await;
        if let Some(result) = &*turn {
            return result.clone();
        }
        let loaded = self.load(loader).await;
        self.finish(&key, &seat.load, loaded.as_ref().ok());
        let result = loaded.map(|loaded| loaded.value);
        *turn = Some(result.clone());
        result
    }

    async fn load<F>(&self, loader: impl FnOnce() -> F) -> Result<Tagged<V>, LoadError>
    where
        F: Future<Output = Result<Tagged<V>, LoadError>>,
    {
        self.counters.loads.add(1);
        let loaded = loader().await;
        self.counters.failures.add(u64::from(loaded.is_err()));
        loaded
    }

    /// Takes part in a load; `None` if the value is there.
    fn sit_down<'s>(&'s self, key: &Arc<str>) -> Option<Seat<'s, V>> {
        let mut loading = self.loading.lock();
        if self.held(key).is_some() {
            return None;
        }
        let table = loading.loads.entry(Arc::clone(key)).or_insert_with(|| {
            let load = Load { turn: tokio::sync::Mutex::new(None) };
            Table { load: Arc::new(load), seats: 0 }
        });
        table.seats += 1;
        Some(Seat { store: self, key: Arc::clone(key), load: Arc::clone(&table.load) })
    }

    /// Keeps what was loaded, unless the load was forgotten.
    fn finish(&self, key: &Arc<str>, load: &Arc<Load<V>>, loaded: Option<&Tagged<V>>) {
        let mut loading = self.loading.lock();
        let known = loading.loads.get(key);
        let is_known = known.is_some_and(|table| Arc::ptr_eq(&table.load, load));
        if is_known {
            loading.loads.remove(key);
        }
        let Some(loaded) = loaded else { return };
        if !is_known {
            self.counters.outdated.add(1);
        } else if loading.keeping == Keeping::Values {
            loading.kept += 1;
            let (number, epoch) = (loading.kept, self.epoch.load(Ordering::Relaxed));
            self.index.insert(Arc::clone(key), Row { number, tags: loaded.tags.clone().into() });
            let held = Held { value: loaded.value.clone(), number, epoch };
            self.values.insert(Arc::clone(key), held);
        }
    }

    /// Drops what is named.
    pub(super) fn invalidate(&self, what: &Invalidation) {
        {
            let mut loading = self.loading.lock();
            // Nobody knows yet which tags a value will have that is being loaded.
            let is_kept = |key: &str| what.tags.is_none() && !what.names(key);
            match (&what.keys, what.is_of_keys_alone()) {
                (Some(keys), true) => keys.iter().for_each(|key| _ = loading.loads.remove(&**key)),
                _ => loading.loads.retain(|key, _| is_kept(key)),
            }
        }
        let mut dropped = 0;
        for key in what.keys.iter().flatten() {
            dropped += u64::from(self.values.remove(&**key).is_some());
        }
        if !what.is_of_keys_alone() {
            let is_chosen = |key: &str, tags: &[_]| what.names(key) || what.names_tag_of(tags);
            for key in self.index.choose(is_chosen) {
                dropped += u64::from(self.values.remove(&key).is_some());
            }
        }
        self.counters.invalidations.add(1);
        self.counters.dropped.add(dropped);
    }

    /// Drops everything.
    pub(super) fn clear(&self, why: Clearing) {
        self.clear_locked(&mut self.loading.lock(), why);
    }

    /// Drops everything, and keeps nothing from now on.
    pub(super) fn end(&self) {
        let mut loading = self.loading.lock();
        loading.keeping = Keeping::Nothing;
        self.clear_locked(&mut loading, Clearing::Wished);
    }

    fn clear_locked(&self, loading: &mut Loading<V>, why: Clearing) {
        loading.loads.clear();
        let cleared = self.index.clear();
        self.epoch.fetch_add(1, Ordering::Release);
        self.values.invalidate_all();
        self.counters.cleared.add(u64::try_from(cleared).unwrap_or(u64::MAX));
        self.counters.clears.add(1);
        match why {
            Clearing::Gap => self.counters.gaps.add(1),
            Clearing::Malformed => self.counters.malformed.add(1),
            Clearing::Wished => {}
        }
    }
}

impl<V> fmt::Debug for Store<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("counters", &self.counters).finish_non_exhaustive()
    }
}

/// A place among those who wait for a load. The last one to leave it forgets the load.
struct Seat<'s, V> {
    store: &'s Store<V>,
    key: Arc<str>,
    load: Arc<Load<V>>,
}

impl<V> Drop for Seat<'_, V> {
    fn drop(&mut self) {
        let mut loading = self.store.loading.lock();
        let Some(table) = loading.loads.get_mut(&self.key) else { return };
        if !Arc::ptr_eq(&table.load, &self.load) {
            return;
        }
        table.seats -= 1;
        if table.seats == 0 {
            loading.loads.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use std::sync::Barrier;
    use std::thread;

    use futures_util::FutureExt as _;

    use super::*;

    fn store(capacity: u64) -> Store<u64> {
        Store::new(capacity, Duration::from_secs(600))
    }

    /// Runs a future on this thread, in turns with other threads.
    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(future)
    }

    fn load(store: &Store<u64>, key: &str, value: impl Fn() -> u64) -> u64 {
        let loader = async || {
            let value = value();
            // Others may change it now.
            (0..3).for_each(|_| thread::yield_now());
            Ok(Tagged::new(value).tag("t"))
        };
        block_on(store.get_or_load(key, loader)).unwrap()
    }

    #[test]
    fn those_who_leave_a_load_at_once_leave_nothing_behind() {
        let (store, barrier) = (store(10), Barrier::new(2));
        let come_and_go = || {
            for _ in 0..2000 {
                let seat = store.sit_down(&"k".into()).unwrap();
                barrier.wait();
                drop(seat);
                barrier.wait();
                assert!(store.loading.lock().loads.is_empty());
                barrier.wait();
            }
        };
        thread::scope(|scope| {
            scope.spawn(come_and_go);
            scope.spawn(come_and_go);
        });
    }

    #[tokio::test]
    async fn a_load_that_was_forgotten_leaves_its_successor_alone() {
        let store = store(10);
        let (old, key) = (store.sit_down(&"k".into()).unwrap(), Arc::from("k"));
        store.invalidate(&Invalidation::of_keys(["k"]));
        let _new = store.sit_down(&key).unwrap();
        drop(old);
        let mut other = std::pin::pin!(store.get_or_load("k", async || Ok(Tagged::new(1))));
        assert_eq!(store.loading.lock().loads["k"].seats, 1);
        assert!(other.as_mut().now_or_never().is_some());
    }

    /// A value can go for reasons other than an invalidation, at any moment.
    #[test]
    fn a_value_that_comes_and_goes_is_never_loaded_by_two() {
        let (store, inside, done) = (store(10), AtomicU64::new(0), AtomicU64::new(0));
        let read = || {
            for _ in 0..3000 {
                load(&store, "k", || {
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                    1
                });
            }
            done.fetch_add(1, Ordering::SeqCst);
        };
        thread::scope(|scope| {
            (0..3).for_each(|_| _ = scope.spawn(read));
            while done.load(Ordering::SeqCst) < 3 {
                store.values.invalidate("k");
                thread::yield_now();
            }
        });
        assert_eq!(store.loading.lock().loads.len(), 0);
    }

    /// While the cache grows and others load, what an invalidation names is never older than it.
    fn race(capacity: u64, what: &Invalidation) {
        let (store, versions) = (store(capacity), [const { AtomicU64::new(0) }; 8]);
        let current =
            |n: usize| load(&store, &n.to_string(), || versions[n].load(Ordering::SeqCst));
        let done = AtomicU64::new(0);
        thread::scope(|scope| {
            for first in [0, 4] {
                let (current, done) = (&current, &done);
                scope.spawn(move || {
                    for turn in 0.. {
                        current((first + turn) % 8);
                        if done.load(Ordering::SeqCst) == 1 {
                            break;
                        }
                    }
                });
            }
            scope.spawn(|| {
                for n in 0..4000 {
                    load(&store, &format!("other {n}"), || 0);
                }
            });
            for turn in 1..=100 {
                // Loads are under way when the invalidation comes.
                (0..8).for_each(|n| store.values.invalidate(&*n.to_string()));
                thread::yield_now();
                versions.iter().for_each(|version| version.store(turn, Ordering::SeqCst));
                store.invalidate(what);
                for n in 0..8 {
                    assert_eq!(store.held(&n.to_string()).unwrap_or(turn), turn);
                    assert_eq!(current(n), turn);
                }
            }
            done.store(1, Ordering::SeqCst);
        });
    }

    #[test]
    fn no_stale_value_survives_an_invalidation() {
        for capacity in [100_000, 50] {
            race(capacity, &Invalidation::of_keys((0..8).map(|n| n.to_string())));
            race(capacity, &Invalidation::of_pattern("[0-7]"));
            race(capacity, &Invalidation::of_tags(["t"]));
        }
    }

    #[test]
    fn the_index_does_not_outgrow_the_values() {
        let store = store(10);
        for n in 0..1000 {
            load(&store, &n.to_string(), || n);
        }
        store.invalidate(&Invalidation::of_keys(["999", "998"]));
        store.values.run_pending_tasks();
        let listed = store.index.choose(|_, _| true);
        assert!(listed.len() <= 10 && listed.iter().all(|key| store.held(key).is_some()));
        assert_eq!(store.values.iter().count(), listed.len());
    }
}

//! Caches.

use std::convert::Infallible;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use firth::Broker;
use firth::cache::{Cache, Tagged};
use futures_util::future::join_all;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::document::Script;
use crate::server::{Kind, Server};
use crate::{Bench, cases};

cases![
    a_value_is_loaded_once_for_all_who_wait,
    what_is_named_is_dropped_everywhere,
    an_invalidation_during_a_load_wins,
    who_comes_after_an_invalidation_loads_anew,
    a_load_that_is_given_up_is_taken_over,
    failures_are_shared_and_not_kept,
    there_is_a_bound_on_size_and_age,
    what_cannot_be_read_clears_the_cache,
    clearing_is_no_invalidation,
    a_closed_broker_leaves_nothing_in_the_cache,
];

async fn cache(broker: &Broker) -> Cache<u64> {
    broker.cache().await.unwrap()
}

/// Puts a value into a cache, unless there is one; returns what is there then.
async fn put(cache: &Cache<u64>, key: &str, value: u64) -> u64 {
    cache.get_or_load(key, || async { Ok::<_, Infallible>(value) }).await.unwrap()
}

/// Waits until a cache has obeyed so many invalidations.
async fn obeyed(cache: &Cache<u64>, invalidations: u64) {
    while cache.stats().invalidations < invalidations {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Which of some keys a cache holds, as a text.
fn held(cache: &Cache<u64>, keys: &[&str]) -> String {
    let there: Vec<&str> = keys.iter().copied().filter(|key| cache.get(key).is_some()).collect();
    there.join(" ")
}

/// A load that has begun, and goes on when it is told to.
struct Slow {
    go_on: oneshot::Sender<()>,
    loaded: JoinHandle<u64>,
}

impl Slow {
    async fn start(cache: &Cache<u64>, key: &'static str, value: u64) -> Self {
        let (begun, has_begun) = oneshot::channel();
        let (go_on, may_go_on) = oneshot::channel();
        let cache = cache.clone();
        let load = async move {
            let loader = || async {
                begun.send(()).unwrap();
                may_go_on.await.unwrap();
                Ok::<_, Infallible>(Tagged::new(value).tag("t"))
            };
            cache.get_or_load_tagged(key, loader).await.unwrap()
        };
        let loaded = tokio::spawn(load);
        has_begun.await.unwrap();
        Slow { go_on, loaded }
    }

    async fn finish(self) -> u64 {
        self.go_on.send(()).unwrap();
        self.loaded.await.unwrap()
    }
}

async fn a_value_is_loaded_once_for_all_who_wait(bench: Bench) {
    let cache = cache(&bench.broker).await;
    let loads = AtomicU64::new(0);
    let loader = || async {
        tokio::task::yield_now().await;
        Ok::<_, Infallible>(loads.fetch_add(1, Ordering::Relaxed))
    };
    let values = join_all((0..20).map(|_| cache.get_or_load("k", loader))).await;
    assert!(values.into_iter().all(|value| value.unwrap() == 0));
    assert_eq!(cache.get("k"), Some(0));
    let stats = cache.stats();
    assert_eq!((stats.loads, stats.misses, stats.hits, stats.entries), (1, 20, 1, 1));
}

async fn what_is_named_is_dropped_everywhere(bench: Bench) {
    let one = cache(&bench.broker).await;
    let other = cache(&bench.another().await).await;
    let keys = ["user:1", "user:2", "user:12", "post:1", "post:2"];
    for key in keys {
        put(&one, key, 1).await;
        let tagged = || async { Ok::<_, Infallible>(Tagged::new(1).tag(&key[..4])) };
        other.get_or_load_tagged(key, tagged).await.unwrap();
    }
    one.invalidate(["user:1", "nobody"]).await.unwrap();
    assert_eq!(held(&one, &keys), "user:2 user:12 post:1 post:2");
    obeyed(&other, 1).await;
    assert_eq!(held(&other, &keys), "user:2 user:12 post:1 post:2");
    one.invalidate_pattern("user:?").await.unwrap();
    obeyed(&other, 2).await;
    assert_eq!(held(&one, &keys), "user:12 post:1 post:2");
    assert_eq!(held(&other, &keys), "user:12 post:1 post:2");
    bench.broker.invalidator().tags(["post"]).await.unwrap();
    obeyed(&other, 3).await;
    assert_eq!(held(&other, &keys), "user:12");
    assert_eq!(other.stats().dropped, 4);
    assert_eq!(other.stats().gaps, 0);
    // What has been dropped is loaded anew.
    assert_eq!(put(&other, "user:1", 2).await, 2);
}

async fn an_invalidation_during_a_load_wins(bench: Bench) {
    let cache = cache(&bench.broker).await;
    let invalidator = bench.another().await.invalidator();
    for turn in 0..4 {
        let slow = Slow::start(&cache, "k:1", turn).await;
        let before = cache.stats();
        // What the cache itself publishes, it also hears.
        let told = if turn == 0 { 2 } else { 1 };
        match turn {
            0 => _ = cache.invalidate(["k:1"]).await.unwrap(),
            1 => _ = invalidator.keys(["k:1"]).await.unwrap(),
            2 => _ = invalidator.pattern("k:*").await.unwrap(),
            _ => _ = invalidator.tags(["t"]).await.unwrap(),
        }
        obeyed(&cache, before.invalidations + told).await;
        assert_eq!(slow.finish().await, turn);
        assert_eq!(cache.get("k:1"), None, "{turn}");
        assert_eq!(cache.stats().outdated, before.outdated + 1);
    }
    // What is about others disturbs nobody.
    let slow = Slow::start(&cache, "k:1", 7).await;
    let before = cache.stats().invalidations;
    invalidator.keys(["k:2"]).await.unwrap();
    invalidator.pattern("k").await.unwrap();
    obeyed(&cache, before + 2).await;
    slow.finish().await;
    assert_eq!(cache.get("k:1"), Some(7));
}

async fn who_comes_after_an_invalidation_loads_anew(bench: Bench) {
    let cache = cache(&bench.broker).await;
    let slow = Slow::start(&cache, "k", 1).await;
    cache.invalidate(["k"]).await.unwrap();
    obeyed(&cache, 2).await;
    assert_eq!(put(&cache, "k", 2).await, 2);
    assert_eq!(slow.finish().await, 1);
    assert_eq!(cache.get("k"), Some(2));
}

async fn a_load_that_is_given_up_is_taken_over(bench: Bench) {
    let cache = cache(&bench.broker).await;
    let slow = Slow::start(&cache, "k", 1).await;
    let waiting = tokio::spawn({
        let cache = cache.clone();
        async move { put(&cache, "k", 2).await }
    });
    while cache.stats().misses < 2 {
        tokio::task::yield_now().await;
    }
    slow.loaded.abort();
    assert_eq!(waiting.await.unwrap(), 2);
    assert_eq!(cache.get("k"), Some(2));
    // Nobody else waits: the next one begins anew.
    let slow = Slow::start(&cache, "alone", 1).await;
    slow.loaded.abort();
    assert!(slow.loaded.await.unwrap_err().is_cancelled());
    assert_eq!(put(&cache, "alone", 3).await, 3);
}

async fn failures_are_shared_and_not_kept(bench: Bench) {
    let cache = cache(&bench.broker).await;
    let failing = || async {
        tokio::task::yield_now().await;
        Err::<u64, _>(io::Error::other("the database is away"))
    };
    let results = join_all((0..5).map(|_| cache.get_or_load("k", failing))).await;
    for result in results {
        let error = result.unwrap_err();
        assert_eq!(error.to_string(), "the value could not be loaded: the database is away");
    }
    assert_eq!((cache.stats().loads, cache.stats().failures), (1, 1));
    assert_eq!(put(&cache, "k", 1).await, 1);
}

async fn there_is_a_bound_on_size_and_age(bench: Bench) {
    let small: Cache<u64> = bench.broker.cache().capacity(10).await.unwrap();
    for n in 0..100 {
        put(&small, &n.to_string(), n).await;
    }
    assert!(small.stats().entries <= 10);
    let brief: Cache<u64> = bench.broker.cache().ttl(Duration::ZERO).await.unwrap();
    put(&brief, "k", 1).await;
    assert_eq!(brief.get("k"), None);
}

async fn what_cannot_be_read_clears_the_cache(bench: Bench) {
    let cache = cache(&bench.broker).await;
    put(&cache, "k", 1).await;
    let backend = bench.broker.backend();
    let strange = Bytes::from_static(b"{\"prefix\":\"k\"}");
    backend.publish("cache:invalidate".into(), strange).await.unwrap();
    while cache.stats().malformed == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let stats = cache.stats();
    assert_eq!((cache.get("k"), stats.gaps, stats.clears, stats.cleared), (None, 0, 1, 1));
    assert_eq!(stats.invalidations, 0);
    assert_eq!(put(&cache, "k", 2).await, 2);
    assert_eq!(cache.get("k"), Some(2));
}

async fn clearing_is_no_invalidation(bench: Bench) {
    let cache = cache(&bench.broker).await;
    put(&cache, "a", 1).await;
    put(&cache, "b", 1).await;
    let slow = Slow::start(&cache, "slow", 1).await;
    cache.clear();
    assert_eq!(slow.finish().await, 1);
    assert_eq!(held(&cache, &["a", "b", "slow"]), "");
    let stats = cache.stats();
    assert_eq!((stats.invalidations, stats.dropped, stats.gaps), (0, 0, 0));
    assert_eq!((stats.clears, stats.cleared, stats.outdated), (1, 2, 1));
}

async fn a_closed_broker_leaves_nothing_in_the_cache(bench: Bench) {
    if !bench.is_shared() {
        // There is but one broker, which the other cases need.
        return;
    }
    let broker = bench.another().await;
    let cache = cache(&broker).await;
    put(&cache, "k", 1).await;
    broker.close().await;
    while cache.stats().clears == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(cache.stats().gaps, 0);
    assert_eq!(put(&cache, "k", 2).await, 2);
    assert_eq!(cache.get("k"), None);
    assert!(cache.invalidate(["k"]).await.is_err());
}

/// The document's class drops what we name, and we what it names.
async fn beside_the_document(kind: Kind) {
    let script = Script::new(
        "Cache Invalidation",
        r#"
        const invalidator = new CacheInvalidator();
        await invalidator.start();
        const cache = invalidator.localCache;
        for (const key of ["user:1", "user:2", "post:1", "post:2"]) cache.set(key, key);
        while ((await redis.send("PUBSUB", ["NUMSUB", "cache:invalidate"]))[1] < 2) {}
        await CacheInvalidator.broadcast(["ours:1", "ours:3"]);
        await CacheInvalidator.broadcastPattern("theirs:*");
        while (cache.size > 1) await Bun.sleep(1);
        console.log(JSON.stringify([...cache.keys()]));
        process.exit(0);
        "#,
    );
    let Some(script) = script else { return };
    let server = Server::start(kind);
    let address = format!("redis://127.0.0.1:{}", server.port());
    let cache = cache(&Broker::connect(&address).await.unwrap()).await;
    let keys = ["ours:1", "ours:2", "theirs:1", "theirs:2"];
    for key in keys {
        put(&cache, key, 1).await;
    }
    let script = tokio::spawn(async move { script.run(&address, "cache").await });
    obeyed(&cache, 2).await;
    assert_eq!(held(&cache, &keys), "ours:2");
    // That class knows no tags, and passes over them.
    cache.invalidate_tags(["user"]).await.unwrap();
    cache.invalidate(["post:1"]).await.unwrap();
    cache.invalidate_pattern("user:*").await.unwrap();
    assert_eq!(script.await.unwrap().last().unwrap(), r#"["post:2"]"#);
}

#[tokio::test]
async fn cache_beside_the_document_on_firth() {
    beside_the_document(Kind::Firth).await;
}

#[tokio::test]
async fn cache_beside_the_document_on_redis_7() {
    beside_the_document(Kind::Redis7).await;
}

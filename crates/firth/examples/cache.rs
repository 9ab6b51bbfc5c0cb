//! Two processes that cache the same rows: `cargo run --example cache`.
//!
//! `FIRTH_BROKER` names another broker than the one in memory, such as `redis://localhost`.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use firth::Broker;
use firth::cache::{Cache, Tagged};

/// The table behind the caches: each change is a new version of all its rows.
static VERSION: AtomicU32 = AtomicU32::new(1);

async fn load(key: &str) -> Result<Tagged<String>, io::Error> {
    println!("  loading {key}");
    let row = format!("{key} in version {}", VERSION.load(Ordering::Relaxed));
    Ok(Tagged::new(row).tag("articles"))
}

async fn show(name: &str, cache: &Cache<String>, key: &str) -> Result<(), Box<dyn Error>> {
    let value = cache.get_or_load_tagged(key, || load(key)).await?;
    println!("{name}: {value}");
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::var("FIRTH_BROKER").unwrap_or_else(|_| "memory:".to_owned());
    let broker = Broker::connect(&address).await?;
    let ttl = Duration::from_secs(60);
    let one = broker.cache::<String>().capacity(10_000).ttl(ttl).await?;
    let other = broker.cache::<String>().capacity(10_000).ttl(ttl).await?;

    // The second look of each finds what the first one has loaded.
    for _ in 0..2 {
        show("one", &one, "article:1").await?;
        show("other", &other, "article:1").await?;
    }

    // One of them changes a row, and says so.
    VERSION.fetch_add(1, Ordering::Relaxed);
    one.invalidate(["article:1"]).await?;
    while other.get("article:1").is_some() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    show("one", &one, "article:1").await?;
    show("other", &other, "article:1").await?;

    // Whole families go by a pattern or a tag.
    one.invalidate_pattern("article:*").await?;
    one.invalidate_tags(["articles"]).await?;
    println!("{:?}", one.stats());
    Ok(())
}

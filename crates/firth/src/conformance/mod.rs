//! What every backend must do, as tests.
//!
//! The suite is part of the crate, behind the feature `conformance`, rather than a crate of its own:
//! it says what the [`Backend`] trait means, so it must change together with it and never be of
//! another version. It uses nothing but that trait.
//!
//! ```no_run
//! # async fn example() {
//! firth::conformance::check(async || firth::Broker::connect("memory:").await.unwrap()).await;
//! # }
//! ```

#![expect(clippy::unwrap_used, reason = "these are tests")]

mod batches;
mod channels;
mod claims;
mod closing;
mod groups;
mod inspections;
mod reads;
mod streams;

use std::hash::{BuildHasher as _, RandomState};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::backend::{Append, Backend, Batch, Entry, Fields, GroupChange, Order, Outcome, Range};
use crate::backend::{Start, Write};
use crate::{Broker, EntryId, Error};

/// One thing that every backend must do.
struct Case {
    name: &'static str,
    run: fn(Bench) -> BoxFuture<'static, ()>,
}

/// Makes cases of the functions that are named.
macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        pub(super) const CASES: &[super::Case] = &[$(super::Case {
            name: stringify!($name),
            run: |bench| Box::pin($name(bench)),
        }),*];
    };
}
use cases;

/// Runs the whole suite.
///
/// All keys and channels that it uses begin with a name of its own, so it can be run on a server that
/// is used for something else; it leaves a few keys behind.
///
/// # Panics
/// If the backend does not pass, naming what it does not do.
pub async fn check(connect: impl AsyncFn() -> Broker) {
    let run = RandomState::new().hash_one("run");
    let broker = connect().await;
    let mut failed = Vec::new();
    let cases = [
        streams::CASES,
        reads::CASES,
        groups::CASES,
        claims::CASES,
        batches::CASES,
        channels::CASES,
        inspections::CASES,
    ];
    for case in cases.into_iter().flatten() {
        let bench = Bench {
            backend: Arc::clone(broker.backend()),
            prefix: format!("{{conformance-{run:016x}-{}}}", case.name).into(),
        };
        if AssertUnwindSafe((case.run)(bench)).catch_unwind().await.is_err() {
            failed.push(case.name);
        }
    }
    if AssertUnwindSafe(closing::everything_ends(&connect().await)).catch_unwind().await.is_err() {
        failed.push("everything_ends");
    }
    assert!(failed.is_empty(), "the backend does not pass: {}", failed.join(", "));
}

/// A backend, and names that nobody else uses.
#[derive(Clone)]
struct Bench {
    backend: Arc<dyn Backend>,
    prefix: Arc<str>,
}

impl Bench {
    /// Returns a key or channel of this case. All of them live together on a Cluster.
    fn key(&self, name: &str) -> Arc<str> {
        format!("{}:{name}", self.prefix).into()
    }

    async fn write(&self, write: Write) -> Result<Outcome, Error> {
        let outcomes = self.backend.write(Batch::of(write)).await?;
        assert_eq!(outcomes.len(), 1);
        Ok(outcomes[0])
    }

    /// Adds an entry with one field `n` and returns its id.
    async fn append(&self, stream: &Arc<str>, n: u32) -> EntryId {
        match self.write(Write::Append(numbered(stream, n))).await.unwrap() {
            Outcome::Appended(id) => id,
            other => panic!("{other:?}"),
        }
    }

    /// Adds entries numbered from 0 on.
    async fn fill(&self, stream: &Arc<str>, count: u32) -> Vec<EntryId> {
        let mut ids = Vec::new();
        for n in 0..count {
            ids.push(self.append(stream, n).await);
        }
        ids
    }

    async fn all(&self, stream: &Arc<str>) -> Vec<Entry> {
        let (stream, from, to) = (Arc::clone(stream), EntryId::MIN, EntryId::MAX);
        let range = Range { stream, from, to, order: Order::Forward, limit: 1000 };
        self.backend.range(range).await.unwrap()
    }

    async fn create_group(&self, stream: &Arc<str>, group: &str, start: Start) {
        let (stream, group) = (Arc::clone(stream), group.into());
        let change = GroupChange::Create { stream, group, start };
        self.backend.change_group(change).await.unwrap();
    }
}

fn numbered(stream: &Arc<str>, n: u32) -> Append {
    Append::new(Arc::clone(stream), Fields::from([("n", n.to_string())]))
}

/// Returns the numbers of entries, as a text to compare with.
fn numbers(entries: &[Entry]) -> String {
    let numbers = entries.iter().map(|entry| entry.fields.text("n").unwrap_or("?"));
    numbers.collect::<Vec<_>>().join(" ")
}

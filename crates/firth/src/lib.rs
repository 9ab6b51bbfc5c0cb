//! Messaging on streams and channels: on an engine in this process, on a Firth server, or on the Redis
//! or Valkey that is there already, Cluster included.
//!
//! A [`Broker`] is connected by an address, and everything means the same on each of them:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), firth::Error> {
//! use firth::{Broker, approx};
//!
//! let broker = Broker::connect("memory:").await?; // or file:./data, redis://host, ...
//! let greetings = broker.stream::<String>("greetings");
//! greetings.append(&"hello".to_owned()).maxlen(approx(10_000)).await?;
//! assert_eq!(greetings.length().await?, 1);
//! # broker.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! What is built on it:
//!
//! - [`event_bus`]: whoever listens now hears of what happens now.
//! - [`event_store`]: what has happened to each thing, for ever and in order.
//! - [`Stream`]: typed values on an append-only log: ranges, following, trimming.
//! - [`Group`]: what the consumers of a stream share: reading, acknowledging, taking over what is pending.
//! - [`dead_letters`]: entries that could not be handled: listed, counted by reason, handled, brought back.
//! - [`later`]: entries that are added when their time has come, once or again and again.
//! - [`notifications`]: to a user or to everybody, live, and kept in an inbox.
//! - [`cache`]: values in this process, dropped when somebody says that they are out of date.
//! - [`Worker`]: handlers for the entries of a stream, with retries, dead letters and leases.
//!
//! What carries the messages is a [`backend`], a small trait with typed requests. Whoever writes one
//! runs the suite of the feature `conformance` on it, which all backends of this crate pass.
//!
//! # Features
//!
//! - `embedded` (default): `memory:` and `file:`, the engine of Firth in this process.
//! - `redis` (default): servers, by the `redis` crate.
//! - `cache` (default): [`cache`], on `moka`.
//! - `tls`: servers by TLS, by rustls.
//! - `conformance`: the suite that a backend must pass.
//! - `test-kit`: [`test_kit`](https://docs.rs/firth/latest/firth/test_kit), for tests of programs on this library.

mod address;
pub mod backend;
mod backoff;
mod broker;
#[cfg(feature = "cache")]
pub mod cache;
mod chance;
mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod dead_letters;
mod error;
pub mod event_bus;
pub mod event_store;
mod flat;
mod format;
pub mod group;
mod id;
mod key;
pub mod later;
pub mod notifications;
mod payload;
mod running;
mod stream;
mod tail;
#[cfg(feature = "test-kit")]
pub mod test_kit;
mod turn;
mod worker;

pub use backend::Health;
pub use backoff::Backoff;
pub use broker::Broker;
pub use dead_letters::DeadLetters;
pub use error::{Actor, Effect, Error, Fault, Refusal};
pub use format::{Item, Unreadable};
pub use group::Group;
pub use id::{EntryId, ParseIdError};
pub use later::Later;
pub use stream::{AppendRequest, Bound, RangeRequest, Stream, Tail, TailStart, approx, exact};
pub use worker::{Delivery, RunningWorker, Verdict, Worker, WorkerStats};

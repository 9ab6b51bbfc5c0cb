//! Messaging on streams and channels: on an engine in this process, on a Firth server, or on the Redis
//! or Valkey that is there already, Cluster included.
//!
//! A [`Broker`] is connected by an address, and everything means the same on each of them:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), firth::Error> {
//! use firth::Broker;
//!
//! let broker = Broker::connect("memory:").await?; // or file:./data, redis://host, ...
//! # broker.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! What is built on it:
//!
//! - [`event_bus`]: whoever listens now hears of what happens now.
//! - [`event_store`]: what has happened to each thing, for ever and in order.
//!
//! What carries the messages is a [`backend`], a small trait with typed requests. Whoever writes one
//! runs the suite of the feature `conformance` on it, which all backends of this crate pass.
//!
//! # Features
//!
//! - `embedded` (default): `memory:` and `file:`, the engine of Firth in this process.
//! - `redis` (default): servers, by the `redis` crate.
//! - `conformance`: the suite that a backend must pass.

mod address;
pub mod backend;
mod broker;
mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
pub mod event_bus;
pub mod event_store;
mod id;
mod key;
mod payload;

pub use backend::Health;
pub use broker::Broker;
pub use error::{Actor, Effect, Error, Fault, Refusal};
pub use id::{EntryId, ParseIdError};

//! Publish and subscribe: who listens to which channel or pattern, and which names a pattern
//! matches.
//!
//! Nothing here sends anything. A publisher asks the [`Hub`] who is to receive a message; the hub
//! answers with mailboxes and tokens, and the caller carries the message there.
//!
//! - [`glob`]: the pattern language, also used by `KEYS`, `SCAN MATCH`, `CONFIG GET` and access
//!   rules.
//! - [`PatternIndex`]: all patterns that match one name, without testing every pattern.
//! - [`Hub`]: the thread-safe registry of subscriptions.

mod audience;
mod channels;
pub mod glob;
mod hub;
mod pattern_index;
mod tokens;

pub use audience::Listener;
pub use hub::{Hub, Match, Space};
pub use pattern_index::PatternIndex;
pub use tokens::Tokens;

//! Streams: packed entries, consumer groups and their pending lists.

pub mod block;
pub mod consumer;
pub mod entries;
pub mod entry;
pub mod group;
pub mod id;
pub mod idempotence;
pub mod pending;
pub mod range;
pub mod slot_index;
pub mod trim;

mod change;
mod effect;
mod listpack;
mod state;
mod tail;
mod varint;

pub use change::StreamMut;
pub use consumer::{Consumer, ConsumerNo, Consumers};
pub(crate) use effect::StreamEffect;
pub use entries::{Entries, NodeLimits};
pub use entry::Entry;
pub use group::{Group, Groups};
pub use id::EntryId;
pub use idempotence::{Idempotence, payload_digest};
pub use pending::{Pending, PendingList};
pub use state::Stream;
pub use trim::{Exactness, TrimPlan, TrimTo};

//! Streams: packed entries, consumer groups and their pending lists.

pub mod block;
pub mod consumer;
pub mod entries;
pub mod entry;
pub mod group;
pub mod id;
pub mod idempotence;
pub mod lag;
pub mod pending;
pub mod range;
pub mod slot_index;
pub mod trim;

mod ack;
mod append;
mod auto_claim;
mod change;
mod claim;
mod cooling;
mod counters;
mod delete;
mod effect;
mod group_admin;
mod group_history;
#[cfg(test)]
mod group_model_tests;
mod group_read;
#[cfg(test)]
mod group_tests;
mod listpack;
mod nack;
mod pending_query;
pub(crate) mod policy;
mod retain;
#[cfg(test)]
mod retain_tests;
mod retention;
mod state;
mod tail;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod varint;
mod window;

pub use ack::AckDeletion;
pub use append::{Append, AppendError, Attempt, CreateStream, NewId};
pub use auto_claim::{AutoClaim, AutoClaimed};
pub use block::{Block, BlockContent, BlockNumbers};
pub use change::StreamMut;
pub use claim::{Claim, ClaimScope, Recount};
pub use consumer::{Consumer, ConsumerNo, Consumers};
pub use counters::{Counters, CountersError};
pub use delete::Deletion;
pub(crate) use effect::StreamEffect;
pub use entries::{Entries, Node, NodeLimits};
pub use entry::Entry;
pub use group::{Group, Groups};
pub use group_admin::{GroupExists, GroupStart, NoGroup};
pub use group_history::{Redelivered, Redeliveries};
pub use group_read::{Acknowledgement, Delivered, Delivery, GroupRead, overdue_in_ms};
pub use id::EntryId;
pub use idempotence::{Idempotence, payload_digest};
pub use nack::{Nack, NackMode, NackScope};
pub use pending::{Pending, PendingList};
pub use pending_query::PendingQuery;
pub use policy::{Retention, Unacknowledged};
pub use retain::Hold;
pub use retention::{References, Trim, TrimLimit};
pub use state::Stream;
pub use trim::{Exactness, TrimPlan, TrimTo};
pub use window::RecordError;

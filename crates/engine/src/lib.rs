//! The engine of Firth: streams with consumer groups, strings, and publish/subscribe.
//!
//! It is typed and synchronous: no sockets, no async runtime, no wall clock and no chance except
//! those that it is handed.
//! An [`Engine`] is shared by threads; [`Engine::lock`] locks the shards of the keys that a command
//! or a transaction names and gives a [`Locked`] view, through which everything is read and
//! changed. Changes are decided first and then committed as effects, which is the only way in
//! which state changes.

mod apply;
mod backup;
mod bell;
pub mod blocks;
pub mod check;
mod checkpoint;
mod clock;
mod effect;
mod engine;
mod error;
mod event;
mod interest;
mod journal;
mod keeper;
mod key;
mod keys;
mod ledger;
mod locked;
pub mod pubsub;
mod record;
mod replay;
mod retention;
mod shard;
mod stats;
mod storage;
pub mod stream;
mod strings;
mod suspension;
mod table;
mod upkeep;
mod value;
mod wait;
mod walk;

pub use backup::BackupError;
pub use checkpoint::{CheckpointDamage, CheckpointError, CheckpointFlaw};
pub use clock::{Clock, ManualClock, SystemClock};
pub use engine::{Engine, Opened, Options, Settings};
pub use error::{OpenError, WrongType};
pub use event::{EventClass, EventMask, KeyEvent};
pub use firth_wal::{
    AppendError, Cut, Disk, Driving, Durability, Failure, FileDisk, Log, LogState, Lsn, SyncDue,
};
pub use interest::{Invalidation, WatchFlag};
pub use journal::Journal;
pub use keeper::{Backups, Pace, Saves};
pub use key::{DATABASES, DbKey, KeyHash};
pub use keys::{DeadlineOrder, DeadlineRule, Overwrite, Presence, Renamed, ScanCursor};
pub use ledger::Signals;
pub use locked::{Locked, ShardSet};
pub use record::{Flaw, RecordError, verify};
pub use replay::{Replay, ReplayError};
pub use retention::HeldStream;
pub use stats::KeyStats;
pub use storage::Storage;
pub use strings::{Deadline, Encoding, StringForm};
pub use value::{Entry, Type, Value};
pub use wait::{Service, Waiter};

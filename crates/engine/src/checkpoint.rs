//! Checkpoints: the whole state as it was behind exactly one batch, in one file.
//!
//! Recovery reads the newest one and then only the part of the log behind it. What a stream keeps
//! in block files is named, not repeated, so that a checkpoint has the size of the index.
//!
//! ```text
//! file   := header frame*
//! header := "FIRTHCKP"  version u32  0 u32  lsn u64  0 u32  CRC u32        32 bytes
//! frame  := length u32  CRC u32  first u32  keys u64  payload              `length` bytes of it
//! ```
//!
//! These numbers are little endian. The checksums are CRC-32C: of the header's first 28 bytes, of
//! all that follows the CRC in a frame. The payloads together are a sequence of items, which may be
//! cut anywhere, so that a frame has a bounded length whatever it carries. So that what is behind a
//! damaged frame can still be read, each says where in its payload the first item begins, or its
//! length if none does, and how many keys have begun before it:
//!
//! ```text
//! item    := tag u8  length u32  body                   `length` bytes of it
//!
//! tag             body
//! 01 String       place, value bytes
//! 02 Stream       place, last id, greatest deleted id, entries_added, duration_s, entries_max,
//!                 greatest live id, count of blocks
//! 03 Blocks       block*
//! 04 Group        name bytes, last delivered id, entries_read option, next turn,
//!                 count of numbers, count of rows
//! 05 Consumers    consumer*                             from the number 0 on
//! 06 Rows         row*
//! 07 Idempotence  iids_added, iids_duplicates, next_sweep, count of attempts
//! 08 Attempts     (producer, iid bytes, id)*
//! 09 Retention    age_ms, bytes, entries, 0 to keep what is unacknowledged or 1 to remove it;
//!                 a limit of 0 is none
//! 0f End          count of keys, count of entries, count of rows
//! ```
//!
//! All numbers of a body are varints, as in `record.rs`. The items behind a stream, up to the next
//! key or the end, belong to it; consumers and rows belong to the last group, attempts to the last
//! idempotence. What would make an item long goes on in another one of its tag. The end is the last
//! item; nothing stands behind it.
//!
//! ```text
//! bytes    := length byte*
//! place    := db, key bytes, deadline
//! deadline := 0 | at_ms+1                               0: never
//! id       := ms seq
//! option   := 0 | 1 number
//! step     := a number less the one before it in this item, at first less 0, modulo 2^64
//! zigzag   := a step with the sign moved to the lowest bit
//!
//! block    := ms step, seq, slots, deleted slots, deleted bytes, listpack bytes, content
//! content  := 0 bytes                                   the packed entries themselves
//!           | 1 gap zigzag, stored bytes (32 bits)      in the file of the block before, so far
//!                                                       behind its end
//!           | 2 file (32 bits), offset (32 bits), stored bytes (32 bits)
//! consumer := 0                                         nobody has this number
//!           | 1 name bytes, seen_ms, active_ms option
//! row      := ms step, seq, owner+1 | 0, clock zigzag, deliveries (32 bits)
//! producer := 0 | length+1 byte*                        0: the one before it in this item
//! ```
//!
//! A row's clock is when its owner got it, or its turn if nobody owns it. An item and its body never
//! change their meaning; what is new gets a new tag, and a program that does not know a tag refuses
//! the file.

mod capture;
#[cfg(test)]
mod crash_tests;
mod decode;
mod decode_stream;
mod encode;
mod folder;
mod frame;
mod items;
mod job;
mod load;
mod reader;
mod reload;
mod salvage;
mod tag;
#[cfg(test)]
mod tests;

pub(crate) use capture::Capture;
pub(crate) use decode::{Decoder, Loaded};
pub(crate) use decode_stream::{StreamLoss, UnreadBlock};
pub(crate) use folder::{CheckpointFolder, Draft, parse_name};
pub(crate) use frame::{Frames, Header};
pub(crate) use items::{Counts, Items};
pub use job::CheckpointError;
pub(crate) use job::{Job, Made, Progress};
pub use load::CheckpointDamage;
pub(crate) use load::Found;
pub(crate) use salvage::{SalvagedKey, salvage};

use crate::blocks::{BlockFlaw, ReadError};

/// What is wrong with the bytes of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointFlaw {
    /// The header is too short, has another magic, or its checksum is wrong.
    #[error("the header is damaged")]
    Header,
    /// The header is sound, but of a version that this program does not know.
    #[error("format version {found} is unknown, this program reads version {known}")]
    Version {
        /// The version that the header names.
        found: u32,
        /// The version that this program reads.
        known: u32,
    },
    /// The header names another position than the file's name does.
    #[error("the header does not belong to this file name")]
    Name,
    /// A frame's checksum is wrong, or the file ends within the frame.
    #[error("a damaged frame")]
    Frame,
    /// The file ends before its last item, or goes on behind it.
    #[error("the file does not end where it should")]
    Length,
    /// There is no such kind of item.
    #[error("an unknown kind of item ({0})")]
    Tag(u8),
    /// An item's body makes no sense.
    #[error("an item of kind {0} makes no sense")]
    Item(u8),
    /// A block is not where it should be: its file is damaged, too short or not there.
    #[error(transparent)]
    Block(Box<ReadError>),
    /// There are fewer or more items than was announced.
    #[error("the counts do not agree with what is there")]
    Counts,
}

impl CheckpointFlaw {
    /// Says whether the file, or a block file that it needs, is of a version that this program does
    /// not know; then nothing is damaged.
    #[must_use]
    pub fn is_version(&self) -> bool {
        match self {
            CheckpointFlaw::Version { .. } => true,
            CheckpointFlaw::Block(error) => {
                matches!(**error, ReadError::Damage { flaw: BlockFlaw::Version { .. }, .. })
            }
            _ => false,
        }
    }
}

//! Block files: where sealed blocks of streams lie on the disk, so that they may leave memory.
//!
//! A sealed block is written once, as a frame of an append-only file, and is found again by its
//! [`Place`]. Files are numbered; each is written by one process, from its creation until it is
//! full or the process ends, and never again. Nothing in a file says which stream a block belongs
//! to: that is known to whoever holds the place, memory or a checkpoint. A file goes as a whole once
//! nobody refers to it.
//!
//! The formats are drawn in `file.rs` and `frame.rs`.

mod compaction;
mod error;
mod file;
mod frame;
mod memory;
mod mover;
mod place;
pub(crate) mod reading;
mod shelf;
mod store;
#[cfg(test)]
mod tests;
mod wanted;

pub use crate::walk::Progress;
pub(crate) use compaction::Compaction;
pub use error::{BlockFlaw, ReadError, StoreError};
pub use file::BlockFile;
pub(crate) use file::path as block_path;
pub use frame::{Compression, Spot};
pub(crate) use memory::{Account, KeyAccount};
pub use memory::{Memory, Room};
pub use mover::BlockMover;
pub use place::Place;
pub use store::{BlockStore, StoreOptions, StoreStats};
pub use wanted::Wanted;

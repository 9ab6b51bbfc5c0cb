//! The ground that the log stands on: positions in it, and the disk that it lies on.
//!
//! This crate does not know what it stores: bytes go in, a position comes out.
//! Everything above names moments by an [`Lsn`], and everything that touches files does so
//! through a [`Disk`], which a test replaces by one that fails on purpose.

mod disk;
mod lsn;

pub use disk::{Disk, DiskLock, FileDisk};
pub use lsn::Lsn;

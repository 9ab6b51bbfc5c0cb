//! The write-ahead log: bytes in, ordered durable bytes out.
//!
//! This crate does not know what it stores. A record goes in, its position ([`Lsn`]) comes out; one
//! writer thread hands everything that has gathered to the disk with one write and, under
//! [`Durability::Always`], one sync for everybody who arrived meanwhile. After a crash the records
//! up to some position are there, each once and in order, and that position is at least the one
//! that was called durable.
//!
//! - Records lie in segments, files of about 64 MiB; none spans two. The formats are drawn in
//!   `segment.rs` and `frame.rs`.
//! - What may wait for the writer is bounded; an append waits when the bound is reached.
//! - A torn tail is cut off and reported; damage anywhere else is an error that names file and
//!   offset. A [`Survey`] reads on behind it. What cannot be noticed: a newest segment that has been removed as a whole, unless the
//!   reader knows from elsewhere how far the log went.
//! - After a failed write or sync the log is poisoned: nothing more is taken until it has been
//!   opened anew. A full disk is the exception, it can be waited for; `writer.rs` says why that is
//!   safe.
//! - Everything that touches files does so through a [`Disk`], which a test replaces by one that
//!   fails on purpose, [`sim::SimDisk`].
//!
//! ```
//! # use std::sync::Arc;
//! use firth_wal::{Log, Lsn, Options, sim::SimDisk};
//!
//! let disk = Arc::new(SimDisk::new(1));
//! let (log, _) = Log::open("log", disk.clone(), Options::default())?;
//! let lsn = log.append(b"first")?;
//! log.wait_durable(lsn)?;
//! log.close()?;
//!
//! let (_log, recovery) = Log::open("log", disk, Options::default())?;
//! let mut records = recovery.records(Lsn(1))?;
//! assert_eq!(records.next_record()?, Some((lsn, &b"first"[..])));
//! assert_eq!(records.next_record()?, None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batch;
mod disk;
mod failure;
mod frame;
mod gather;
mod log;
mod lsn;
mod recovery;
mod segment;
mod segments;
mod shared;
pub mod sim;
mod stats;
mod survey;
mod thread;
mod writer;

pub use batch::RECORD_BYTES_MAX;
pub use disk::{Disk, DiskFile, DiskLock, FileDisk, append_all};
pub use failure::{Action, AppendError, Damage, Failure, Flaw, OpenError};
pub use log::{Driving, Durability, Log, LogState, Options};
pub use lsn::Lsn;
pub use recovery::{Cut, Records, Recovery};
pub use shared::SyncDue;
pub use stats::Stats;
pub use survey::{Survey, SurveyedSegment, begin_log, segment_name};

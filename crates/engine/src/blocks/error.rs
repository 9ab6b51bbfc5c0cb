//! What can go wrong with block files.

use std::path::Path;
use std::sync::Arc;

use firth_wal::Failure;

/// What is wrong with bytes that should be a block file or a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlockFlaw {
    /// The file's header is too short, has another magic, or its checksum is wrong.
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
    /// The header names another number than the file's name does.
    #[error("the header does not belong to this file name")]
    Name,
    /// The file ends before the frame does.
    #[error("the file ends too early")]
    Missing,
    /// The frame's checksum is wrong, or its lengths are not those that are expected.
    #[error("the checksum is wrong")]
    Checksum,
    /// The frame is sound, but its content is not what it says.
    #[error("the content cannot be unpacked")]
    Content,
}

/// Why a block cannot be read; cheap to clone.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The disk refused a call.
    #[error(transparent)]
    Disk(#[from] Failure),
    /// The bytes are not those that were written.
    #[error("{path} is not sound at offset {offset}: {flaw}", path = path.display())]
    Damage {
        /// The file.
        path: Arc<Path>,
        /// The offset of the frame or header.
        offset: u64,
        /// What is wrong there.
        flaw: BlockFlaw,
    },
}

/// Why blocks cannot be written; cheap to clone.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The disk refused a call; it may be tried again.
    #[error(transparent)]
    Disk(Failure),
    /// A sync has failed: nothing more is written until the store is opened anew.
    #[error("no blocks are written any more: {0}")]
    Poisoned(Failure),
    /// A block is larger than a frame can say.
    #[error("a block of {bytes} bytes is too long for a frame")]
    TooLong {
        /// The block's length.
        bytes: usize,
    },
}

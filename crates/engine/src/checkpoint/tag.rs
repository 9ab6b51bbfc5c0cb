//! The tags of items. They never change; the table in `checkpoint.rs` says what each stands for.

pub(super) const STRING: u8 = 0x01;
pub(super) const STREAM: u8 = 0x02;
pub(super) const BLOCKS: u8 = 0x03;
pub(super) const GROUP: u8 = 0x04;
pub(super) const CONSUMERS: u8 = 0x05;
pub(super) const ROWS: u8 = 0x06;
pub(super) const IDEMPOTENCE: u8 = 0x07;
pub(super) const ATTEMPTS: u8 = 0x08;
pub(super) const RETENTION: u8 = 0x09;
pub(super) const END: u8 = 0x0f;

/// The content of a block stands in the checkpoint itself.
pub(super) const CONTENT_INLINE: u64 = 0;
/// The content lies in a block file, behind that of the block before.
pub(super) const CONTENT_BEHIND: u64 = 1;
/// The content lies in a block file.
pub(super) const CONTENT_PLACED: u64 = 2;

//! Writing items: numbers, texts and lists, with the length of each item put before it.

use std::collections::BTreeSet;

use crate::stream::{EntryId, varint};
use crate::value::NEVER;

/// An item that has become this long goes on in another one.
const ITEM_BYTES: usize = 32 << 10;
/// The bytes of an item before its body.
pub(super) const HEAD_BYTES: usize = 5;

/// What a checkpoint holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Keys of any type.
    pub(crate) keys: u64,
    /// Entries of streams, deleted ones not counted.
    pub(crate) entries: u64,
    /// Pending entries of groups.
    pub(crate) rows: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: Counts) {
        self.keys += other.keys;
        self.entries += other.entries;
        self.rows += other.rows;
    }
}

/// Whole items, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Items {
    bytes: Vec<u8>,
    /// Where the open item begins.
    open_at: usize,
    pub(super) counts: Counts,
    /// The block files that hold something of the items.
    pub(super) files: BTreeSet<u32>,
}

impl Items {
    /// Returns the items.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns how much of each there is in the items.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Returns the numbers of the block files that hold something of the items.
    pub(crate) fn files(&self) -> &BTreeSet<u32> {
        &self.files
    }

    pub(super) fn begin(&mut self, tag: u8) -> &mut Self {
        self.open_at = self.bytes.len();
        self.bytes.extend_from_slice(&[tag, 0, 0, 0, 0]);
        self
    }

    /// Ends the open item.
    ///
    /// Items are cut when they become long, and the longest thing that cannot be cut is an entry or
    /// a string, which came in a record that the log took.
    pub(super) fn end(&mut self) {
        let len = self.bytes.len() - self.open_at - HEAD_BYTES;
        debug_assert!(u32::try_from(len).is_ok(), "records are shorter");
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        if let Some(place) = self.bytes.get_mut(self.open_at + 1..self.open_at + HEAD_BYTES) {
            place.copy_from_slice(&len.to_le_bytes());
        }
    }

    /// Writes a list as items of a tag. `put` is handed the thing before in the same item.
    pub(super) fn list<T: Copy>(
        &mut self,
        tag: u8,
        list: impl Iterator<Item = T>,
        put: impl Fn(&mut Self, Option<T>, T),
    ) {
        let mut list = list.peekable();
        while list.peek().is_some() {
            self.begin(tag);
            let mut before = None;
            while self.bytes.len() - self.open_at < ITEM_BYTES
                && let Some(it) = list.next()
            {
                put(self, before, it);
                before = Some(it);
            }
            self.end();
        }
    }

    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        varint::put(&mut self.bytes, number);
        self
    }

    pub(super) fn zigzag(&mut self, step: u64) -> &mut Self {
        let step = step.cast_signed();
        self.number(((step << 1) ^ (step >> 63)).cast_unsigned())
    }

    pub(super) fn text(&mut self, text: &[u8]) -> &mut Self {
        self.number(text.len() as u64);
        self.bytes.extend_from_slice(text);
        self
    }

    pub(super) fn option(&mut self, number: Option<u64>) -> &mut Self {
        match number {
            None => self.number(0),
            Some(number) => self.number(1).number(number),
        }
    }

    pub(super) fn id(&mut self, id: EntryId) -> &mut Self {
        self.number(id.ms).number(id.seq)
    }

    pub(super) fn place(&mut self, db: u8, key: &[u8], expires_at_ms: u64) -> &mut Self {
        const { assert!(NEVER == u64::MAX, "so that it becomes 0") };
        self.number(db.into()).text(key).number(expires_at_ms.wrapping_add(1))
    }

    /// Writes a text that often is the same as the one before.
    pub(super) fn repeated(&mut self, before: Option<&[u8]>, text: &[u8]) -> &mut Self {
        if before == Some(text) {
            return self.number(0);
        }
        self.number(text.len() as u64 + 1);
        self.bytes.extend_from_slice(text);
        self
    }
}

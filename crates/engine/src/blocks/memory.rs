//! How much memory the blocks of all streams take.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::stream::Block;

/// What is in memory, over all streams of an engine, and how much may be.
///
/// The blocks of streams are counted exactly, and so are keys with their strings. Everything else
/// (groups with what is pending in them, above all) is measured now and then, and so may be a moment
/// old.
#[derive(Debug, Default)]
pub struct Memory {
    block_bytes: AtomicUsize,
    blocks: AtomicUsize,
    cold_blocks: AtomicUsize,
    /// What keys and their strings take, which stays in memory.
    key_bytes: AtomicUsize,
    rest_bytes: AtomicUsize,
    /// What was read and not taken yet.
    shelf_bytes: AtomicUsize,
    /// 0 for none.
    limit_bytes: AtomicUsize,
    is_exhausted: AtomicBool,
    is_relief_wanted: AtomicBool,
    /// The most that somebody wants who waits for memory.
    wanted_bytes: AtomicUsize,
}

/// Whether there is memory for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// There is.
    Enough,
    /// Not before blocks have left memory, which falls behind.
    Soon,
    /// There is not, and nothing is left that could leave memory.
    None,
}

/// So many bytes, and a sixteenth of the limit, may be used beyond it until whoever wants more has
/// to wait.
const EXCESS_BYTES: usize = 1 << 20;

impl Memory {
    /// Returns about how many bytes of memory all keys and what they hold take.
    #[inline]
    pub fn used_bytes(&self) -> usize {
        self.block_bytes() + self.fixed_bytes() + self.shelf_bytes.load(Ordering::Relaxed)
    }

    /// Returns how many of them nothing can free but commands that remove something.
    fn fixed_bytes(&self) -> usize {
        // The index of a stream has some room to grow.
        let index_bytes = self.blocks() * size_of::<Block>() / 8 * 9;
        let key_bytes = self.key_bytes.load(Ordering::Relaxed);
        index_bytes + key_bytes + self.rest_bytes.load(Ordering::Relaxed)
    }

    /// Returns how many bytes may be used, 0 for any number.
    #[inline]
    pub fn limit_bytes(&self) -> usize {
        self.limit_bytes.load(Ordering::Relaxed)
    }

    /// Sets how many bytes may be used, 0 for any number.
    pub fn set_limit_bytes(&self, bytes: usize) {
        self.limit_bytes.store(bytes, Ordering::Relaxed);
        self.is_exhausted.store(false, Ordering::Relaxed);
    }

    /// Says whether more is used than may be.
    #[inline]
    pub fn is_over(&self) -> bool {
        self.is_over_with(0)
    }

    /// Says whether more would be used than may be if so many bytes came.
    #[inline]
    pub(crate) fn is_over_with(&self, bytes: usize) -> bool {
        let limit_bytes = self.limit_bytes();
        limit_bytes > 0 && self.used_bytes().saturating_add(bytes) > limit_bytes
    }

    /// Says whether, if so many bytes came, so much more would be used than may be that who frees
    /// memory is falling behind: what takes more has to wait.
    pub(crate) fn is_far_over_with(&self, bytes: usize) -> bool {
        let limit_bytes = self.limit_bytes();
        let most_bytes = limit_bytes.saturating_add(limit_bytes / 16 + EXCESS_BYTES);
        limit_bytes > 0 && self.used_bytes().saturating_add(bytes) > most_bytes
    }

    /// Says whether there is no room for so many bytes even when all blocks have left memory.
    pub(crate) fn can_never_hold(&self, bytes: usize) -> bool {
        let limit_bytes = self.limit_bytes();
        limit_bytes > 0 && self.fixed_bytes().saturating_add(bytes) > limit_bytes
    }

    /// Says whether the keeper is to be woken because more is used than may be, or will be with so
    /// many bytes: once until it has done something about it.
    pub(crate) fn wants_relief(&self, bytes: usize) -> bool {
        let before = self.wanted_bytes.fetch_max(bytes, Ordering::Relaxed);
        !self.is_relief_wanted.swap(true, Ordering::Relaxed) || before < bytes
    }

    /// Returns the most that somebody wants who waits.
    pub(crate) fn wanted_bytes(&self) -> usize {
        self.wanted_bytes.load(Ordering::Relaxed)
    }

    /// Forgets what was wanted.
    pub(crate) fn forget_wanted(&self) {
        self.wanted_bytes.store(0, Ordering::Relaxed);
    }

    pub(crate) fn note_relief(&self) {
        self.forget_wanted();
        self.is_relief_wanted.store(false, Ordering::Relaxed);
    }

    /// Says whether more is used than may be, and nothing is left that could leave memory.
    #[inline]
    pub fn is_exhausted(&self) -> bool {
        self.is_exhausted_for(0)
    }

    /// Says whether more would be used than may be if so many bytes came, and nothing is left that
    /// could leave memory.
    #[inline]
    pub(crate) fn is_exhausted_for(&self, bytes: usize) -> bool {
        self.is_exhausted.load(Ordering::Relaxed) && self.is_over_with(bytes)
    }

    pub(crate) fn set_exhausted(&self, is_exhausted: bool) {
        self.is_exhausted.store(is_exhausted, Ordering::Relaxed);
    }

    pub(crate) fn set_rest_bytes(&self, bytes: usize) {
        self.rest_bytes.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn set_shelf_bytes(&self, bytes: usize) {
        self.shelf_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Returns how many bytes the blocks that are in memory take.
    pub fn block_bytes(&self) -> usize {
        self.block_bytes.load(Ordering::Relaxed)
    }

    /// Returns how many blocks there are.
    pub fn blocks(&self) -> usize {
        self.blocks.load(Ordering::Relaxed)
    }

    /// Returns how many of them are on the disk alone.
    pub fn cold_blocks(&self) -> usize {
        self.cold_blocks.load(Ordering::Relaxed)
    }
}

/// What some keys and their strings take; it is counted for all keys as well.
#[derive(Debug)]
pub(crate) struct KeyAccount {
    total: Arc<Memory>,
    bytes: usize,
}

impl KeyAccount {
    /// Returns the account of no keys.
    pub(crate) fn new(total: &Arc<Memory>) -> Self {
        KeyAccount { total: Arc::clone(total), bytes: 0 }
    }

    /// Notes that a key takes other bytes than before, 0 for one that was or will not be there.
    #[inline]
    pub(crate) fn resize(&mut self, before: usize, after: usize) {
        let change = after.wrapping_sub(before);
        self.bytes = self.bytes.wrapping_add(change);
        self.total.key_bytes.fetch_add(change, Ordering::Relaxed);
    }

    /// Notes that all keys are gone.
    pub(crate) fn clear(&mut self) {
        self.resize(self.bytes, 0);
    }
}

impl Drop for KeyAccount {
    fn drop(&mut self) {
        self.clear();
    }
}

/// What is in memory of one stream; whatever it counts is counted for all streams as well.
///
/// It is changed by those who read, too, since a read may bring a block back.
#[derive(Debug, Default)]
pub(crate) struct Account {
    total: Option<Arc<Memory>>,
    block_bytes: Cell<usize>,
    blocks: Cell<usize>,
    cold_blocks: Cell<usize>,
}

impl Account {
    /// Counts for these totals as well from now on, and all that there is already.
    pub(crate) fn count_in(&mut self, total: &Arc<Memory>) {
        self.leave();
        self.total = Some(total.clone());
        self.enter();
    }

    /// Returns how many bytes the blocks that are in memory take.
    pub(crate) fn block_bytes(&self) -> usize {
        self.block_bytes.get()
    }

    /// Returns how many blocks are on the disk alone.
    pub(crate) fn cold_blocks(&self) -> usize {
        self.cold_blocks.get()
    }

    /// Notes that a block takes other bytes than before.
    #[inline]
    pub(crate) fn resize(&self, before: usize, after: usize) {
        if before != after {
            add(&self.block_bytes, after.wrapping_sub(before));
            if let Some(total) = &self.total {
                total.block_bytes.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
            }
        }
    }

    /// Notes that a block has come, in memory with so many bytes or on the disk alone.
    pub(crate) fn add_block(&self, bytes: Option<usize>) {
        add(&self.blocks, 1);
        if let Some(total) = &self.total {
            total.blocks.fetch_add(1, Ordering::Relaxed);
        }
        match bytes {
            Some(bytes) => self.resize(0, bytes),
            None => self.add_cold(1),
        }
    }

    /// Notes that a block has gone.
    pub(crate) fn drop_block(&self, bytes: Option<usize>) {
        add(&self.blocks, 1_usize.wrapping_neg());
        if let Some(total) = &self.total {
            total.blocks.fetch_sub(1, Ordering::Relaxed);
        }
        match bytes {
            Some(bytes) => self.resize(bytes, 0),
            None => self.add_cold(1_usize.wrapping_neg()),
        }
    }

    /// Notes that a block was brought back from the disk.
    pub(crate) fn warm(&self, bytes: usize) {
        self.add_cold(1_usize.wrapping_neg());
        self.resize(0, bytes);
    }

    /// Notes that a block left memory.
    pub(crate) fn cool(&self, bytes: usize) {
        self.add_cold(1);
        self.resize(bytes, 0);
    }

    fn add_cold(&self, blocks: usize) {
        add(&self.cold_blocks, blocks);
        if let Some(total) = &self.total {
            total.cold_blocks.fetch_add(blocks, Ordering::Relaxed);
        }
    }

    fn enter(&self) {
        if let Some(total) = &self.total {
            total.block_bytes.fetch_add(self.block_bytes.get(), Ordering::Relaxed);
            total.blocks.fetch_add(self.blocks.get(), Ordering::Relaxed);
            total.cold_blocks.fetch_add(self.cold_blocks.get(), Ordering::Relaxed);
        }
    }

    fn leave(&self) {
        if let Some(total) = &self.total {
            total.block_bytes.fetch_sub(self.block_bytes.get(), Ordering::Relaxed);
            total.blocks.fetch_sub(self.blocks.get(), Ordering::Relaxed);
            total.cold_blocks.fetch_sub(self.cold_blocks.get(), Ordering::Relaxed);
        }
    }
}

/// Adds to a count, or takes from it by adding what wraps around.
fn add(count: &Cell<usize>, number: usize) {
    count.set(count.get().wrapping_add(number));
}

impl Clone for Account {
    fn clone(&self) -> Self {
        let clone = Account {
            total: self.total.clone(),
            block_bytes: self.block_bytes.clone(),
            blocks: self.blocks.clone(),
            cold_blocks: self.cold_blocks.clone(),
        };
        clone.enter();
        clone
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_counted_until_their_account_goes() {
        let total = Arc::new(Memory::default());
        let mut one = KeyAccount::new(&total);
        let mut other = KeyAccount::new(&total);
        one.resize(0, 100);
        other.resize(0, 50);
        one.resize(100, 30);
        assert_eq!(total.used_bytes(), 80);
        one.clear();
        assert_eq!(total.used_bytes(), 50);
        drop((one, other));
        assert_eq!(total.used_bytes(), 0);
    }

    #[test]
    fn totals_are_those_of_all_accounts() {
        let total = Arc::new(Memory::default());
        let read = || (total.block_bytes(), total.blocks(), total.cold_blocks());
        let mut one = Account::default();
        one.add_block(Some(100));
        one.add_block(None);
        assert_eq!(read(), (0, 0, 0));
        one.count_in(&total);
        assert_eq!(read(), (100, 2, 1));
        one.warm(30);
        one.resize(100, 120);
        assert_eq!(read(), (150, 2, 0));
        let other = one.clone();
        other.cool(30);
        assert_eq!(read(), (270, 4, 1));
        one.drop_block(Some(120));
        other.drop_block(None);
        assert_eq!((read(), one.block_bytes(), other.cold_blocks()), ((150, 2, 0), 30, 0));
        drop(one);
        drop(other);
        assert_eq!(read(), (0, 0, 0));
    }
}

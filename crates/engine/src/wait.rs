//! Readers that wait for data on keys.

use std::fmt;

use crate::locked::Locked;

/// Somebody who waits for something to happen to a key.
///
/// The engine keeps waiters in the order in which they came and offers each change to the first
/// one first, within the same lock under which the change was made.
/// Who they are and how they are told is not its business.
pub trait Waiter: Send + Sync + fmt::Debug {
    /// Tells this waiter from others.
    fn id(&self) -> u64;

    /// Tries to give the waiter what it waits for, now that `key` has changed.
    ///
    /// Only keys whose shards are locked may be looked at; `keys` says which.
    fn serve(&self, keys: &mut Locked<'_>, db: u8, key: &[u8]) -> Service;

    /// Says whether the waiter is to be woken when the key goes away as well.
    fn watches_absence(&self) -> bool;
}

/// What came of offering a change to a waiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// It has got its answer, here or elsewhere, and waits no longer.
    Done,
    /// It goes on waiting, in its old place.
    Waiting,
}

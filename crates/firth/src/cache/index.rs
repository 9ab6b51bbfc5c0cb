//! Which keys a cache holds, and with which tags.
//!
//! Patterns and tags need to visit every value. The iterator of `moka` does not promise to visit a value that is there
//! while others come and go, so what can be dropped is listed here: a row is there before its value is, and goes when
//! `moka` says that the value has gone. The lock is taken last, and nothing is done under it but the listing.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

/// Which keys are held. A key without a value may be listed, a value without its key may not.
#[derive(Default)]
pub(super) struct Index {
    rows: Mutex<HashMap<Arc<str>, Row>>,
}

/// A value that is held.
#[derive(Clone)]
pub(super) struct Row {
    /// Which of the values of this key it is: another one may have come before word of the end of this one.
    pub(super) number: u64,
    pub(super) tags: Arc<[Arc<str>]>,
}

impl Index {
    /// Lists a value that is about to be held.
    pub(super) fn insert(&self, key: Arc<str>, row: Row) {
        self.rows.lock().insert(key, row);
    }

    /// Strikes a value out that is no longer held.
    pub(super) fn remove(&self, key: &Arc<str>, number: u64) {
        let mut rows = self.rows.lock();
        if rows.get(key).is_some_and(|row| row.number == number) {
            rows.remove(key);
        }
    }

    /// Returns the keys of all values that a predicate chooses by their keys and tags.
    pub(super) fn choose(&self, is_chosen: impl Fn(&str, &[Arc<str>]) -> bool) -> Vec<Arc<str>> {
        let rows = self.rows.lock();
        let chosen = rows.iter().filter(|(key, row)| is_chosen(key, &row.tags));
        chosen.map(|(key, _)| Arc::clone(key)).collect()
    }

    /// Forgets all, and returns how many there were.
    pub(super) fn clear(&self) -> usize {
        std::mem::take(&mut *self.rows.lock()).len()
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").finish_non_exhaustive()
    }
}

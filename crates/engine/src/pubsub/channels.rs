//! The channels of one name space and their listeners, in stripes that are locked one by one.
//!
//! A channel exists while somebody listens to it. Its stripe is chosen by the hash of its name, so
//! that workers that publish on different channels rarely wait for each other, and so that holding
//! a stripe fixes the order of everything that happens to a channel.

use std::hash::BuildHasher as _;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use parking_lot::{Mutex, MutexGuard};

use super::audience::{Audience, Listener};
use super::glob;

const STRIPES: usize = 16;

/// All channels of one name space.
#[derive(Debug, Default)]
pub(super) struct Channels {
    hasher: RandomState,
    stripes: [Stripe; STRIPES],
}

/// Alone on its cache line, because the locks of neighbours are taken by different threads.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Stripe(Mutex<HashTable<Channel>>);

#[derive(Debug)]
struct Channel {
    name: Box<[u8]>,
    audience: Audience,
}

/// The right to do something with one channel: its stripe is locked for as long as this lives.
pub(super) struct Locked<'a> {
    table: MutexGuard<'a, HashTable<Channel>>,
    hasher: &'a RandomState,
    hash: u64,
    name: &'a [u8],
}

impl Channels {
    /// Locks the stripe of the channel, whether the channel exists or not.
    pub(super) fn lock<'a>(&'a self, name: &'a [u8]) -> Locked<'a> {
        let hash = self.hasher.hash_one(name);
        // The table uses the lowest and the highest bits.
        let at = (hash >> 40) as usize % STRIPES;
        Locked { table: self.stripes[at].0.lock(), hasher: &self.hasher, hash, name }
    }

    /// The number of channels; a snapshot of each stripe in turn.
    pub(super) fn len(&self) -> u64 {
        self.stripes.iter().map(|stripe| stripe.0.lock().len() as u64).sum()
    }

    /// The names that match, or all; a snapshot of each stripe in turn.
    pub(super) fn names(&self, pattern: Option<&[u8]>) -> Vec<Vec<u8>> {
        let mut names = Vec::new();
        for stripe in &self.stripes {
            let table = stripe.0.lock();
            let matching = table.iter().filter(|channel| {
                pattern.is_none_or(|pattern| glob::matches(pattern, &channel.name))
            });
            names.extend(matching.map(|channel| channel.name.to_vec()));
        }
        names
    }
}

impl Locked<'_> {
    /// The listeners of the channel, if there are any.
    pub(super) fn audience(&self) -> Option<&Audience> {
        let channel = self.table.find(self.hash, |channel| *channel.name == *self.name)?;
        Some(&channel.audience)
    }

    /// Adds a listener, and the channel with the first one; false if it was there already.
    pub(super) fn add(&mut self, who: Listener) -> bool {
        let (hasher, name) = (self.hasher, self.name);
        let entry = self.table.entry(
            self.hash,
            |channel| *channel.name == *name,
            |channel| hasher.hash_one(&*channel.name),
        );
        let mut channel =
            entry.or_insert_with(|| Channel { name: name.into(), audience: Audience::default() });
        channel.get_mut().audience.add(who)
    }

    /// Removes a listener, and the channel with the last one; false if it was not there.
    pub(super) fn remove(&mut self, who: Listener) -> bool {
        let Ok(mut entry) = self.table.find_entry(self.hash, |channel| *channel.name == *self.name)
        else {
            return false;
        };
        let removed = entry.get_mut().audience.remove(who);
        if entry.get().audience.is_empty() {
            entry.remove();
            self.give_back();
        }
        removed
    }

    /// Gives memory back when an eighth of what the stripe has room for is left.
    fn give_back(&mut self) {
        let hasher = self.hasher;
        if self.table.len() < self.table.capacity() / 8 {
            self.table.shrink_to_fit(|channel| hasher.hash_one(&*channel.name));
        }
    }
}

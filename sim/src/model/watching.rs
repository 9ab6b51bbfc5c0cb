//! Keys that clients watch, and what becomes of their transactions.

use std::collections::{BTreeMap, BTreeSet};

use super::keys::Place;
use super::{ClientNo, Model};
use crate::told::Told;

/// What may have happened to a key that is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    Untouched,
    /// It is what it was, but was set or removed meanwhile.
    Touched,
    Changed,
}

/// The keys that a client watches.
pub(crate) type Watched = BTreeMap<Place, Fate>;

impl Model {
    pub(super) fn watch(&mut self, client: ClientNo, places: impl IntoIterator<Item = Place>) {
        let session = self.sessions.entry(client).or_default();
        // What is hidden goes later, and that may count.
        let fate = if self.may_hide { Fate::Touched } else { Fate::Untouched };
        for place in places {
            session.watched.entry(place).or_insert(fate);
        }
    }

    pub(super) fn unwatch(&mut self, client: ClientNo) -> Watched {
        let session = self.sessions.get_mut(&client);
        session.map(|session| std::mem::take(&mut session.watched)).unwrap_or_default()
    }

    /// Notes what has happened to keys, for those who watch them.
    pub(super) fn note_fates(&mut self, touched: &BTreeSet<Place>, changed: &BTreeSet<Place>) {
        let sessions = self.sessions.values_mut();
        for (place, fate) in sessions.flat_map(|session| &mut session.watched) {
            if changed.contains(place) {
                *fate = Fate::Changed;
            } else if touched.contains(place) {
                *fate = (*fate).max(Fate::Touched);
            }
        }
    }

    /// Ends the watching at an EXEC that was told this; says whether nothing is to be done. It is
    /// believed where both can be true.
    pub(super) fn is_stale(&mut self, client: ClientNo, told: &Told) -> bool {
        let watched = self.unwatch(client);
        let worst = watched.values().copied().max().unwrap_or(Fate::Untouched);
        self.looked_at.extend(watched.into_keys());
        match worst {
            Fate::Untouched => false,
            Fate::Touched => *told == Told::Nil,
            Fate::Changed => true,
        }
    }
}

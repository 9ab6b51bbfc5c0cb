//! Order by key: which entries hold back which.
//!
//! The entries of a key form a lane, ordered by id: those of this worker, and those that are pending
//! for others. Only the first of a lane may run, and it leaves its lane when it is settled.

use std::collections::{BTreeSet, HashMap};

use super::desk::Held;
use crate::EntryId;

/// What stands for a key. Two keys that share one are only less parallel than they could be.
pub(super) type Key = u64;

/// The entries of each key that are not settled.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: HashMap<Key, BTreeSet<EntryId>>,
    /// The entries that are this worker's, wherever they lie.
    own: HashMap<EntryId, Key>,
    /// The entries that are pending for others; those without a key hold nothing back.
    others: HashMap<EntryId, Option<Key>>,
    /// This worker's entries that are held back.
    waiting: HashMap<EntryId, Held>,
}

impl Lanes {
    /// Says whether an entry is this worker's.
    pub(super) fn has(&self, id: EntryId) -> bool {
        self.own.contains_key(&id)
    }

    /// Returns the entries that are held back.
    pub(super) fn waiting(&self) -> &HashMap<EntryId, Held> {
        &self.waiting
    }

    /// Returns the key of an entry that is pending for others, if it is known.
    pub(super) fn other(&self, id: EntryId) -> Option<Option<Key>> {
        self.others.get(&id).copied()
    }

    /// Returns those entries of others that hold back one of this worker's, the oldest first.
    pub(super) fn blockers(&self) -> Vec<EntryId> {
        if self.others.is_empty() {
            return Vec::new();
        }
        let keys = self.waiting.keys().filter_map(|id| self.own.get(id));
        let first = |key: &Key| self.lanes.get(key).and_then(|lane| lane.first()).copied();
        let firsts = keys.filter_map(first);
        let blockers: BTreeSet<EntryId> =
            firsts.filter(|id| self.others.contains_key(id)).collect();
        blockers.into_iter().collect()
    }

    /// Takes an entry in; returns it if it may run.
    pub(super) fn enter(&mut self, held: Held, key: Key) -> Option<Held> {
        let id = held.entry.id;
        self.lanes.entry(key).or_default().insert(id);
        self.own.insert(id, key);
        self.others.remove(&id);
        self.run_or_wait(held)
    }

    /// Returns an entry that is in its lane if it may run; else it is held back.
    pub(super) fn run_or_wait(&mut self, held: Held) -> Option<Held> {
        let id = held.entry.id;
        let lane = self.own.get(&id).and_then(|key| self.lanes.get(key));
        if lane.is_none_or(|lane| lane.first() == Some(&id)) {
            return Some(held);
        }
        self.waiting.insert(id, held);
        None
    }

    /// Lets an entry leave that is settled; returns what may run now.
    pub(super) fn settle(&mut self, id: EntryId) -> Option<Held> {
        let key = self.own.remove(&id)?;
        self.leave(id, key)
    }

    /// Notes that an entry is no longer this worker's. It holds back what it held back, until others
    /// are done with it.
    pub(super) fn lose(&mut self, id: EntryId) {
        if let Some(key) = self.own.remove(&id) {
            self.others.insert(id, Some(key));
        }
    }

    /// Says whether these are known to be pending for others, and nothing else is.
    pub(super) fn are_others(&self, others: &HashMap<EntryId, Option<Key>>) -> bool {
        self.others == *others
    }

    /// Notes all that is pending for others; returns what may run now.
    pub(super) fn set_others(&mut self, others: HashMap<EntryId, Option<Key>>) -> Vec<Held> {
        let before = std::mem::take(&mut self.others);
        for (id, key) in &others {
            let Some(key) = key else { continue };
            self.lanes.entry(*key).or_default().insert(*id);
        }
        let gone = before.into_iter().filter(|(id, _)| !others.contains_key(id));
        let gone: Vec<(EntryId, Key)> = gone.filter_map(|(id, key)| Some((id, key?))).collect();
        self.others = others;
        gone.into_iter().filter_map(|(id, key)| self.leave(id, key)).collect()
    }

    fn leave(&mut self, id: EntryId, key: Key) -> Option<Held> {
        let lane = self.lanes.get_mut(&key)?;
        lane.remove(&id);
        let Some(first) = lane.first() else {
            self.lanes.remove(&key);
            return None;
        };
        self.waiting.remove(first)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;
    use crate::backend::{Entry, Fields};

    fn id(ms: u64) -> EntryId {
        EntryId::new(ms, 0)
    }

    fn held(ms: u64) -> Held {
        Held { entry: Entry { id: id(ms), fields: Fields::from([("a", "1")]) }, deliveries: 1 }
    }

    fn ids(held: impl IntoIterator<Item = Held>) -> Vec<u64> {
        held.into_iter().map(|held| held.entry.id.ms).collect()
    }

    #[test]
    fn the_first_of_each_key_runs() {
        let mut lanes = Lanes::default();
        let entered = [(1, 7), (2, 7), (3, 8), (4, 7)].map(|(ms, key)| lanes.enter(held(ms), key));
        assert_eq!(ids(entered.into_iter().flatten()), [1, 3]);
        assert_eq!(ids(lanes.settle(id(1))), [2]);
        assert_eq!(ids(lanes.settle(id(3))), [] as [u64; 0]);
        assert_eq!(ids(lanes.settle(id(2))), [4]);
        assert_eq!(ids(lanes.settle(id(4))), [] as [u64; 0]);
        assert!(lanes.lanes.is_empty() && lanes.own.is_empty() && lanes.waiting.is_empty());
    }

    #[test]
    fn what_others_hold_goes_first() {
        let mut lanes = Lanes::default();
        let others = [(id(1), Some(7)), (id(2), None), (id(9), Some(7))];
        assert!(lanes.set_others(others.into()).is_empty());
        assert!(lanes.enter(held(3), 7).is_none());
        assert_eq!(lanes.blockers(), [id(1)]);
        assert_eq!(ids(lanes.set_others([(id(9), Some(7))].into())), [3]);
        assert!(lanes.blockers().is_empty());
        assert!(lanes.set_others(HashMap::new()).is_empty());
        assert!(lanes.settle(id(3)).is_none());
        assert!(lanes.lanes.is_empty());
    }

    #[test]
    fn what_is_taken_over_runs_before_what_it_held_back() {
        let mut lanes = Lanes::default();
        lanes.set_others([(id(1), Some(7))].into());
        assert!(lanes.enter(held(3), 7).is_none());
        assert!(lanes.set_others(HashMap::new()).len() == 1, "3 may run");
        let again = lanes.enter(held(1), 7).map(|held| held.entry.id);
        assert_eq!(again, Some(id(1)));
        assert!(lanes.run_or_wait(held(3)).is_none(), "1 has come back before 3 was started");
        assert_eq!(ids(lanes.settle(id(1))), [3]);
    }

    #[test]
    fn what_is_lost_still_holds_back() {
        let mut lanes = Lanes::default();
        assert!(lanes.enter(held(1), 7).is_some());
        assert!(lanes.enter(held(2), 7).is_none());
        lanes.lose(id(1));
        assert_eq!((lanes.has(id(1)), lanes.blockers()), (false, vec![id(1)]));
        assert_eq!(ids(lanes.set_others(HashMap::new())), [2]);
    }
}

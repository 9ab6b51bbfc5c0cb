//! Consumer groups: a cursor, the entries delivered and not yet acknowledged, and the consumers.

use std::collections::BTreeMap;

use super::consumer::{ConsumerNo, Consumers};
use super::id::EntryId;
use super::pending::PendingList;

/// One consumer group of a stream.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// The id of the last entry that was delivered to anybody; new entries lie above it.
    pub last_delivered: EntryId,
    /// How many entries of the stream, counted from its first ever, lie at or below the cursor;
    /// `None`: not known.
    pub entries_read: Option<u64>,
    /// What was delivered and is not yet acknowledged.
    pub pending: PendingList,
    /// Who reads.
    pub consumers: Consumers,
}

impl Group {
    /// Creates a group with its cursor at `last_delivered`, nobody in it and nothing pending.
    #[must_use]
    pub fn new(last_delivered: EntryId, entries_read: Option<u64>) -> Self {
        Self { last_delivered, entries_read, ..Self::default() }
    }

    /// The consumer called `name`, created as seen at `now_ms` if there is none.
    pub fn create_consumer(&mut self, name: &[u8], now_ms: u64) -> ConsumerNo {
        self.consumers.create(name, now_ms)
    }

    /// Removes a consumer and forgets all that is pending for it. Returns how many entries that
    /// were, or `None` if there is no such consumer.
    pub fn remove_consumer(&mut self, name: &[u8]) -> Option<u64> {
        let no = self.consumers.find(name)?;
        let forgotten = self.pending.remove_consumer(no);
        self.consumers.remove(no);
        Some(forgotten)
    }

    /// Whether the entry may still be wanted here: not delivered yet, or not acknowledged.
    #[must_use]
    pub fn references(&self, id: EntryId) -> bool {
        id > self.last_delivered || self.pending.contains(id)
    }

    /// The bytes that the group takes, itself included.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let own = size_of::<Self>() - size_of::<PendingList>();
        own + self.pending.memory_bytes() + self.consumers.heap_bytes()
    }
}

/// All groups of a stream, ordered by the bytes of their names.
///
/// A stream without groups pays for one empty map and no allocation.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    by_name: BTreeMap<Box<[u8]>, Box<Group>>,
}

impl Groups {
    /// Creates the empty set, which allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { by_name: BTreeMap::new() }
    }

    /// How many groups there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there is no group.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// The group called `name`.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&Group> {
        self.by_name.get(name).map(Box::as_ref)
    }

    /// The group called `name`, to change it.
    pub fn get_mut(&mut self, name: &[u8]) -> Option<&mut Group> {
        self.by_name.get_mut(name).map(Box::as_mut)
    }

    /// Puts `group` under `name` and returns the one that was there before.
    pub fn insert(&mut self, name: &[u8], group: Group) -> Option<Group> {
        self.by_name.insert(name.into(), Box::new(group)).map(|group| *group)
    }

    /// Removes a group with all that is pending in it.
    pub fn remove(&mut self, name: &[u8]) -> Option<Group> {
        self.by_name.remove(name).map(|group| *group)
    }

    /// All groups, ascending by the bytes of their names.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&[u8], &Group)> {
        self.by_name.iter().map(|(name, group)| (name.as_ref(), group.as_ref()))
    }

    /// All groups, to change them.
    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = (&[u8], &mut Group)> {
        self.by_name.iter_mut().map(|(name, group)| (name.as_ref(), group.as_mut()))
    }

    /// Whether any group may still want the entry: one has not been delivered it, or has it
    /// pending. Without groups nobody wants it.
    #[must_use]
    pub fn references(&self, id: EntryId) -> bool {
        self.by_name.values().any(|group| group.references(id))
    }

    /// Removes the entry from the pending list of every group and returns from how many.
    pub fn forget_everywhere(&mut self, id: EntryId) -> usize {
        self.by_name.values_mut().filter_map(|group| group.pending.remove(id)).count()
    }

    /// The bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let place = size_of::<Box<[u8]>>() + size_of::<Box<Group>>();
        self.iter().map(|(name, group)| place + name.len() + group.memory_bytes()).sum()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    const fn id(ms: u64) -> EntryId {
        EntryId::new(ms, 0)
    }

    #[test]
    fn removing_a_consumer_forgets_its_pending_entries_only() {
        let mut group = Group::new(id(9), Some(4));
        let (alice, bob) = (group.create_consumer(b"alice", 1), group.create_consumer(b"bob", 1));
        group.pending.own(id(1), alice, 1, 1);
        group.pending.own(id(2), bob, 1, 1);
        group.pending.own(id(3), alice, 1, 1);
        group.pending.release(id(4), 1);
        assert_eq!(group.remove_consumer(b"carol"), None);
        assert_eq!(group.remove_consumer(b"alice"), Some(2));
        assert_eq!(group.remove_consumer(b"alice"), None);
        assert!(group.pending.iter_from(EntryId::MIN).map(|p| p.id).eq([id(2), id(4)]));
        // The number is free again and must not carry anything over to the next one.
        let carol = group.create_consumer(b"carol", 2);
        assert_eq!((carol, group.pending.len_of(carol)), (alice, 0));
    }

    #[test]
    fn an_entry_is_referenced_until_every_group_has_read_and_acknowledged_it() {
        let mut groups = Groups::new();
        assert!(!groups.references(id(5)));
        groups.insert(b"slow", Group::new(id(3), None));
        let mut quick = Group::new(id(8), None);
        quick.pending.own(id(2), ConsumerNo::new(0), 1, 1);
        groups.insert(b"quick", quick);
        let check = |groups: &Groups, cases: &[(u64, bool)]| {
            for &(ms, expect) in cases {
                assert_eq!(groups.references(id(ms)), expect, "{ms}");
            }
        };
        check(&groups, &[(1, false), (2, true), (3, false), (4, true), (8, true), (9, true)]);
        groups.get_mut(b"slow").unwrap().last_delivered = id(7);
        check(&groups, &[(4, false), (7, false), (8, true)]);
        assert_eq!(groups.forget_everywhere(id(2)), 1);
        assert_eq!(groups.forget_everywhere(id(2)), 0);
        check(&groups, &[(2, false)]);
    }

    #[test]
    fn groups_come_in_the_order_of_their_bytes() {
        let mut groups = Groups::new();
        for name in [&b"b"[..], b"", b"a\xff", b"a", b"B"] {
            assert!(groups.insert(name, Group::default()).is_none());
        }
        assert!(groups.iter().map(|(name, _)| name).eq([&b""[..], b"B", b"a", b"a\xff", b"b"]));
        assert!(groups.remove(b"a").is_some());
        assert!(groups.get(b"a").is_none());
        assert_eq!(groups.len(), 4);
        assert!(size_of::<Groups>() <= 24);
    }
}

//! The consumers of one group: names, numbers and when each was last heard of.
//!
//! A consumer is known inside by a small number, so that a pending entry names its owner in four
//! bytes. Numbers are dense: a new consumer gets the smallest number that nobody has, which makes
//! them good indexes into arrays and makes the next number a function of the numbers in use.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

/// The counts of references that lie before a shared name.
const COUNTS_BYTES: usize = 2 * size_of::<usize>();

/// The numbers below this one may be given to somebody.
const NUMBERS_MAX: u32 = u32::MAX - 1;

/// The number of a consumer within its group. It may name another consumer after a removal.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConsumerNo(u32);

impl ConsumerNo {
    /// The number `no`. The two greatest numbers of the type are never given to anybody.
    #[must_use]
    pub const fn new(no: u32) -> Self {
        Self(no)
    }

    /// The bare number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The bare number, to index with.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One consumer of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Consumer {
    name: Arc<[u8]>,
    /// When it last tried to read or claim, in milliseconds since the Unix epoch.
    pub seen_ms: u64,
    /// When it last got an entry, in milliseconds since the Unix epoch; `None`: never.
    pub active_ms: Option<u64>,
}

impl Consumer {
    /// The name, which never changes.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name
    }
}

/// All consumers of a group, ordered by the bytes of their names.
#[derive(Clone, Debug, Default)]
pub struct Consumers {
    slots: Vec<Option<Consumer>>,
    vacant: BinaryHeap<Reverse<u32>>,
    by_name: BTreeMap<Arc<[u8]>, ConsumerNo>,
}

impl Consumers {
    /// Creates the empty set, which allocates nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many consumers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there is no consumer.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// The number of the consumer called `name`.
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<ConsumerNo> {
        self.by_name.get(name).copied()
    }

    /// Creates the consumer called `name`, seen at `seen_ms` and never active, unless there is one;
    /// an existing one stays as it is. Either way this is its number.
    pub fn create(&mut self, name: &[u8], seen_ms: u64) -> ConsumerNo {
        if let Some(no) = self.find(name) {
            return no;
        }
        let name: Arc<[u8]> = name.into();
        let no = self.occupy(Consumer { name: Arc::clone(&name), seen_ms, active_ms: None });
        self.by_name.insert(name, no);
        no
    }

    /// Brings back who has the next number, `None` for nobody. Returns `None` if there is a consumer
    /// of this name already.
    pub(crate) fn restore(&mut self, consumer: Option<(&[u8], u64, Option<u64>)>) -> Option<()> {
        let no = u32::try_from(self.slots.len()).ok().filter(|no| *no < NUMBERS_MAX)?;
        let Some((name, seen_ms, active_ms)) = consumer else {
            self.slots.push(None);
            self.vacant.push(Reverse(no));
            return Some(());
        };
        if self.find(name).is_some() {
            return None;
        }
        let name: Arc<[u8]> = name.into();
        self.by_name.insert(Arc::clone(&name), ConsumerNo(no));
        self.slots.push(Some(Consumer { name, seen_ms, active_ms }));
        Some(())
    }

    /// Says whether there is a consumer with this number.
    pub(crate) fn has(&self, no: u32) -> bool {
        self.get(ConsumerNo(no)).is_some()
    }

    /// Who has each number, up to the last one that somebody has.
    pub(crate) fn by_number(&self) -> impl ExactSizeIterator<Item = Option<&Consumer>> {
        let used = self.slots.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        self.slots.iter().take(used).map(Option::as_ref)
    }

    /// Removes a consumer; its number may be given to the next one.
    pub fn remove(&mut self, no: ConsumerNo) -> Option<Consumer> {
        let consumer = self.slots.get_mut(no.index())?.take()?;
        self.by_name.remove(&consumer.name);
        self.vacant.push(Reverse(no.0));
        Some(consumer)
    }

    /// The consumer with this number.
    #[must_use]
    pub fn get(&self, no: ConsumerNo) -> Option<&Consumer> {
        self.slots.get(no.index())?.as_ref()
    }

    /// The consumer with this number, to change its times.
    pub fn get_mut(&mut self, no: ConsumerNo) -> Option<&mut Consumer> {
        self.slots.get_mut(no.index())?.as_mut()
    }

    /// Notes that the consumer was heard of at `now_ms`.
    pub fn touch_seen(&mut self, no: ConsumerNo, now_ms: u64) {
        if let Some(consumer) = self.get_mut(no) {
            consumer.seen_ms = now_ms;
        }
    }

    /// Notes that the consumer was heard of and got an entry at `now_ms`.
    pub fn touch_active(&mut self, no: ConsumerNo, now_ms: u64) {
        if let Some(consumer) = self.get_mut(no) {
            consumer.seen_ms = now_ms;
            consumer.active_ms = Some(now_ms);
        }
    }

    /// All consumers, ascending by the bytes of their names.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (ConsumerNo, &Consumer)> {
        self.by_name.values().filter_map(|&no| Some((no, self.get(no)?)))
    }

    /// The bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let place = size_of::<(Arc<[u8]>, ConsumerNo)>() + COUNTS_BYTES;
        let names: usize = self.by_name.keys().map(|name| place + name.len()).sum();
        names
            + self.slots.capacity() * size_of::<Option<Consumer>>()
            + self.vacant.capacity() * size_of::<u32>()
    }

    /// Puts `consumer` under the smallest number that nobody has.
    #[expect(clippy::cast_possible_truncation, reason = "memory ends long before four billion")]
    fn occupy(&mut self, consumer: Consumer) -> ConsumerNo {
        let Some(Reverse(no)) = self.vacant.pop() else {
            self.slots.push(Some(consumer));
            return ConsumerNo((self.slots.len() - 1) as u32);
        };
        if let Some(slot) = self.slots.get_mut(no as usize) {
            *slot = Some(consumer);
        }
        ConsumerNo(no)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn creating_twice_gives_the_same_consumer() {
        let mut consumers = Consumers::new();
        let alice = consumers.create(b"alice", 10);
        consumers.touch_active(alice, 20);
        assert_eq!(consumers.create(b"alice", 30), alice);
        assert_eq!(consumers.len(), 1);
        let alice = consumers.get(alice).unwrap();
        assert_eq!((alice.name(), alice.seen_ms, alice.active_ms), (&b"alice"[..], 20, Some(20)));
    }

    #[test]
    fn being_seen_is_not_being_active() {
        let mut consumers = Consumers::new();
        let no = consumers.create(b"", 10);
        consumers.touch_seen(no, 20);
        let consumer = consumers.get(no).unwrap();
        assert_eq!((consumer.seen_ms, consumer.active_ms), (20, None));
    }

    #[test]
    fn the_smallest_free_number_is_used_again() {
        let mut consumers = Consumers::new();
        let numbers: Vec<ConsumerNo> =
            [b"a", b"b", b"c", b"d"].iter().map(|name| consumers.create(*name, 0)).collect();
        assert_eq!(numbers.iter().map(|no| no.get()).collect::<Vec<_>>(), [0, 1, 2, 3]);
        consumers.remove(numbers[2]);
        consumers.remove(numbers[1]);
        assert_eq!(consumers.remove(numbers[1]), None);
        assert_eq!(consumers.create(b"x", 0), numbers[1]);
        assert_eq!(consumers.create(b"y", 0), numbers[2]);
        assert_eq!(consumers.create(b"z", 0).get(), 4);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn behaves_like_a_map_of_names(
            steps in prop::collection::vec((any::<bool>(), "[ab\u{ff}]{0,3}"), 1..200),
        ) {
            let mut consumers = Consumers::new();
            let mut model: BTreeMap<Vec<u8>, ConsumerNo> = BTreeMap::new();
            for (creates, name) in steps {
                let name = name.into_bytes();
                if creates {
                    let no = consumers.create(&name, 0);
                    prop_assert_eq!(*model.entry(name).or_insert(no), no);
                } else if let Some(no) = model.remove(&name) {
                    let consumer = consumers.remove(no).unwrap();
                    prop_assert_eq!(consumer.name(), &name[..]);
                } else {
                    prop_assert_eq!(consumers.find(&name), None);
                }
                prop_assert_eq!(consumers.len(), model.len());
                let names = consumers.iter().map(|(no, consumer)| (consumer.name(), no));
                prop_assert!(names.eq(model.iter().map(|(name, &no)| (&name[..], no))));
                prop_assert!(model.iter().all(|(name, &no)| consumers.find(name) == Some(no)));
            }
        }
    }
}

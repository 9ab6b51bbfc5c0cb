//! The pending list of one group: entries that were delivered and not yet acknowledged.
//!
//! A pending entry is owned by one consumer, or by nobody after it was given back. Each is one row
//! of 32 bytes; three indexes of four-byte row numbers keep the rows in order: all by id, those of
//! each consumer by id, and all by age. By age, the unowned come first in the order in which they
//! were released, then the owned, the longest delivered first, equal times by id. This is the order
//! in which entries are handed out again.
//!
//! Any operation costs the logarithm of the number of rows for each row that it touches.

mod rows;
#[cfg(test)]
mod tests;

use std::convert::identity;

use self::rows::{Age, Rows};
pub(crate) use self::rows::{Row, UNOWNED};
use super::consumer::ConsumerNo;
use super::id::EntryId;
use super::slot_index::{Place, SlotIndex};

/// The delivery count of an entry that was declared undeliverable; counts never leave it.
pub const DELIVERIES_FATAL: u64 = i64::MAX as u64;

/// One pending entry.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Pending {
    /// The id of the entry, which may be deleted in the meantime.
    pub id: EntryId,
    /// The consumer that has it; `None` after a release.
    pub owner: Option<ConsumerNo>,
    /// When the owner got it, in milliseconds since the Unix epoch; 0 if unowned.
    pub delivered_ms: u64,
    /// How often it was delivered. From `u32::MAX` on, counts read as [`DELIVERIES_FATAL`].
    pub deliveries: u64,
}

/// All pending entries of one group.
#[derive(Clone, Debug)]
pub struct PendingList {
    rows: Rows,
    by_id: SlotIndex<EntryId>,
    by_age: SlotIndex<Age>,
    by_consumer: Vec<SlotIndex<EntryId>>,
    nacked: usize,
    /// The turn of the next released entry.
    next_turn: u64,
}

impl Default for PendingList {
    fn default() -> Self {
        Self::new()
    }
}

impl PendingList {
    /// Creates an empty list, which allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            rows: Rows::new(),
            by_id: SlotIndex::new(),
            by_age: SlotIndex::new(),
            by_consumer: Vec::new(),
            nacked: 0,
            next_turn: 0,
        }
    }

    /// Brings back a list from its rows, whose ids ascend.
    pub(crate) fn of_rows(rows: &[Row], next_turn: u64) -> Self {
        let mut list = Self { next_turn, ..Self::new() };
        let mut ages = Vec::with_capacity(rows.len());
        for row in rows {
            let slot = list.rows.add(*row);
            list.by_id.insert(list.by_id.end(), slot, list.rows.ids());
            match row.owner {
                UNOWNED => list.nacked += 1,
                owner => {
                    let index = index_of(&mut list.by_consumer, owner);
                    index.insert(index.end(), slot, list.rows.ids());
                }
            }
            ages.push((row.age(), slot));
        }
        ages.sort_unstable();
        for (_, slot) in ages {
            list.by_age.insert(list.by_age.end(), slot, list.rows.ages());
        }
        list
    }

    /// The turn of the next released entry.
    pub(crate) const fn next_turn(&self) -> u64 {
        self.next_turn
    }

    /// All rows, ascending by their ids.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.by_id.iter_from(Place::START).map(|slot| self.rows.get(slot))
    }

    /// How many entries are pending.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether nothing is pending.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// How many pending entries nobody owns.
    #[must_use]
    pub const fn nacked_len(&self) -> usize {
        self.nacked
    }

    /// How many pending entries this consumer owns.
    #[must_use]
    pub fn len_of(&self, consumer: ConsumerNo) -> usize {
        self.by_consumer.get(consumer.index()).map_or(0, SlotIndex::len)
    }

    /// The pending entry with this id.
    #[must_use]
    pub fn get(&self, id: EntryId) -> Option<Pending> {
        let place = self.by_id.search(id, self.rows.ids()).ok()?;
        Some(self.pending(self.by_id.get(place)?))
    }

    /// A cursor that looks many ids up, the faster the nearer each is to the one before.
    #[must_use]
    pub const fn cursor(&self) -> Cursor<'_> {
        Cursor { list: self, near: Place::START }
    }

    /// Whether the entry with this id is pending.
    #[must_use]
    pub fn contains(&self, id: EntryId) -> bool {
        self.by_id.search(id, self.rows.ids()).is_ok()
    }

    /// The smallest pending id.
    #[must_use]
    pub fn first_id(&self) -> Option<EntryId> {
        Some(self.rows.get(self.by_id.first()?).id)
    }

    /// The greatest pending id.
    #[must_use]
    pub fn last_id(&self) -> Option<EntryId> {
        Some(self.rows.get(self.by_id.last()?).id)
    }

    /// The smallest pending id of this consumer.
    #[must_use]
    pub fn first_id_of(&self, consumer: ConsumerNo) -> Option<EntryId> {
        Some(self.rows.get(self.by_consumer.get(consumer.index())?.first()?).id)
    }

    /// The greatest pending id of this consumer.
    #[must_use]
    pub fn last_id_of(&self, consumer: ConsumerNo) -> Option<EntryId> {
        Some(self.rows.get(self.by_consumer.get(consumer.index())?.last()?).id)
    }

    /// Makes `consumer` the owner of the entry, pending before or not, with this time and count.
    pub fn own(&mut self, id: EntryId, consumer: ConsumerNo, delivered_ms: u64, deliveries: u64) {
        let deliveries = packed(deliveries);
        self.put(Row { id, clock: delivered_ms, deliveries, owner: consumer.get() });
    }

    /// Makes the entry, pending before or not, one that nobody owns, queued behind all that were
    /// released earlier; releasing it once more queues it again.
    pub fn release(&mut self, id: EntryId, deliveries: u64) {
        let clock = self.next_turn;
        self.next_turn += 1;
        self.put(Row { id, clock, deliveries: packed(deliveries), owner: UNOWNED });
    }

    /// Forgets the entry and returns what it was.
    pub fn remove(&mut self, id: EntryId) -> Option<Pending> {
        let place = self.by_id.seek(id, self.rows.ids()).ok()?;
        let slot = self.by_id.remove(place)?;
        let pending = self.pending(slot);
        let row = *self.rows.get(slot);
        self.leave_others(&row, None);
        self.rows.remove(slot);
        while let Some(last) = self.rows.misplaced() {
            self.relocate(last);
        }
        Some(pending)
    }

    /// Forgets all entries that this consumer owns and returns how many there were.
    pub fn remove_consumer(&mut self, consumer: ConsumerNo) -> u64 {
        let mut removed = 0;
        while let Some(id) = self.last_id_of(consumer) {
            self.remove(id);
            removed += 1;
        }
        removed
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// All pending entries with ids from `start` on, ascending.
    pub fn iter_from(&self, start: EntryId) -> impl DoubleEndedIterator<Item = Pending> {
        let place = self.by_id.lower_bound(start, self.rows.ids());
        self.by_id.iter_from(place).map(|slot| self.pending(slot))
    }

    /// The pending entries of one consumer with ids from `start` on, ascending.
    pub fn iter_of(
        &self,
        consumer: ConsumerNo,
        start: EntryId,
    ) -> impl DoubleEndedIterator<Item = Pending> {
        let index = self.by_consumer.get(consumer.index()).into_iter();
        index.flat_map(move |index| {
            let place = index.lower_bound(start, self.rows.ids());
            index.iter_from(place).map(|slot| self.pending(slot))
        })
    }

    /// All pending entries by age: the unowned in the order of their release, then the owned, the
    /// longest delivered first, equal times by id.
    pub fn oldest(&self) -> impl DoubleEndedIterator<Item = Pending> {
        self.by_age.iter_from(Place::START).map(|slot| self.pending(slot))
    }

    /// The bytes that the list takes, itself included.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.rows.heap_bytes()
            + self.by_id.heap_bytes()
            + self.by_age.heap_bytes()
            + self.by_consumer.iter().map(SlotIndex::heap_bytes).sum::<usize>()
            + self.by_consumer.capacity() * size_of::<SlotIndex<EntryId>>()
    }

    fn pending(&self, slot: u32) -> Pending {
        let row = self.rows.get(slot);
        let deliveries =
            if row.deliveries == u32::MAX { DELIVERIES_FATAL } else { row.deliveries.into() };
        let (owner, delivered_ms) = match row.owner {
            UNOWNED => (None, 0),
            owner => (Some(ConsumerNo::new(owner)), row.clock),
        };
        Pending { id: row.id, owner, delivered_ms, deliveries }
    }

    fn put(&mut self, row: Row) {
        match self.by_id.seek(row.id, self.rows.ids()) {
            Ok(place) => {
                let slot = self.by_id.get(place).unwrap_or_default();
                let before = *self.rows.get(slot);
                self.leave_others(&before, Some(&row));
                *self.rows.get_mut(slot) = row;
                self.join_others(slot, &row, Some(&before));
            }
            Err(place) => {
                let slot = self.rows.add(row);
                self.by_id.insert(place, slot, self.rows.ids());
                self.join_others(slot, &row, None);
            }
        }
    }

    /// Enters a row into the orders by age and by consumer, except where it was `before` already.
    fn join_others(&mut self, slot: u32, row: &Row, before: Option<&Row>) {
        if before.is_none_or(|before| before.age() != row.age()) {
            let place = self.by_age.seek(row.age(), self.rows.ages());
            self.by_age.insert(place.unwrap_or_else(identity), slot, self.rows.ages());
        }
        if before.is_some_and(|before| before.owner == row.owner) {
            return;
        }
        if row.owner == UNOWNED {
            self.nacked += 1;
            return;
        }
        let index = index_of(&mut self.by_consumer, row.owner);
        let place = index.seek(row.id, self.rows.ids());
        index.insert(place.unwrap_or_else(identity), slot, self.rows.ids());
    }

    /// Takes a row out of the orders by age and by consumer, except where it stays as it will be
    /// `after`.
    fn leave_others(&mut self, row: &Row, after: Option<&Row>) {
        if after.is_none_or(|after| after.age() != row.age())
            && let Ok(place) = self.by_age.seek(row.age(), self.rows.ages())
        {
            self.by_age.remove(place);
        }
        if after.is_some_and(|after| after.owner == row.owner) {
            return;
        }
        if row.owner == UNOWNED {
            self.nacked -= 1;
        } else if let Some(index) = self.by_consumer.get_mut(row.owner as usize)
            && let Ok(place) = index.seek(row.id, self.rows.ids())
        {
            index.remove(place);
        }
    }

    /// Moves a row into a hole, so that the slab becomes shorter, and tells the indexes.
    fn relocate(&mut self, from: u32) {
        let row = *self.rows.get(from);
        let to = self.rows.add(row);
        if let Ok(place) = self.by_id.search(row.id, self.rows.ids()) {
            self.by_id.replace(place, to);
        }
        if let Ok(place) = self.by_age.search(row.age(), self.rows.ages()) {
            self.by_age.replace(place, to);
        }
        if let Some(index) = self.by_consumer.get_mut(row.owner as usize)
            && let Ok(place) = index.search(row.id, self.rows.ids())
        {
            index.replace(place, to);
        }
        self.rows.remove(from);
    }
}

/// Looks ids up one after the other; one that is close behind the last one found is found at once.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    list: &'a PendingList,
    near: Place,
}

impl Cursor<'_> {
    /// The pending entry with this id.
    pub fn seek(&mut self, id: EntryId) -> Option<Pending> {
        let list = self.list;
        self.near = list.by_id.search_near(self.near, id, list.rows.ids()).ok()?;
        Some(list.pending(list.by_id.get(self.near)?))
    }
}

/// The index over the rows of this owner.
fn index_of(by_consumer: &mut Vec<SlotIndex<EntryId>>, owner: u32) -> &mut SlotIndex<EntryId> {
    let owner = owner as usize;
    if owner >= by_consumer.len() {
        by_consumer.resize_with(owner + 1, SlotIndex::new);
    }
    &mut by_consumer[owner]
}

/// The four bytes of a delivery count; what does not fit counts as [`DELIVERIES_FATAL`].
fn packed(deliveries: u64) -> u32 {
    u32::try_from(deliveries).unwrap_or(u32::MAX)
}

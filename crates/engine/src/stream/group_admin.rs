//! Creating, moving and destroying groups, and their consumers.

use super::{EntryId, StreamEffect, StreamMut};

/// Where a group's cursor is put.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GroupStart {
    /// Behind this id, which need not be that of an entry.
    After(EntryId),
    /// Behind the last id that the stream ever gave (`$`).
    AtEnd,
}

/// There is no group of this name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no such group")]
pub struct NoGroup;

/// There is a group of this name already.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the group exists already")]
pub struct GroupExists;

/// What a consumer that is heard of is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Activity {
    /// It asks.
    Asks,
    /// It is given entries.
    Receives,
}

impl StreamMut<'_, '_> {
    /// Creates a group, of which so many entries count as read; more than were ever added count as
    /// all of them.
    ///
    /// # Errors
    /// There is a group of this name.
    pub fn create_group(
        &mut self,
        group: &[u8],
        start: GroupStart,
        entries_read: Option<u64>,
    ) -> Result<(), GroupExists> {
        if self.stream.groups.get(group).is_some() {
            return Err(GroupExists);
        }
        self.put_group(group, start, entries_read);
        self.event("xgroup-create");
        Ok(())
    }

    /// Moves a group's cursor. What is pending stays so.
    ///
    /// # Errors
    /// There is no such group.
    pub fn move_group(
        &mut self,
        group: &[u8],
        start: GroupStart,
        entries_read: Option<u64>,
    ) -> Result<(), NoGroup> {
        self.stream.groups.get(group).ok_or(NoGroup)?;
        self.put_group(group, start, entries_read);
        self.event("xgroup-setid");
        Ok(())
    }

    /// Destroys a group with all that is pending in it; returns whether there was one. Those who
    /// wait for its entries are woken to learn that it is gone.
    pub fn destroy_group(&mut self, group: &[u8]) -> bool {
        if self.stream.groups.get(group).is_none() {
            return false;
        }
        self.commit(StreamEffect::DestroyGroup { group });
        self.wake();
        self.event("xgroup-destroy");
        true
    }

    /// Creates a consumer unless there is one; returns whether there was none.
    ///
    /// # Errors
    /// There is no such group.
    pub fn create_consumer(&mut self, group: &[u8], consumer: &[u8]) -> Result<bool, NoGroup> {
        let found = self.stream.groups.get(group).ok_or(NoGroup)?;
        if found.consumers.find(consumer).is_some() {
            return Ok(false);
        }
        self.see_consumer(group, consumer, Activity::Asks);
        Ok(true)
    }

    /// Deletes a consumer and forgets what is pending for it; returns how many entries that were.
    ///
    /// # Errors
    /// There is no such group.
    pub fn delete_consumer(&mut self, group: &[u8], consumer: &[u8]) -> Result<u64, NoGroup> {
        let found = self.stream.groups.get(group).ok_or(NoGroup)?;
        let Some(no) = found.consumers.find(consumer) else { return Ok(0) };
        let pending = found.pending.len_of(no) as u64;
        self.commit(StreamEffect::DeleteConsumer { group, consumer });
        self.event("xgroup-delconsumer");
        Ok(pending)
    }

    /// Notes that a consumer of an existing group was heard of, and creates it if need be.
    pub(super) fn see_consumer(&mut self, group: &[u8], consumer: &[u8], activity: Activity) {
        let known = self.stream.groups.get(group).and_then(|found| found.consumers.find(consumer));
        let seen_ms = self.now_ms;
        let active_ms = (activity == Activity::Receives).then_some(seen_ms);
        let change = StreamEffect::SeeConsumer { group, consumer, seen_ms, active_ms };
        if known.is_some() {
            // When it was heard of is logged, but a consumer that polls must not cost a sync each
            // time.
            self.commit_in_passing(change);
        } else {
            self.commit(change);
            self.event("xgroup-createconsumer");
        }
    }

    fn put_group(&mut self, group: &[u8], start: GroupStart, entries_read: Option<u64>) {
        let last_delivered = match start {
            GroupStart::After(id) => id,
            GroupStart::AtEnd => self.stream.last_id,
        };
        let entries_read = entries_read.map(|read| read.min(self.stream.entries_added));
        self.commit(StreamEffect::SetGroup { group, last_delivered, entries_read });
    }
}

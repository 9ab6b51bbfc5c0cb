//! Observing a stream's retention policy.
//!
//! What exceeds a limit goes block by block: a block goes when a limit would be reached without it
//! as well, or when every entry of it is too old. So a stream exceeds its policy by one block at most.
//! Its last two blocks are trimmed entry by entry, by length and by age, so that small limits are kept
//! exactly; those blocks hardly ever leave memory. Nothing here needs the content of any other block.
//!
//! Work is bounded: one look removes a bounded number of blocks, and whatever is left is due again at
//! once. An appended entry costs a few comparisons, and a look when something can go. A stream that is
//! held back by a group is looked at when a block is begun, and every second. What becomes due by time
//! alone is found by [`RetentionIndex`](crate::retention).

use super::policy::{NOT_DUE, Retention, Unacknowledged};
use super::{Entries, EntryId, Group, Node, Stream, StreamEffect, StreamMut};

/// How many blocks one look removes at most.
const BLOCKS_MAX: usize = 256;
/// Streams of so many blocks are trimmed entry by entry.
const BLOCKS_EXACT: usize = 2;
/// How long after it was found to be held back a stream is looked at again.
const HELD_MS: u64 = 1000;
/// How many gaps are passed over in the search of a pending entry that is still there.
const GAPS_MAX: usize = 16;

/// What keeps a stream's oldest entries, which its policy would let go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hold<'a> {
    /// The group that wants the oldest entry.
    pub group: &'a [u8],
    /// The id from which on it wants entries.
    pub from: EntryId,
}

/// What a look at a stream removes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Plan {
    through: EntryId,
    removed: u64,
    /// Whether there may be more to remove.
    is_cut: bool,
}

/// Where limits other than numbers lie.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// Entries below are too old.
    cutoff: EntryId,
    /// Entries from here on are wanted.
    floor: EntryId,
}

impl Stream {
    /// Returns what holds the stream back from its policy, if anything does.
    pub fn hold(&self, now_ms: u64) -> Option<Hold<'_>> {
        let policy = self.retention()?;
        if policy.unacknowledged == Unacknowledged::Removed {
            return None;
        }
        let (group, wanted) = self.first_wanted()?;
        let cutoff = policy.cutoff(now_ms);
        self.entries.retention_plan(&policy, Bounds { cutoff, floor: EntryId::MAX }, 1)?;
        let held = self.entries.retention_plan(&policy, Bounds { cutoff, floor: wanted }, 1);
        let from = wanted.max(self.entries.blocks().next()?.first_id());
        held.is_none().then_some(Hold { group, from })
    }

    fn retention_plan(&self, policy: &Retention, now_ms: u64) -> Option<Plan> {
        let cutoff = policy.cutoff(now_ms);
        let wanted = match policy.unacknowledged {
            Unacknowledged::Kept => self.first_wanted().map(|(_, id)| id),
            Unacknowledged::Removed => None,
        };
        let floor = wanted.unwrap_or(EntryId::MAX);
        self.entries.retention_plan(policy, Bounds { cutoff, floor }, BLOCKS_MAX)
    }

    /// Returns the id below which no group wants an entry any more, and whose group that is; `None`
    /// if no entry is wanted.
    fn first_wanted(&self) -> Option<(&[u8], EntryId)> {
        let wanted = self.groups.iter().filter_map(|(name, group)| {
            let pending = first_pending(&self.entries, group);
            Some((name, first_unread(&self.entries, group).into_iter().chain(pending).min()?))
        });
        wanted.min_by_key(|(_, id)| *id)
    }

    /// Returns when the next entries are going to be too old.
    fn next_age_ms(&self, policy: &Retention) -> Option<u64> {
        let age_ms = policy.age_ms?;
        let below = match self.entries.node_count() {
            ..=BLOCKS_EXACT => self.entries.first_id()?.next()?,
            _ => self.entries.blocks().nth(1)?.first_id(),
        };
        let start_ms = below.ms.saturating_add(u64::from(below.seq > 0));
        Some(start_ms.saturating_add(age_ms))
    }
}

impl Retention {
    /// Returns the id below which entries are too old.
    fn cutoff(&self, now_ms: u64) -> EntryId {
        let start_ms = self.age_ms.and_then(|age_ms| now_ms.checked_sub(age_ms));
        start_ms.map_or(EntryId::MIN, |ms| EntryId::new(ms, 0))
    }
}

fn first_unread(entries: &Entries, group: &Group) -> Option<EntryId> {
    let next = group.last_delivered.next()?;
    entries.last_id().is_some_and(|last| last >= next).then_some(next)
}

/// Returns the first pending entry that is there, or may be.
fn first_pending(entries: &Entries, group: &Group) -> Option<EntryId> {
    let mut start = entries.blocks.front()?.first_id();
    for _ in 0..GAPS_MAX {
        let pending = group.pending.iter_from(start).next()?.id;
        let index = entries.block_of(pending);
        let block = entries.blocks.get(index)?;
        if block.bytes().is_none() {
            return Some(pending);
        }
        let there = block.entries().map(|entry| entry.id).find(|id| *id >= pending);
        match there.or_else(|| Some(entries.blocks.get(index + 1)?.first_id())) {
            Some(id) if id != pending => start = id,
            found => return found,
        }
    }
    Some(group.pending.iter_from(start).next()?.id)
}

impl Entries {
    /// Returns whether there are more entries or bytes than the policy lets stay, which takes no look
    /// at entries.
    fn exceeds(&self, policy: &Retention) -> bool {
        let Some(front) = self.blocks().next() else { return false };
        let is_short = self.node_count() <= BLOCKS_EXACT;
        let (len, live) = (self.len(), if is_short { 1 } else { u64::from(front.live()) });
        let packed_bytes = self.packed_bytes() - front.packed_bytes();
        policy.len_max.is_some_and(|len_max| len - live >= len_max)
            || policy.bytes_max.is_some_and(|bytes_max| packed_bytes >= bytes_max)
    }

    fn retention_plan(&self, policy: &Retention, at: Bounds, blocks_max: usize) -> Option<Plan> {
        let (mut whole, mut len, mut packed_bytes) = (0, self.len(), self.packed_bytes());
        for block in self.blocks().take(blocks_max) {
            let (live, bytes) = (u64::from(block.live()), block.packed_bytes());
            let is_excess = policy.len_max.is_some_and(|len_max| len - live >= len_max)
                || policy.bytes_max.is_some_and(|bytes_max| packed_bytes - bytes >= bytes_max)
                || self.lies_below(whole, at.cutoff);
            if !is_excess || !self.lies_below(whole, at.floor) {
                break;
            }
            (whole, len, packed_bytes) = (whole + 1, len - live, packed_bytes - bytes);
        }
        let removed = self.len() - len;
        let is_cut = whole == blocks_max;
        let through = match self.blocks.get(whole) {
            _ if whole == 0 => None,
            Some(next) => next.first_id().prev(),
            None => self.last_id(),
        };
        let plan = through.map(|through| Plan { through, removed, is_cut });
        if is_cut || self.node_count() - whole > BLOCKS_EXACT {
            return plan;
        }
        self.plan_within(whole, policy, at, removed).or(plan)
    }

    /// Plans what goes of the block at `index`, behind the `removed` entries before it.
    fn plan_within(
        &self,
        index: usize,
        policy: &Retention,
        at: Bounds,
        removed: u64,
    ) -> Option<Plan> {
        let block = self.blocks.get(index)?;
        let len = self.len() - removed;
        let excess = policy.len_max.map_or(0, |len_max| len.saturating_sub(len_max));
        if block.first_id() >= at.floor || excess == 0 && block.first_id() >= at.cutoff {
            return None;
        }
        let goes = |(number, id): &(u64, EntryId)| {
            (*number <= excess || *id < at.cutoff) && *id < at.floor
        };
        let ids = (1..).zip(self.open(index)?.entries().map(|entry| entry.id));
        let (number, through) = ids.take_while(goes).last()?;
        Some(Plan { through, removed: removed + number, is_cut: false })
    }

    /// Returns whether every entry of a block is known to be below `id` without a look at them.
    fn lies_below(&self, index: usize, id: EntryId) -> bool {
        match self.blocks.get(index + 1) {
            Some(next) => next.first_id() <= id,
            None => self.last_id().is_some_and(|last| last < id),
        }
    }
}

impl StreamMut<'_, '_> {
    /// Sets how much of the stream is retained, and begins to observe that.
    pub fn set_retention(&mut self, policy: Retention) {
        self.commit(StreamEffect::SetRetention { policy });
        self.observe_retention();
    }

    /// Removes what the policy lets go, a bounded number of blocks at a time; returns how many
    /// entries went.
    pub(crate) fn observe_retention(&mut self) -> u64 {
        let removed = self.remove_unretained();
        if removed > 0 {
            self.touch();
            self.event("xtrim");
        }
        removed
    }

    /// Does so behind an appended entry, as far as that costs little, and without telling anybody.
    pub(super) fn observe_retention_behind(&mut self, node: Node) -> u64 {
        let Some(retained) = &self.stream.retained else { return 0 };
        let (policy, entries) = (&retained.policy, &self.stream.entries);
        let is_due = match retained.due_ms {
            NOT_DUE => policy.age_ms.is_some(),
            due_ms => due_ms <= self.now_ms,
        };
        let is_futile = retained.held_since_ms.is_some()
            && node == Node::Last
            && entries.node_count() > BLOCKS_EXACT;
        if is_due || !is_futile && entries.exceeds(policy) { self.remove_unretained() } else { 0 }
    }

    fn remove_unretained(&mut self) -> u64 {
        let Some(retained) = &self.stream.retained else { return 0 };
        let policy = retained.policy;
        let plan = self.stream.retention_plan(&policy, self.now_ms);
        if let Some(plan) = plan {
            self.remove_through(plan.through);
        }
        self.schedule_retention(&policy, plan.is_some_and(|plan| plan.is_cut));
        plan.map_or(0, |plan| plan.removed)
    }

    fn schedule_retention(&mut self, policy: &Retention, is_cut: bool) {
        let now_ms = self.now_ms;
        let is_held = !is_cut && self.stream.hold(now_ms).is_some();
        let due_ms = match self.stream.next_age_ms(policy) {
            _ if is_cut => now_ms,
            _ if is_held => now_ms.saturating_add(HELD_MS),
            Some(at_ms) => at_ms.max(now_ms.saturating_add(1)),
            None => NOT_DUE,
        };
        let Some(retained) = &mut self.stream.retained else { return };
        let since_ms = is_held.then(|| retained.held_since_ms.unwrap_or(now_ms));
        self.retention.schedule(self.key, retained, due_ms, since_ms);
    }
}

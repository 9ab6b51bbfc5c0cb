//! Trimming a stream from its front: a plan that changes nothing, then its exact application.
//!
//! The plan names an id up to which everything goes. That is what has to be logged: applied anywhere
//! to the same entries, it removes the same ones, however the entries are packed there. Where whole
//! nodes go, it is the last id before the next node, so that they need not be looked into.

use super::block::Block;
use super::entries::Entries;
use super::id::EntryId;

/// What a trim aims at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TrimTo {
    /// At most so many entries stay.
    MaxLen(u64),
    /// No entry below the id stays.
    MinId(EntryId),
}

/// How close a trim has to come to its aim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exactness {
    /// Entry by entry: all that should go, goes.
    Exact,
    /// Only whole nodes, and only such of which every entry should go.
    WholeNodes,
}

/// What a trim is going to remove: always at least one entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrimPlan {
    /// How many entries go.
    pub removed: u64,
    /// The last id that goes, with all before it; see [`Entries::trim_through`].
    pub through: EntryId,
}

impl Entries {
    /// Plans a trim without changing anything; `None` when nothing would go.
    ///
    /// With [`Exactness::WholeNodes`], no node is taken that would make the removed entries more
    /// than `limit`; an exact trim has no limit. Apply the plan with [`Entries::trim_through`].
    #[must_use]
    pub fn trim_plan(
        &self,
        keep: TrimTo,
        exactness: Exactness,
        limit: Option<u64>,
    ) -> Option<TrimPlan> {
        let limit = limit.filter(|_| exactness == Exactness::WholeNodes).unwrap_or(u64::MAX);
        let nodes = self.doomed_nodes(keep, limit);
        let removed: u64 = self.blocks().take(nodes).map(|block| u64::from(block.live())).sum();
        if let Exactness::Exact = exactness
            && let Some(plan) = self.plan_inside(nodes, removed, keep)
        {
            return Some(plan);
        }
        let through = match self.blocks.get(nodes) {
            _ if nodes == 0 => return None,
            Some(next) => next.first_id().prev()?,
            None => self.last_id()?,
        };
        Some(TrimPlan { removed, through })
    }

    /// Returns how many nodes at the front go as a whole.
    fn doomed_nodes(&self, keep: TrimTo, limit: u64) -> usize {
        let mut removed = 0;
        let doomed = |(index, live): &(usize, u64)| {
            let goes = removed + live <= limit
                && match keep {
                    TrimTo::MaxLen(len) => self.len() - removed >= len.saturating_add(*live),
                    TrimTo::MinId(id) => self.is_node_below(*index, id),
                };
            removed += live;
            goes
        };
        let lives = self.blocks().map(|block| u64::from(block.live()));
        lives.enumerate().take_while(doomed).count()
    }

    /// Returns whether every entry of the node is below `id`.
    fn is_node_below(&self, index: usize, id: EntryId) -> bool {
        let Some(block) = self.blocks.get(index) else { return false };
        match self.blocks.get(index + 1) {
            _ if block.first_id() >= id => false,
            Some(next) if next.first_id() <= id => true,
            Some(_) => self.open(index).and_then(Block::last_live_id) < Some(id),
            None => self.last_id() < Some(id),
        }
    }

    /// Plans the entries that go from the node at `index`, behind the `removed` ones before it.
    fn plan_inside(&self, index: usize, removed: u64, keep: TrimTo) -> Option<TrimPlan> {
        let excess = match keep {
            TrimTo::MaxLen(len) => self.len().saturating_sub(removed).saturating_sub(len),
            TrimTo::MinId(_) => u64::MAX,
        };
        let floor = match keep {
            TrimTo::MaxLen(_) => None,
            TrimTo::MinId(id) => Some(id),
        };
        let first_id = self.blocks.get(index)?.first_id();
        if excess == 0 || floor.is_some_and(|id| first_id >= id) {
            return None;
        }
        let mut plan = None;
        for (count, entry) in (1..=excess).zip(self.open(index)?.entries()) {
            if floor.is_some_and(|id| entry.id >= id) {
                break;
            }
            plan = Some(TrimPlan { removed: removed + count, through: entry.id });
        }
        plan
    }
}

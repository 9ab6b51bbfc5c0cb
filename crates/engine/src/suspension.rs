//! Commands that need blocks that are on the disk alone: see [`reading`](crate::blocks::reading).

use crate::blocks::{ReadError, Spot, Wanted, reading};
use crate::locked::Locked;

impl Locked<'_> {
    /// Lets what runs from now on be suspended where it needs blocks that are on the disk alone, as
    /// long as it has changed nothing. A walk then wants so many blocks more behind the first one.
    /// What is run once more because it was suspended says which block it has waited for, the first
    /// of those that it wanted: it is told if that one could not be read.
    ///
    /// Whoever calls this asks [`Locked::end_suspension`] what came of it. Without it, blocks are
    /// read on the spot.
    pub fn allow_suspension(&mut self, read_ahead: usize, waited_for: Option<Spot>) {
        if self.changes() == 0 {
            self.counters_before = self.shards().map(|shard| shard.counters).collect();
            reading::allow_suspension(read_ahead, waited_for);
        }
    }

    /// Says whether what runs is void, because it is suspended or a block could not be read: it
    /// sees less than there is and changes nothing, so what it replies is to be dropped.
    #[inline]
    pub fn is_void(&self) -> bool {
        reading::is_void()
    }

    /// Returns the blocks that what has run wants before it is run once more; nothing if it is
    /// through. Blocks are read on the spot from now on.
    pub fn end_suspension(&mut self) -> Option<Wanted> {
        let wanted = Wanted::new(reading::end_suspension());
        if wanted.is_some() {
            self.ledger.ready.clear();
            let before = std::mem::take(&mut self.counters_before);
            for (shard, before) in self.shards_mut().zip(before) {
                shard.counters = before;
            }
        }
        wanted
    }

    /// Takes the reason why a block could not be read, which is the reply of what has run; what
    /// runs next is not void because of it.
    #[inline]
    pub fn take_read_failure(&mut self) -> Option<ReadError> {
        reading::take_failure()
    }
}

//! Walks over all keys in bounded steps, which lock one shard at a time.

use std::ops::ControlFlow;

use crate::engine::Engine;
use crate::key::{DATABASES, SHARDS};
use crate::shard::Shard;
use crate::stream::Stream;
use crate::table::ScanPosition;
use crate::value::{Entry, Value};

/// How many buckets of keys are looked at under one lock.
const BUCKETS_PER_LOCK: usize = 8;
/// How many buckets of keys are looked at in one step that finds nothing to do.
const BUCKETS_PER_STEP: usize = 256;

/// What a step has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more to do.
    More,
    /// It has been through all keys since it was begun or was last through them.
    Through,
}

/// A place on the way through all keys, after the last of which it begins again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Walk {
    shard: usize,
    db: u8,
    position: u64,
}

/// How a walk goes on behind an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Visit {
    GoOn,
    /// The step ends, and the next one begins with the bucket of this entry.
    StayHere,
}

impl Walk {
    pub(crate) const START: Walk = Walk { shard: 0, db: 0, position: 0 };

    /// Goes on over keys until a visit stops it, or for so many buckets.
    pub(crate) fn step(
        &mut self,
        engine: &Engine,
        mut visit: impl FnMut(u8, &Entry) -> Visit,
    ) -> Progress {
        self.walk(engine, |shard, walk| {
            let mut how = Visit::GoOn;
            let next = shard.databases[usize::from(walk.db)].keys.scan(walk.position(), |entry| {
                if how == Visit::GoOn {
                    how = visit(walk.db, entry);
                }
            });
            (next, how)
        })
    }

    /// Goes on over streams that are to be changed.
    pub(crate) fn step_mut(
        &mut self,
        engine: &Engine,
        mut visit: impl FnMut(&mut Stream) -> Visit,
    ) -> Progress {
        self.walk(engine, |shard, walk| {
            let mut how = Visit::GoOn;
            let keys = &mut shard.databases[usize::from(walk.db)].keys;
            let next = keys.scan_mut(walk.position(), |entry| {
                if let Value::Stream(stream) = &mut entry.value {
                    how = visit(stream);
                }
                if how == Visit::GoOn { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            (next, how)
        })
    }

    fn walk(
        &mut self,
        engine: &Engine,
        mut scan: impl FnMut(&mut Shard, Walk) -> (Option<ScanPosition>, Visit),
    ) -> Progress {
        let mut buckets = 0;
        while buckets < BUCKETS_PER_STEP {
            let index = self.shard;
            let mut shard = engine.shard(index).lock();
            for _ in 0..BUCKETS_PER_LOCK {
                let (next, how) = scan(&mut shard, *self);
                if how == Visit::StayHere {
                    return Progress::More;
                }
                buckets += usize::from(next.is_some());
                self.advance(next);
                if *self == Walk::START {
                    return Progress::Through;
                }
                if self.shard != index {
                    buckets += 1;
                    break;
                }
            }
        }
        Progress::More
    }

    fn position(self) -> ScanPosition {
        ScanPosition(self.position)
    }

    fn advance(&mut self, next: Option<ScanPosition>) {
        if let Some(ScanPosition(position)) = next {
            self.position = position;
            return;
        }
        let db = if self.db + 1 < DATABASES { self.db + 1 } else { 0 };
        let shard = if db == 0 { (self.shard + 1) % SHARDS } else { self.shard };
        *self = Walk { shard, db, position: 0 };
    }
}

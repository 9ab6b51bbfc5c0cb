//! Policies of streams, and their observance while the engine is in this process.
//!
//! Whatever a request looks at is what the policies of its keys' shards have left. On a folder the keeper
//! looks after those that nobody asks for, so that their space is free without anybody asking.

use firth_engine::{Engine, Locked, ShardSet, stream};

use super::DB;
use crate::backend::{Retention, Unacknowledged};

/// How many streams are looked at under one lock.
const STREAMS_MAX: usize = 16;

/// Removes what policies let go in the shards of a request, before the request looks.
pub(super) fn observe(engine: &Engine, keys: &mut Locked<'_>) {
    if engine.journal().admits() {
        keys.observe_retention_of(DB..DB + 1, STREAMS_MAX);
    }
}

/// Removes what policies let go anywhere.
pub(super) fn observe_all(engine: &Engine) {
    if !engine.journal().admits() {
        return;
    }
    for shard in ShardSet::each() {
        let mut keys = engine.lock(shard, engine.clock().now_ms());
        keys.ignore_uses();
        keys.observe_retention_of(DB..DB + 1, STREAMS_MAX);
    }
}

impl From<&stream::Retention> for Retention {
    fn from(policy: &stream::Retention) -> Self {
        Retention {
            age_ms: policy.age_ms,
            bytes_max: policy.bytes_max,
            len_max: policy.len_max,
            unacknowledged: match policy.unacknowledged {
                stream::Unacknowledged::Kept => Unacknowledged::Kept,
                stream::Unacknowledged::Removed => Unacknowledged::Removed,
            },
        }
    }
}

impl From<&Retention> for stream::Retention {
    fn from(policy: &Retention) -> Self {
        stream::Retention {
            age_ms: policy.age_ms,
            bytes_max: policy.bytes_max,
            len_max: policy.len_max,
            unacknowledged: match policy.unacknowledged {
                Unacknowledged::Kept => stream::Unacknowledged::Kept,
                Unacknowledged::Removed => stream::Unacknowledged::Removed,
            },
        }
    }
}

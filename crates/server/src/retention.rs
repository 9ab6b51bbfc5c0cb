//! Observing the retention policies of streams by time.

use firth_engine::ShardSet;

use crate::dispatch;
use crate::local::Local;
use crate::server::Server;

/// How many streams are looked at under one lock.
const STREAMS_MAX: usize = 16;
/// How long looks take at most, the first one in each shard aside.
const DURATION_NS: u64 = 5_000_000;

/// Removes what the policies of streams that are due let go, while that can be logged.
pub(crate) fn observe(server: &Server, local: &mut Local) {
    if !server.engine.journal().admits() {
        return;
    }
    let end_ns = server.monotonic_ns() + DURATION_NS;
    for shard in ShardSet::each() {
        loop {
            let mut keys = server.engine.lock(shard, local.now_ms);
            keys.ignore_uses();
            let streams = keys.observe_retention(STREAMS_MAX);
            keys.serve_waiters();
            let signals = keys.take_signals();
            drop(keys);
            if streams == 0 {
                break;
            }
            dispatch::tell_of(server, local, None, signals);
            if server.monotonic_ns() > end_ns {
                break;
            }
        }
    }
}

//! Where time comes from.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The wall clock that the engine is handed.
///
/// It may jump in either direction; ids never go backwards because a stream remembers its last one.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Returns the milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64 {
        self.now_us() / 1000
    }

    /// Returns the microseconds since the Unix epoch.
    fn now_us(&self) -> u64;

    /// Returns the nanoseconds since some moment, which never go backwards: for time-outs.
    fn monotonic_ns(&self) -> u64;

    /// Returns the milliseconds since that moment.
    fn monotonic_ms(&self) -> u64 {
        self.monotonic_ns() / 1_000_000
    }
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now_us(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn monotonic_ns(&self) -> u64 {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// A clock that stands still until it is told otherwise.
#[derive(Debug, Default)]
pub struct ManualClock {
    now_us: AtomicU64,
}

impl ManualClock {
    /// Returns a clock that stands at this time.
    pub fn at_ms(now_ms: u64) -> Self {
        ManualClock { now_us: AtomicU64::new(now_ms * 1000) }
    }

    /// Moves the clock to this time, forwards or backwards.
    pub fn set_ms(&self, now_ms: u64) {
        self.now_us.store(now_ms * 1000, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now_us(&self) -> u64 {
        self.now_us.load(Ordering::Relaxed)
    }

    fn monotonic_ns(&self) -> u64 {
        self.now_us() * 1000
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use std::sync::Arc;

    use firth_wal::sim::{Chance, SimDisk};
    use firth_wal::{Driving, SyncDue};

    use super::*;
    use crate::stream::{
        Append, CreateStream, EntryId, Exactness, NewId, References, Trim, TrimLimit, TrimTo,
    };
    use crate::{Engine, Options, ShardSet};

    const EVERYTHING: Trim = Trim {
        to: TrimTo::MaxLen(0),
        exactness: Exactness::Exact,
        limit: TrimLimit::None,
        references: References::Keep,
    };

    fn open(disk: &SimDisk, clock: &Arc<ManualClock>) -> Engine {
        let options =
            Options { folder: Some("data".into()), driving: Driving::Caller, ..Options::new() };
        Engine::open(&options, clock.clone(), Arc::new(disk.clone())).unwrap().0
    }

    fn add(engine: &Engine) -> EntryId {
        let mut keys = engine.lock(ShardSet::ALL, engine.clock().now_ms());
        let append = Append { id: NewId::Auto, fields: &[b"f", b"v"], attempt: None, trim: None };
        let appended = keys.append_to_stream(0, b"s", &append, CreateStream::IfAbsent);
        drop(keys);
        engine.storage().unwrap().log().drive(SyncDue::Now);
        appended.unwrap().unwrap()
    }

    /// Ids ascend, whatever the wall clock does, whatever becomes of the entries, and whether the
    /// server goes on, stops or crashes meanwhile.
    #[test]
    fn ids_never_go_backwards_or_repeat() {
        for seed in 0..12 {
            let chance = &mut Chance::new(seed);
            let mut disk = SimDisk::new(seed);
            let clock = Arc::new(ManualClock::at_ms(1_000_000));
            let mut engine = open(&disk, &clock);
            let mut last = EntryId::MIN;
            for step in 0..200 {
                let now_ms = clock.now_ms();
                match chance.below(16) {
                    0 => clock.set_ms(now_ms.saturating_sub(chance.below(2_000_000) as u64)),
                    1 => clock.set_ms(now_ms + chance.below(10_000) as u64),
                    2 => engine.checkpoint().unwrap(),
                    3 => {
                        let mut keys = engine.lock(ShardSet::ALL, now_ms);
                        if let Some(mut stream) = keys.stream_mut(0, b"s").unwrap() {
                            stream.trim(&EVERYTHING);
                        }
                    }
                    4 => {
                        drop(engine);
                        disk = if chance.coin() { disk.crash() } else { disk.reopen() };
                        engine = open(&disk, &clock);
                    }
                    _ => {
                        let id = add(&engine);
                        assert!(last < id, "seed {seed}, step {step}: {id} comes after {last}");
                        last = id;
                    }
                }
            }
        }
    }
}

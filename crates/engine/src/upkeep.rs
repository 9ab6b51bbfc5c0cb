//! Keeping memory within its limit and block files small, as a part of what the keeper does.
//!
//! When more is used than may be, written blocks leave memory, the oldest of each stream first; when
//! there are none, full blocks are written. When nothing is left to be written either, memory is
//! exhausted, and it is up to those who run commands to refuse what would take more.

use std::sync::Arc;

use crate::blocks::{BlockMover, BlockStore, Compaction, Room};
use crate::engine::Engine;
use crate::keeper::Pace;
use crate::value::Value;
use crate::walk::{Progress, Visit, Walk};

/// How many bytes of blocks leave memory in one step.
const EVICTED_BYTES: usize = 1 << 20;
/// How many bytes of blocks are written in one step.
const WRITTEN_BYTES: usize = 256 << 10;
/// How often what is not counted is measured, a piece at a time.
const MEASURE_EVERY_MS: u64 = 100;
/// After so many walks over all keys that freed nothing, nothing is left: the first one spares what
/// has been used.
const VAIN_WALKS_MAX: u32 = 3;

/// What keeps memory within its limit, and has block files rewritten.
#[derive(Debug)]
pub(crate) struct Upkeep {
    /// Nothing leaves memory without a data folder.
    mover: Option<BlockMover>,
    compaction: Option<Compaction>,
    measuring: Walk,
    measured_bytes: usize,
    measure_at_ms: u64,
    /// How many walks over all keys have freed nothing since one did.
    vain_walks: u32,
}

impl Upkeep {
    pub(crate) fn new(store: Option<&Arc<BlockStore>>) -> Self {
        Upkeep {
            mover: store.map(|store| BlockMover::new(Arc::clone(store))),
            compaction: store.map(|store| Compaction::new(Arc::clone(store))),
            measuring: Walk::START,
            measured_bytes: 0,
            measure_at_ms: 0,
            vain_walks: 0,
        }
    }

    /// Does the next piece.
    pub(crate) fn step(&mut self, engine: &Engine) -> Pace {
        let now_ms = engine.clock().monotonic_ms();
        if now_ms >= self.measure_at_ms {
            self.measure_at_ms = now_ms + MEASURE_EVERY_MS;
            // Who waited for what cannot be had has been told so by now.
            if engine.memory().is_exhausted_for(engine.memory().wanted_bytes()) {
                engine.memory().forget_wanted();
            }
            self.measure(engine);
        }
        if let Some(mover) = &self.mover {
            mover.store().share_memory(engine.memory().limit_bytes());
            engine.memory().set_shelf_bytes(mover.store().shelf_bytes());
        }
        let relief = self.relieve(engine);
        let compaction = self.compaction.as_mut();
        let compaction = compaction.map_or(Pace::Idle, |compaction| compaction.step(engine));
        if relief == Pace::Busy { relief } else { compaction }
    }

    /// Measures some of what is not counted as it changes.
    fn measure(&mut self, engine: &Engine) {
        let mut bytes = 0;
        let progress = self.measuring.step(engine, |_, entry| {
            let blocks = match entry.value() {
                Value::Stream(stream) => stream.entries.counted_bytes(),
                Value::String(_) => 0,
            };
            let counted = entry.counted_bytes() + blocks;
            bytes += entry.memory_bytes().saturating_sub(counted);
            Visit::GoOn
        });
        self.measured_bytes += bytes;
        if progress == Progress::Through {
            engine.memory().set_rest_bytes(self.measured_bytes);
            self.measured_bytes = 0;
        }
    }

    /// Frees some memory if more is used than may be.
    fn relieve(&mut self, engine: &Engine) -> Pace {
        let memory = engine.memory();
        let wanted_bytes = memory.wanted_bytes();
        if !memory.is_over_with(wanted_bytes) {
            memory.note_relief();
            memory.set_exhausted(false);
            self.vain_walks = 0;
            return Pace::Idle;
        }
        let Some(mover) = &mut self.mover else {
            memory.set_exhausted(true);
            return Pace::Idle;
        };
        // A little more than has to be, so that it need not be done again at once.
        let most_bytes = memory.limit_bytes() / 32 * 31;
        let goal = (memory.used_bytes() + wanted_bytes).saturating_sub(most_bytes);
        let (freed, progress) = mover.evict(engine, goal.min(EVICTED_BYTES));
        if freed > 0 {
            self.vain_walks = 0;
            memory.set_exhausted(false);
            return Pace::Busy;
        }
        // What cannot be written cannot leave, whatever the reason; it is tried again all the time.
        let written_before = mover.written_blocks();
        let _ = mover.write_sealed(engine, WRITTEN_BYTES);
        if mover.written_blocks() > written_before {
            self.vain_walks = 0;
            return Pace::Busy;
        }
        self.vain_walks += u32::from(progress == Progress::Through);
        if self.vain_walks < VAIN_WALKS_MAX {
            return Pace::Busy;
        }
        memory.set_exhausted(true);
        Pace::Idle
    }
}

impl Engine {
    /// Says whether there is memory for more, of which so many bytes are known to be wanted, and
    /// wakes the keeper if it should make some.
    pub fn make_room(&self, bytes: usize) -> Room {
        let memory = self.memory();
        if !memory.is_over_with(bytes) {
            return Room::Enough;
        }
        if memory.can_never_hold(bytes) || memory.is_exhausted_for(bytes) {
            return Room::None;
        }
        if self.storage().is_none() {
            return Room::None;
        }
        if memory.wants_relief(bytes) {
            self.ring_keeper();
        }
        if memory.is_far_over_with(bytes) { Room::Soon } else { Room::Enough }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use firth_wal::sim::SimDisk;
    use firth_wal::{Driving, Durability};

    use super::*;
    use crate::stream::testing;
    use crate::{ManualClock, Options};

    /// An engine on a disk, whose streams have blocks of ten entries.
    fn engine(disk: &SimDisk, clock: &Arc<ManualClock>) -> Engine {
        let mut options = Options::new();
        options.folder = Some("d".into());
        options.driving = Driving::Caller;
        options.durability = Durability::Never;
        let engine = Engine::open(&options, clock.clone(), Arc::new(disk.clone())).unwrap().0;
        let limits = crate::stream::NodeLimits { entries_max: 10, bytes_max: 0 };
        engine.settings().set_node_limits(limits);
        engine
    }

    fn keep(engine: &Engine, clock: &ManualClock) {
        for _ in 0..30 {
            clock.set_ms(clock.now_ms() + 100);
            while engine.keep() == Pace::Busy {}
        }
    }

    use crate::Clock as _;

    #[test]
    fn what_is_used_stays_within_the_limit() {
        let (disk, clock) = (SimDisk::new(1), Arc::new(ManualClock::at_ms(1)));
        let engine = engine(&disk, &clock);
        let memory = engine.memory();
        testing::fill(&mut testing::lock(&engine, 7), 1..=10_000);
        keep(&engine, &clock);
        let all = memory.used_bytes();
        assert!(!memory.is_over() && memory.cold_blocks() == 0);
        let index = memory.blocks() * size_of::<crate::stream::Block>() * 9 / 8;
        let limit = index + (all - index) / 2;
        memory.set_limit_bytes(limit);
        assert!(memory.is_over() && !memory.is_exhausted());
        keep(&engine, &clock);
        assert!(memory.used_bytes() <= limit && !memory.is_exhausted());
        let cold = memory.cold_blocks();
        assert!(cold > 400 && cold < 700, "{cold}");
        // The newest ones stay, unless there is no other way.
        let mut keys = testing::lock(&engine, 7);
        let entries = keys.stream(0, b"s").unwrap().unwrap().entries();
        assert!(entries.blocks().rev().take(300).all(|block| block.bytes().is_some()));
        drop(keys);
        memory.set_limit_bytes(index / 2);
        keep(&engine, &clock);
        assert!(memory.is_exhausted());
        assert_eq!(memory.cold_blocks(), 998);
        memory.set_limit_bytes(0);
        assert!(!memory.is_exhausted());
        assert_eq!(
            testing::ids(testing::lock(&engine, 7).stream(0, b"s").unwrap().unwrap()).len(),
            10_000
        );
    }

    #[test]
    fn a_full_disk_exhausts_memory_until_there_is_room() {
        let (disk, clock) = (SimDisk::new(1), Arc::new(ManualClock::at_ms(1)));
        let engine = engine(&disk, &clock);
        testing::fill(&mut testing::lock(&engine, 7), 1..=1_000);
        keep(&engine, &clock);
        engine.memory().set_limit_bytes(engine.memory().used_bytes() * 3 / 4);
        disk.set_capacity(Some(0));
        keep(&engine, &clock);
        assert!(engine.memory().is_exhausted());
        disk.set_capacity(None);
        keep(&engine, &clock);
        assert!(!engine.memory().is_over() && !engine.memory().is_exhausted());
    }

    #[test]
    fn what_was_read_ahead_for_nobody_makes_room() {
        let (disk, clock) = (SimDisk::new(1), Arc::new(ManualClock::at_ms(1)));
        let engine = engine(&disk, &clock);
        let memory = engine.memory();
        let text = [b'v'; 1000];
        for ms in 1..=2000 {
            let id = crate::stream::NewId::Explicit(testing::id(ms));
            let append =
                crate::stream::Append { id, fields: &[b"f", &text], attempt: None, trim: None };
            let create = crate::stream::CreateStream::IfAbsent;
            testing::lock(&engine, 7).append_to_stream(0, b"s", &append, create).unwrap();
        }
        memory.set_limit_bytes(1);
        keep(&engine, &clock);
        memory.set_limit_bytes(0);
        engine.keep();
        let blocks = engine.storage().unwrap().blocks();
        while blocks.shelf_bytes() < 1 << 20 {
            let from = blocks.shelf_bytes() as u64 / 1000 + 1;
            let mut keys = testing::lock(&engine, 7);
            keys.allow_suspension(100, None);
            let entries = keys.stream(0, b"s").unwrap().unwrap().entries();
            assert!(entries.range(testing::id(from), testing::id(2000)).next().is_none());
            let wanted = keys.end_suspension().unwrap();
            drop(keys);
            wanted.load();
        }
        memory.set_limit_bytes(1 << 20);
        clock.set_ms(clock.now_ms() + 1000);
        for _ in 0..200 {
            engine.keep();
            assert!(!memory.is_exhausted());
        }
        assert!(!memory.is_over() && blocks.shelf_bytes() <= 64 << 10);
        // What a command needs first stays, however little room there is.
        let mut waited_for = None;
        for round in 0.. {
            assert!(round < 32, "it never gets what it wants");
            let mut keys = testing::lock(&engine, 7);
            keys.allow_suspension(500, waited_for);
            let entries = keys.stream(0, b"s").unwrap().unwrap().entries();
            let seen = entries.range(testing::id(1), testing::id(2000)).take(50).count();
            let Some(wanted) = keys.end_suspension() else {
                assert_eq!(seen, 50);
                break;
            };
            drop(keys);
            waited_for = wanted.first();
            wanted.load();
        }
    }

    #[test]
    fn what_is_known_to_be_wanted_gets_room_or_is_refused() {
        let (disk, clock) = (SimDisk::new(1), Arc::new(ManualClock::at_ms(1)));
        let engine = engine(&disk, &clock);
        let memory = engine.memory();
        let text = vec![b'v'; 3 << 20];
        testing::lock(&engine, 7).set_string(0, b"k", &text, crate::Deadline::Clear, None);
        memory.set_limit_bytes(4 << 20);
        // Strings count at once, and never leave.
        assert_eq!(engine.make_room(2 << 20), Room::None);
        assert_eq!(engine.make_room(900 << 10), Room::Enough);
        testing::lock(&engine, 7).delete(0, b"k");
        assert_eq!(engine.make_room(2 << 20), Room::Enough);
        let text = [b'v'; 1000];
        for ms in 1..=3500 {
            let id = crate::stream::NewId::Explicit(testing::id(ms));
            let append =
                crate::stream::Append { id, fields: &[b"f", &text], attempt: None, trim: None };
            let create = crate::stream::CreateStream::IfAbsent;
            testing::lock(&engine, 7).append_to_stream(0, b"s", &append, create).unwrap();
        }
        // Blocks leave for what is wanted, and more may be used for a moment.
        assert!(!memory.is_over());
        assert_eq!(engine.make_room(1 << 20), Room::Enough);
        assert_eq!(engine.make_room(3 << 20), Room::Soon);
        keep(&engine, &clock);
        assert_eq!(engine.make_room(3 << 20), Room::Enough);
        // Nothing is held back for who does not come.
        assert!(!memory.is_over() && memory.wanted_bytes() == 0);
        // What cannot be had although blocks are in the way is refused in the end.
        disk.set_capacity(Some(0));
        memory.set_limit_bytes(memory.used_bytes() + (1 << 20));
        for ms in 3501..=4200 {
            let id = crate::stream::NewId::Explicit(testing::id(ms));
            let append =
                crate::stream::Append { id, fields: &[b"f", &text], attempt: None, trim: None };
            let create = crate::stream::CreateStream::IfAbsent;
            testing::lock(&engine, 7).append_to_stream(0, b"t", &append, create).unwrap();
        }
        let much = memory.limit_bytes() - (256 << 10);
        let is_refused = (0..1000).any(|_| {
            engine.keep();
            engine.make_room(much) == Room::None
        });
        assert!(is_refused);
        clock.set_ms(clock.now_ms() + 1000);
        engine.keep();
        assert!(memory.wanted_bytes() == 0 && !memory.is_exhausted());
    }

    #[test]
    fn without_a_folder_nothing_can_leave_memory() {
        let engine = testing::engine();
        testing::fill(&mut testing::lock(&engine, 7), 1..=1_000);
        engine.memory().set_limit_bytes(1);
        assert_eq!(engine.keep(), Pace::Idle);
        assert!(engine.memory().is_exhausted());
    }
}

//! What is done beside commands: checkpoints, backups, and keeping memory within its limit.

use std::path::Path;

use firth_engine::{Clock, Pace};
use firth_wal::sim::Chance;

use super::World;
use crate::dump;
use crate::machine::Machine;
use crate::speaker::Unit;

/// A backup that is being made.
#[derive(Clone, Debug)]
pub(super) struct Backup {
    name: String,
    /// What had been done before it was asked for has to be in it.
    floor: Unit,
}

impl World {
    /// Has the keeper do some of its work: checkpoints, while everything else goes on.
    pub(super) fn keep(&mut self, chance: &mut Chance) -> Result<(), String> {
        if chance.below(3) == 0 {
            self.note("a checkpoint is asked for");
            self.machine.server.engine.request_checkpoint();
        }
        if chance.below(4) == 0 {
            self.ask_for_backup();
        }
        // A checkpoint takes some 1100 pieces: now a part of one is made, now the whole.
        let pieces = [5, 400, 1000, 3000][chance.below(4)];
        self.limit_memory(0);
        for _ in 0..chance.below(pieces) {
            if self.machine.server.engine.keep() == Pace::Idle {
                break;
            }
        }
        let saves = self.machine.server.engine.saves();
        self.note(format_args!("the keeper: {saves:?}"));
        self.outcome.checkpoints += saves.made - std::mem::replace(&mut self.saved, saves.made);
        self.count_compactions();
        self.check_backup()
    }

    fn count_compactions(&mut self) {
        let storage = self.machine.server.engine.storage();
        let made = storage.map_or(0, |storage| storage.blocks().stats().compactions);
        self.outcome.compactions += made - std::mem::replace(&mut self.compacted, made);
    }

    /// Has blocks leave memory, by a limit of it that nothing can meet.
    pub(super) fn squeeze(&mut self, chance: &mut Chance) {
        self.limit_memory(1);
        for _ in 0..chance.below(16) {
            self.machine.server.engine.keep();
        }
        let memory = self.machine.server.engine.memory();
        let (cold, all) = (memory.cold_blocks(), memory.blocks());
        self.note(format_args!("{cold} of {all} blocks are on the disk alone"));
        self.outcome.cold_blocks += cold as u64;
        self.count_compactions();
        let bytes = [4000, 20_000, 0, 0, 0, 0, 0, 0][chance.below(8)];
        self.limit_memory(bytes);
    }

    pub(super) fn limit_memory(&mut self, bytes: usize) {
        if self.machine.server.config().memory_bytes_max == bytes {
            return;
        }
        self.note(format_args!("keys may take {bytes} bytes"));
        let limited: Result<(), ()> = self.machine.server.reconfigure(|config| {
            config.memory_bytes_max = bytes;
            Ok(())
        });
        debug_assert!(limited.is_ok(), "nothing speaks against it");
    }

    /// Asks for a backup, unless one is being made.
    fn ask_for_backup(&mut self) {
        if self.backup.is_some() {
            return;
        }
        self.backups += 1;
        let name = format!("b{}", self.backups);
        let told = self.machine.ask(&[vec![b"FIRTH.BACKUP".to_vec(), name.clone().into()]]);
        self.note(format_args!("a backup {name} is asked for: {}", told.escape_ascii()));
        if told.starts_with(b"+") {
            self.backup = Some(Backup { name, floor: self.oracle.units() });
        }
    }

    /// Opens the backup if it is whole, and looks whether it holds what was there at some time since
    /// it was asked for.
    fn check_backup(&mut self) -> Result<(), String> {
        let Some(Backup { name, floor }) = self.backup.clone() else { return Ok(()) };
        let backups = self.machine.server.engine.backups();
        if backups.running.is_some() {
            return Ok(());
        }
        self.backup = None;
        let done = backups.last.ok_or(format!("nothing is known of the backup {name}"))?;
        self.note(format_args!("the backup {name} has ended: {done:?}"));
        // It may have been refused a call to the disk, and then is not one.
        let Ok(path) = done else { return Ok(()) };
        self.outcome.backups += 1;
        self.open_backup(&path, floor).map_err(|what| format!("the backup {name}: {what}"))
    }

    fn open_backup(&self, path: &Path, floor: Unit) -> Result<(), String> {
        // It is on the disk even if the power is lost now.
        let disk = self.machine.disk.crash();
        let started = Machine::start_in(path, &self.setup, &self.clock, &disk);
        let (mut machine, _) = started.map_err(|error| format!("cannot be opened: {error:?}"))?;
        let found = dump::of_server(&mut machine, self.oracle.lags())?;
        let unit = self.oracle.recognize_since(&found, self.clock.now_ms(), floor);
        unit.map(drop).or_else(|what| if self.oracle.knows(floor) { Err(what) } else { Ok(()) })
    }
}

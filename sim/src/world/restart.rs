//! The end of a server, and what the next one finds.

use std::path::Path;

use firth_engine::Clock;
use firth_wal::sim::{Chance, Operation, SimDisk};

use super::World;
use crate::dump;
use crate::machine::Machine;
use crate::oracle::{Left, Promise};

/// How many times a start may be disturbed.
const DISTURBANCES_MAX: usize = 3;

impl World {
    /// Power is lost: what is not durable may be gone.
    pub(super) fn lose_power(&mut self, chance: &mut Chance) -> Result<(), String> {
        self.note("power is lost");
        let disk = self.machine.disk.crash();
        self.restart(disk, chance, Left::Durable)
    }

    /// The process ends without having a say in it.
    pub(super) fn kill(&mut self, chance: &mut Chance) -> Result<(), String> {
        self.note("the process is killed");
        let written = self.machine.log().map(|log| log.written());
        let disk = self.machine.disk.reopen();
        if self.has_failed() {
            // What a failed sync was to make durable may be readable, and go later.
            return self.restart(disk.crash(), chance, Left::Durable);
        }
        written.into_iter().for_each(|lsn| self.oracle.is_safe(lsn));
        self.restart(disk, chance, Left::Written)
    }

    /// The process ends in order.
    pub(super) fn stop(&mut self, chance: &mut Chance) -> Result<(), String> {
        self.heal();
        let closed = self.machine.server.close_log();
        self.note(format_args!("the process ends in order: {closed:?}"));
        if self.machine.disk.is_stopped() || self.has_failed() {
            return self.lose_power(chance);
        }
        if closed.is_ok() {
            let last = self.machine.last();
            self.oracle.is_safe(last);
        }
        let disk = self.machine.disk.reopen();
        self.restart(disk, chance, Left::Durable)
    }

    fn has_failed(&self) -> bool {
        let state = self.machine.log().map(|log| log.state());
        matches!(state, Some(firth_engine::LogState::Poisoned(_)))
    }

    fn restart(
        &mut self,
        mut disk: SimDisk,
        chance: &mut Chance,
        left: Left,
    ) -> Result<(), String> {
        self.check_disk(&disk);
        if self.faults.flips && chance.coin() {
            self.try_with_flipped_bit(&disk, chance)?;
        }
        for _ in 0..chance.below(DISTURBANCES_MAX) {
            disk = self.disturb_start(&disk, chance, left);
        }
        let started = Machine::start(&self.setup, &self.clock, &disk);
        let (mut machine, opened) = started.map_err(|error| format!("cannot start: {error:?}"))?;
        self.note(format_args!("started: {opened:?}"));
        let found = dump::of_server(&mut machine, self.oracle.lags())?;
        let unit = self.oracle.recognize(&found, self.clock.now_ms(), Promise::Kept)?;
        self.note(format_args!("goes on behind unit {unit} of {}", self.oracle.units()));
        // Under `always` nobody may be told of what is not on the disk, after a restart neither.
        let left = if self.promises() { Left::Durable } else { left };
        self.oracle.restart(unit, machine.last(), left);
        self.machine = machine;
        (self.saved, self.compacted, self.backup) = (0, 0, None);
        self.links.clear();
        self.outcome.starts += 1;
        self.populate(chance);
        Ok(())
    }

    fn check_disk(&mut self, disk: &SimDisk) {
        for (path, bytes) in disk.contents() {
            self.digest(path.as_os_str().as_encoded_bytes());
            self.digest(&bytes);
        }
    }

    /// Starts a server on a disk that stops or fails meanwhile, and returns the disk behind that.
    fn disturb_start(&mut self, disk: &SimDisk, chance: &mut Chance, left: Left) -> SimDisk {
        let nth = 1 + chance.below(12) as u64;
        // What is not on the disk may go with the power, which would be no failure.
        let stops = left == Left::Durable && chance.coin();
        if stops {
            disk.stop_at(nth);
        } else {
            disk.fail(Operation::Read, nth, std::io::ErrorKind::Other);
        }
        let started = Machine::start(&self.setup, &self.clock, disk);
        self.note(format_args!("a start is disturbed: {:?}", started.as_ref().err()));
        drop(started);
        disk.forget_failures();
        if stops { disk.crash() } else { disk.reopen() }
    }

    /// Starts a server on a copy of the disk of which one bit is wrong: it must refuse and say where,
    /// or have a state that is right.
    fn try_with_flipped_bit(&mut self, disk: &SimDisk, chance: &mut Chance) -> Result<(), String> {
        let copy = disk.reopen();
        let files: Vec<_> = copy.contents().into_iter().filter(|(_, b)| !b.is_empty()).collect();
        let Some((path, bytes)) = files.get(chance.below(files.len())) else { return Ok(()) };
        let bit = chance.below(bytes.len() * 8) as u64;
        copy.flip_bit(path, bit);
        self.note(format_args!("bit {bit} of {} is flipped", path.display()));
        match Machine::start(&self.setup, &self.clock, &copy) {
            Err(error) => {
                self.outcome.flips.0 += 1;
                says_where(&explained(&error), path)
            }
            Ok((mut machine, opened)) => {
                self.outcome.flips.1 += 1;
                // The last write before a crash cannot be told from a torn one: it is cut, and said.
                let promise = if opened.cut.is_some() { Promise::Nothing } else { Promise::Kept };
                let found = match dump::of_server(&mut machine, self.oracle.lags()) {
                    Ok(found) => found,
                    // Blocks are read when somebody asks for them.
                    Err(told) => return says_where(&told, path),
                };
                let now_ms = self.clock.now_ms();
                let unit = self.oracle.recognize(&found, now_ms, promise);
                match unit {
                    Err(_) if opened.cut.is_some() && self.oracle.has_forgotten() => Ok(()),
                    Err(what) => Err(format!("with a flipped bit: {what}")),
                    Ok(_) => Ok(()),
                }
            }
        }
    }
}

fn explained(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

fn says_where(text: &str, path: &Path) -> Result<(), String> {
    let is_text = path.ends_with("FORMAT");
    // A checkpoint that names a block which is not there says in which file it should be.
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let names_file = text.contains(&*stem);
    if names_file && (is_text || text.contains("offset")) {
        return Ok(());
    }
    Err(format!("the refusal does not say where in {}: {text}", path.display()))
}

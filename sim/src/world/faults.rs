//! What goes wrong.

use std::io::ErrorKind;

use firth_engine::Durability;
use firth_wal::sim::{Chance, Operation};

use super::World;

/// What may go wrong in a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    /// Whether power is lost, and processes end.
    crashes: bool,
    /// Whether calls to the disk fail.
    pub(crate) failures: bool,
    /// Whether the disk gets full.
    fills: bool,
    /// Whether the wall clock jumps.
    pub(crate) jumps: bool,
    /// Whether bits are flipped while the server is down.
    pub(crate) flips: bool,
}

impl Faults {
    pub(crate) fn draw(chance: &mut Chance, _expires: bool) -> Self {
        Faults {
            crashes: chance.below(4) > 0,
            failures: chance.below(3) == 0,
            fills: chance.below(3) == 0,
            jumps: chance.coin(),
            flips: chance.below(3) == 0,
        }
    }
}

impl World {
    /// Does something to the machine or its disk.
    pub(super) fn hurt(&mut self, chance: &mut Chance) -> Result<(), String> {
        match chance.below(13) {
            0 if self.faults.crashes => self.lose_power(chance)?,
            1 if self.faults.crashes => self.kill(chance)?,
            2 if self.faults.crashes => self.stop(chance)?,
            3..6 if self.faults.crashes => {
                let nth = 1 + chance.below(12) as u64;
                self.note(format_args!("the disk is to stop in operation {nth} from now"));
                self.machine.disk.stop_at(nth);
            }
            6 | 7 if self.faults.failures => self.plan_failure(chance),
            8 if self.faults.fills => {
                let used: usize = self.machine.disk.contents().values().map(Vec::len).sum();
                let capacity = used + chance.below(3000);
                self.note(format_args!("the disk has room for {capacity} bytes, {used} are used"));
                self.machine.disk.set_capacity(Some(capacity as u64));
            }
            9 | 10 => {
                self.note("the disk has room");
                self.machine.disk.set_capacity(None);
            }
            11 => self.change_durability(chance),
            _ => {
                let one_in = [0, 2, 5];
                self.machine.disk.set_short_writes(one_in[chance.below(3)]);
                self.machine.disk.set_short_reads(one_in[chance.below(3)]);
            }
        }
        Ok(())
    }

    fn plan_failure(&mut self, chance: &mut Chance) {
        use Operation::{Cut, Name, Read, Sync, Write};
        let operation = [Read, Write, Write, Sync, Sync, Name, Cut][chance.below(7)];
        let kinds = [ErrorKind::StorageFull, ErrorKind::Other, ErrorKind::PermissionDenied];
        let kind = kinds[chance.below(3)];
        let nth = 1 + chance.below(8) as u64;
        self.note(format_args!("{operation:?} {nth} from now is to fail: {kind:?}"));
        self.machine.disk.fail(operation, nth, kind);
    }

    fn change_durability(&mut self, chance: &mut Chance) {
        use Durability::{Always, Everysec, Never};
        let durability = [Always, Always, Everysec, Never][chance.below(4)];
        self.note(format_args!("the durability is {durability:?} now"));
        self.setup.durability = durability;
        let changed: Result<(), ()> = self.machine.server.reconfigure(|config| {
            config.durability = durability;
            Ok(())
        });
        debug_assert!(changed.is_ok(), "nothing speaks against it");
        if durability != Always {
            self.oracle.promises_end();
        }
    }

    /// Lets everything go well from now on.
    pub(super) fn heal(&mut self) {
        self.machine.disk.forget_failures();
        self.machine.disk.set_capacity(None);
    }
}

//! A bell: wakes the thread that keeps an engine, whether there is a data folder or not.

use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// Something to wait at for a while. A ring that nobody has waited for ends the next wait at once.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    is_rung: Mutex<bool>,
    rung: Condvar,
}

impl Bell {
    /// Ends the wait of whoever waits, or the next one.
    pub(crate) fn ring(&self) {
        *self.is_rung.lock() = true;
        self.rung.notify_all();
    }

    /// Waits for a ring, or for so long.
    pub(crate) fn wait(&self, at_most: Duration) {
        let mut is_rung = self.is_rung.lock();
        if !*is_rung {
            self.rung.wait_for(&mut is_rung, at_most);
        }
        *is_rung = false;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Barrier};
    use std::thread;

    use super::*;
    use crate::{Engine, FileDisk, ManualClock, Options};

    /// Longer than any test may take.
    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn a_keeper_without_a_folder_waits_until_it_is_rung() {
        let clock = Arc::new(ManualClock::at_ms(1));
        let engine = Engine::open(&Options::new(), clock, Arc::new(FileDisk)).unwrap().0;
        let (start, is_rung) = (Barrier::new(2), AtomicBool::new(false));
        thread::scope(|scope| {
            let waits = scope.spawn(|| {
                start.wait();
                engine.await_keeping(LONG);
                is_rung.load(Ordering::SeqCst)
            });
            start.wait();
            for _ in 0..10_000 {
                // Time enough for one who does not wait to be through, on any machine but the
                // slowest; one who waits is never too early.
                thread::yield_now();
            }
            is_rung.store(true, Ordering::SeqCst);
            engine.ring_keeper();
            assert!(waits.join().unwrap(), "it has not waited");
        });
        // A ring that nobody waited for is not lost, and one wait uses it up.
        engine.ring_keeper();
        engine.await_keeping(LONG);
        assert!(!*engine.bell().is_rung.lock());
    }
}

//! The end of a tick: what clients are to be told is logged first, and told when that is settled.
//!
//! Whoever drives a worker does so in this order: [`Worker::receive`] and the like, then
//! [`Worker::end_tick`], which asks the log to write, then [`Worker::settle`], and then it sends what
//! the outboxes let it have. When the log has got on (its thread says so by waking the mailbox; a
//! simulation has driven it itself), it calls [`Worker::settle`] again and sends what that has set
//! free.

use firth_engine::LogState;

use super::Worker;
use crate::mailbox::CloseReason;
use crate::tracking;

impl Worker {
    /// Puts on its way what has gathered for many clients in this tick; their replies come first.
    /// Then has the log write what they depend on.
    pub fn end_tick(&mut self) {
        tracking::broadcast(&self.server, &mut self.local);
        let lsn = self.local.outboxes.take_lsn();
        if let Some(storage) = self.server.engine.storage()
            && lsn > storage.log().written()
        {
            storage.log().commit();
        }
        if self.server.engine.memory().is_over() {
            self.server.engine.ring_keeper();
        }
    }

    /// Lets what has been settled meanwhile be sent: its clients are to be written to as if it had
    /// just been put on its way. To be called before that is done, and whenever the log has got on.
    ///
    /// Clients whose replies can never be settled, since the log has failed, are to be closed.
    pub fn settle(&mut self) {
        let engine = &self.server.engine;
        self.local.outboxes.settle(engine.journal().settled());
        if self.local.outboxes.holds() && self.is_log_poisoned() {
            for token in self.local.outboxes.take_held() {
                self.local.doom(token, CloseReason::LogFailed);
            }
        }
    }

    /// Says whether there is something for [`settle`](Self::settle) to do.
    pub fn can_settle(&self) -> bool {
        let outboxes = &self.local.outboxes;
        outboxes.holds()
            && (self.server.engine.journal().settled() != outboxes.settled()
                || self.is_log_poisoned())
    }

    /// Waits until everything is on the disk, unless the disk is full or the log has failed: for the
    /// last replies before the end.
    pub fn wait_for_log(&self) {
        let storage = self.server.engine.storage();
        let log = storage.map(firth_engine::Storage::log);
        if let Some(log) = log.filter(|log| log.state() == LogState::Running)
            && let Err(error) = log.wait_durable(log.last())
        {
            tracing::warn!("some clients are not told what became of their changes: {error}");
        }
    }

    fn is_log_poisoned(&self) -> bool {
        let engine = &self.server.engine;
        let storage = engine.storage().filter(|_| !engine.journal().admits());
        storage.is_some_and(|storage| storage.log().is_poisoned())
    }
}

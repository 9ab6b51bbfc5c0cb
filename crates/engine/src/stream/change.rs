//! A stream that is being changed.

use super::{Stream, StreamEffect};
use crate::blocks::reading;
use crate::effect::Effect;
use crate::engine::Settings;
use crate::event::EventClass;
use crate::interest::Interest;
use crate::ledger::Ledger;
use crate::retention::RetentionIndex;

/// A key's stream, for changing it.
///
/// Each operation decides first and then commits what it has decided, so that a refusal leaves no
/// trace.
#[derive(Debug)]
pub struct StreamMut<'a, 'e> {
    pub(crate) stream: &'a mut Stream,
    pub(crate) ledger: &'a mut Ledger<'e>,
    pub(crate) interest: &'a mut Interest,
    pub(crate) retention: &'a mut RetentionIndex,
    pub(crate) db: u8,
    pub(crate) key: &'a [u8],
    pub(crate) now_ms: u64,
    pub(crate) settings: &'a Settings,
}

impl StreamMut<'_, '_> {
    /// Returns the stream as it is now.
    pub fn stream(&self) -> &Stream {
        self.stream
    }

    /// Returns the time at which the command runs.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Records a change and applies it: the one door for changes of a stream.
    pub(crate) fn commit(&mut self, change: StreamEffect<'_>) {
        if !reading::admit_change() {
            return;
        }
        let effect = Effect::Stream { key: self.key, change };
        self.ledger.record(self.db, &effect);
        self.retention.change(self.key, self.stream, &change);
    }

    /// Records and applies a change that no reply has to wait for.
    pub(crate) fn commit_in_passing(&mut self, change: StreamEffect<'_>) {
        if !reading::admit_change() {
            return;
        }
        let effect = Effect::Stream { key: self.key, change };
        self.ledger.record_in_passing(self.db, &effect);
        self.stream.apply(&change);
    }

    /// Tells watching transactions and tracking clients that the key has changed: that entries came
    /// or went. What groups do is no change of the key to them.
    pub(crate) fn touch(&mut self) {
        self.ledger.touch(self.interest, self.db, self.key);
    }

    /// Offers the stream to those who wait for it, once the command is through.
    pub(crate) fn wake(&mut self) {
        self.ledger.wake(self.interest, self.db, self.key);
    }

    /// Notes a keyspace event.
    pub(crate) fn event(&mut self, name: &'static str) {
        self.ledger.event(self.db, EventClass::Stream, name, self.key);
    }
}

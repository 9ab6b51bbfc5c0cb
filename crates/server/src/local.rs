//! What belongs to one worker and every command that runs there may use.

use std::collections::BTreeSet;
use std::sync::Arc;

use firth_engine::Lsn;

use crate::config::Config;
use crate::fanout::Said;
use crate::mailbox::{CloseReason, Mail, Mailbox};
use crate::outboxes::Outboxes;
use crate::receipt::Receipt;
use crate::stats::WorkerStats;

/// A worker's own things, sessions aside.
#[derive(Debug)]
pub struct Local {
    /// The worker's number, which is that of its mailbox.
    pub number: u16,
    /// Where others leave mail for this worker.
    pub mailbox: Arc<Mailbox>,
    /// Mail that was taken and waits for the end of the tick.
    pub mail: Vec<Mail>,
    /// What is on its way to clients.
    pub outboxes: Outboxes,
    /// The configuration as this worker knows it.
    pub config: Arc<Config>,
    /// Counters that this worker writes.
    pub stats: Arc<WorkerStats>,
    /// The wall clock, read at the start of each batch of commands.
    pub now_ms: u64,
    /// The monotonic clock, read with it.
    pub monotonic_ms: u64,
    /// The monotonic clock, read after each command as well, to tell how long it took.
    pub monotonic_ns: u64,
    /// When something is to be done for a client, by the monotonic clock.
    pub timers: BTreeSet<(u64, u64)>,
    /// What the transaction that runs now has published so far.
    pub said: Vec<Said>,
    /// Keys that have changed in this tick and by which client, while changes are broadcast.
    pub changed_keys: crate::tracking::ChangedKeys,
    /// What these changes depend on.
    pub changed_lsn: Lsn,
    /// Clients whose connection is to be closed at the end of the tick.
    pub doomed: Doomed,
}

/// Clients whose connections are to be closed.
#[derive(Debug, Default)]
pub struct Doomed {
    /// The clients' tokens, and why.
    pub clients: Vec<(u64, CloseReason)>,
    /// Dropped with the list, which is when the connections are closed.
    pub receipts: Vec<Arc<Receipt>>,
}

impl Local {
    /// Closes a client's connection at the end of the tick.
    pub fn doom(&mut self, token: u64, reason: CloseReason) {
        self.doomed.clients.push((token, reason));
        self.outboxes.mark(token);
    }
}

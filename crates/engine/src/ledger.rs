//! What one command or transaction has changed, and who is to hear of it.
//!
//! Effects gather in a batch, which is closed, handed to the journal and so given its position when
//! somebody asks for that position, or at the latest when the shards are unlocked. Nobody asks
//! within a command or a transaction, so each is one batch. Waiters that are served with what it has
//! brought ask one after the other: what the first of them was delivered lies in the same batch, what
//! each other one was delivered in a batch of its own, behind it. All positions are taken while the
//! shards are locked; hence those of one key ascend in the order of its changes, and a reply never
//! depends on a batch that is still open.

use std::collections::VecDeque;

use firth_wal::Lsn;

use crate::blocks::reading;
use crate::effect::Effect;
use crate::event::{EventClass, EventMask, KeyEvent};
use crate::interest::{Interest, Invalidation};
use crate::journal::Journal;
use crate::key::DbKey;
use crate::record::Batch;

/// What happened under one lock that others want to know.
#[derive(Debug, Default)]
pub struct Signals {
    /// Keyspace events of the classes that are wanted, in the order in which they happened.
    pub events: Vec<KeyEvent>,
    /// Keys that changed and that tracking clients may hold a copy of.
    pub invalidations: Vec<Invalidation>,
    /// The position that all of this depends on.
    pub lsn: Lsn,
}

impl Signals {
    /// Says whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.invalidations.is_empty()
    }
}

/// The account of the changes made under one lock.
#[derive(Debug)]
pub(crate) struct Ledger<'e> {
    journal: &'e Journal,
    mask: EventMask,
    /// Whether changes of all keys are wanted, not only of those that somebody has read.
    broadcasts: bool,
    changes: u64,
    /// How many of the changes the journal has been given.
    closed_changes: u64,
    /// Whether replies depend on what has changed since.
    is_awaited: bool,
    /// What has changed since; left empty if nobody keeps it.
    batch: Batch,
    pub(crate) signals: Signals,
    /// Keys that changed while somebody waits for them.
    pub(crate) ready: VecDeque<DbKey>,
}

impl<'e> Ledger<'e> {
    pub(crate) fn new(journal: &'e Journal, mask: EventMask, broadcasts: bool) -> Self {
        Ledger {
            journal,
            mask,
            broadcasts,
            changes: 0,
            closed_changes: 0,
            is_awaited: false,
            batch: Batch::default(),
            signals: Signals::default(),
            ready: VecDeque::new(),
        }
    }

    /// Lends the buffer in which batches are encoded, if they are.
    #[inline]
    pub(crate) fn lend_batch(&mut self, batch: &mut Batch) {
        if self.journal.keeps() {
            std::mem::swap(&mut self.batch, batch);
        }
    }

    /// Takes an effect into the batch.
    #[inline]
    pub(crate) fn record(&mut self, db: u8, effect: &Effect<'_>) {
        self.is_awaited = true;
        self.record_in_passing(db, effect);
    }

    /// Takes an effect into the batch that no reply has to wait for.
    #[inline]
    pub(crate) fn record_in_passing(&mut self, db: u8, effect: &Effect<'_>) {
        if self.journal.keeps() {
            self.batch.push(db, effect);
        }
        self.changes += 1;
    }

    /// Hands the batch to the journal and returns its position; `None` if there is nothing in it
    /// that a reply depends on.
    #[inline]
    pub(crate) fn close_batch(&mut self) -> Option<Lsn> {
        if self.changes == self.closed_changes {
            return None;
        }
        self.closed_changes = self.changes;
        let lsn = self.journal.append(self.batch.record());
        self.batch.clear();
        std::mem::take(&mut self.is_awaited).then_some(lsn)
    }

    /// Returns how many effects there were.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// Tells all who have an interest in this key that it has changed; a command that is void has
    /// changed nothing.
    #[inline]
    pub(crate) fn touch(&mut self, interest: &mut Interest, db: u8, key: &[u8]) {
        if reading::is_void() {
            return;
        }
        interest.raise(db, key);
        let readers = interest.untrack(key);
        if readers.is_some() || self.broadcasts {
            let forgotten = u64::from(readers.is_some());
            let readers = readers.unwrap_or_default();
            let key = Some(key.into());
            self.signals.invalidations.push(Invalidation { key, readers, forgotten });
        }
    }

    /// Offers the key to those who wait for it, once the command is through.
    #[inline]
    pub(crate) fn wake(&mut self, interest: &Interest, db: u8, key: &[u8]) {
        let is_last = |last: &DbKey| last.db == db && *last.key == *key;
        if !reading::is_void()
            && interest.is_waited_for(db, key)
            && !self.ready.back().is_some_and(is_last)
        {
            self.ready.push_back(DbKey::new(db, key));
        }
    }

    /// Notes a keyspace event if its class is wanted.
    #[inline]
    pub(crate) fn event(&mut self, db: u8, class: EventClass, name: &'static str, key: &[u8]) {
        if self.mask.has(class) && !reading::is_void() {
            self.signals.events.push(KeyEvent { db, class, name, key: key.into() });
        }
    }
}

//! What one command or transaction has changed, and who is to hear of it.

use std::collections::VecDeque;

use firth_wal::Lsn;

use crate::effect::Effect;
use crate::event::{EventClass, EventMask, KeyEvent};
use crate::interest::{Interest, Invalidation};
use crate::journal::Journal;
use crate::key::DbKey;

/// What happened under one lock that others want to know.
#[derive(Debug, Default)]
pub struct Signals {
    /// Keyspace events of the classes that are wanted, in the order in which they happened.
    pub events: Vec<KeyEvent>,
    /// Keys that changed and that tracking clients may hold a copy of.
    pub invalidations: Vec<Invalidation>,
}

impl Signals {
    /// Says whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.invalidations.is_empty()
    }
}

/// The account of the changes made under one lock: one batch of the journal.
#[derive(Debug)]
pub(crate) struct Ledger<'e> {
    journal: &'e Journal,
    mask: EventMask,
    /// Whether changes of all keys are wanted, not only of those that somebody has read.
    broadcasts: bool,
    lsn: Lsn,
    changes: u64,
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
            lsn: Lsn::ZERO,
            changes: 0,
            signals: Signals::default(),
            ready: VecDeque::new(),
        }
    }

    /// Takes an effect into the batch. The batch gets its position with its first effect.
    pub(crate) fn record(&mut self, _db: u8, _effect: &Effect<'_>) {
        if self.changes == 0 {
            self.lsn = self.journal.append();
        }
        self.changes += 1;
    }

    /// Returns the position of the batch, zero as long as it is empty.
    pub(crate) fn lsn(&self) -> Lsn {
        self.lsn
    }

    /// Returns how many effects the batch holds.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// Tells all who have an interest in this key that it has changed.
    #[inline]
    pub(crate) fn touch(&mut self, interest: &mut Interest, db: u8, key: &[u8]) {
        interest.raise(db, key);
        let readers = interest.untrack(key);
        if readers.is_some() || self.broadcasts {
            let readers = readers.unwrap_or_default();
            self.signals.invalidations.push(Invalidation { key: Some(key.into()), readers });
        }
    }

    /// Offers the key to those who wait for it, once the command is through.
    #[inline]
    pub(crate) fn wake(&mut self, interest: &Interest, db: u8, key: &[u8]) {
        if interest.is_waited_for(db, key) {
            self.ready.push_back(DbKey::new(db, key));
        }
    }

    /// Notes a keyspace event if its class is wanted.
    #[inline]
    pub(crate) fn event(&mut self, db: u8, class: EventClass, name: &'static str, key: &[u8]) {
        if self.mask.has(class) {
            self.signals.events.push(KeyEvent { db, class, name, key: key.into() });
        }
    }
}

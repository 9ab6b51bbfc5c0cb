//! The sockets that are open, WebSockets and event streams alike.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::closing::Closing;
use crate::config::Limits;
use crate::outbox::Outbox;

/// The sockets that are open.
#[derive(Debug)]
pub(crate) struct Sockets {
    limits: Limits,
    table: Mutex<Table>,
    count: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Table {
    open: HashMap<u64, Open>,
    next: u64,
    is_stopping: bool,
}

/// A socket that is open.
#[derive(Debug)]
struct Open {
    outbox: Arc<Outbox>,
    user: Option<Arc<str>>,
}

/// The place of an open socket. Dropping it gives it up.
#[derive(Debug)]
pub(crate) struct Seat {
    sockets: Arc<Sockets>,
    id: u64,
    pub(crate) outbox: Arc<Outbox>,
}

impl Sockets {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        let (table, count) = (Mutex::default(), watch::Sender::default());
        Arc::new(Sockets { limits, table, count })
    }

    /// Gives a new socket its place, or says why there is none.
    pub(crate) fn seat(self: &Arc<Self>) -> Result<Seat, Closing> {
        let mut table = self.table.lock();
        if table.is_stopping {
            return Err(Closing::Stopping);
        }
        if table.open.len() >= self.limits.sockets {
            return Err(Closing::Full);
        }
        let (id, outbox) = (table.next, Arc::new(Outbox::new(&self.limits)));
        table.next += 1;
        table.open.insert(id, Open { outbox: Arc::clone(&outbox), user: None });
        self.count.send_replace(table.open.len());
        Ok(Seat { sockets: Arc::clone(self), id, outbox })
    }

    pub(crate) fn len(&self) -> usize {
        self.table.lock().open.len()
    }

    /// Returns how many sockets each user has, and those without one.
    pub(crate) fn users(&self) -> BTreeMap<Option<Arc<str>>, u64> {
        let mut users = BTreeMap::new();
        for open in self.table.lock().open.values() {
            *users.entry(open.user.clone()).or_default() += 1;
        }
        users
    }

    /// Closes all sockets and lets none in any more.
    pub(crate) fn stop(&self) {
        let mut table = self.table.lock();
        table.is_stopping = true;
        table.open.values().for_each(|open| open.outbox.close(Closing::Stopping));
    }

    /// Waits until no socket is open.
    pub(crate) async fn emptied(&self) {
        _ = self.count.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Seat {
    /// Notes whose socket it is.
    pub(crate) fn belongs_to(&self, user: &Arc<str>) {
        if let Some(open) = self.sockets.table.lock().open.get_mut(&self.id) {
            open.user = Some(Arc::clone(user));
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut table = self.sockets.table.lock();
        table.open.remove(&self.id);
        self.sockets.count.send_replace(table.open.len());
    }
}

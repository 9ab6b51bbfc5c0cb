//! A client that waits for data on keys.

use std::fmt;
use std::sync::Arc;

use firth_engine::{DbKey, Locked, Service, Waiter};
use firth_resp::{Protocol, Reply};
use parking_lot::Mutex;

use crate::client::Address;
use crate::mailbox::{Mail, Mailbox};
use crate::reply_error;

/// Runs a blocked command once more: returns the encoded reply, or nothing to go on waiting.
///
/// The key is the one that changed; only keys whose shards are locked may be looked at.
pub type Retry = dyn Fn(&mut Locked<'_>) -> Option<Vec<u8>> + Send + Sync;

/// A blocked client, as the engine and other clients see it.
///
/// Whoever ends the wait claims it first, so that it ends once: the command that brought the data,
/// the client's own worker when time is up, or CLIENT UNBLOCK.
pub struct BlockedReader {
    /// The number that tells this wait from all others.
    pub id: u64,
    /// Where the client's connection lives.
    pub address: Address,
    /// The keys that it waits for.
    pub keys: Vec<DbKey>,
    mailbox: Arc<Mailbox>,
    retry: Box<Retry>,
    watches_absence: bool,
    late_reply: Option<Vec<u8>>,
    /// Held while the command is tried once more, so that whoever wants to end the wait meanwhile
    /// learns whether it is over: a wait that goes on must not be taken for one that has ended.
    is_claimed: Mutex<bool>,
}

impl fmt::Debug for BlockedReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockedReader")
            .field("id", &self.id)
            .field("address", &self.address)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

/// What a command waits for.
pub struct Wait {
    /// The keys.
    pub keys: Vec<DbKey>,
    /// How to run the command once more.
    pub retry: Box<Retry>,
    /// Whether it is also to be woken when a key goes away.
    pub watches_absence: bool,
    /// For how long it waits, in milliseconds; `None` for ever.
    pub timeout_ms: Option<u64>,
    /// After how many milliseconds to try again although nothing has changed.
    pub retry_after_ms: Option<u64>,
    /// What the client gets when its time is up, encoded; `None` for the null array of reads.
    pub late_reply: Option<Vec<u8>>,
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait")
            .field("keys", &self.keys)
            .field("timeout_ms", &self.timeout_ms)
            .finish_non_exhaustive()
    }
}

impl BlockedReader {
    /// Returns a reader that waits on behalf of a client.
    pub fn new(id: u64, address: Address, mailbox: Arc<Mailbox>, wait: Wait) -> Self {
        BlockedReader {
            id,
            address,
            keys: wait.keys,
            mailbox,
            retry: wait.retry,
            watches_absence: wait.watches_absence,
            late_reply: wait.late_reply,
            is_claimed: Mutex::new(false),
        }
    }

    /// Returns what the client gets when its time is up, encoded.
    pub fn late_reply(&self, protocol: Protocol) -> Vec<u8> {
        self.late_reply.clone().unwrap_or_else(|| {
            let mut nothing = Vec::new();
            Reply::new(&mut nothing, protocol).null_array();
            nothing
        })
    }

    /// Claims the right to end the wait; granted once.
    pub fn claim(&self) -> bool {
        !std::mem::replace(&mut *self.is_claimed.lock(), true)
    }
}

impl Waiter for BlockedReader {
    fn id(&self) -> u64 {
        self.id
    }

    fn serve(&self, keys: &mut Locked<'_>, _db: u8, _key: &[u8]) -> Service {
        let mut is_claimed = self.is_claimed.lock();
        if *is_claimed {
            return Service::Done;
        }
        let mut reply = (self.retry)(keys);
        if let Some(failure) = keys.take_read_failure() {
            let error = reply_error::read_failure(&failure);
            let mut text = Vec::new();
            Reply::new(&mut text, Protocol::Resp2).error(error.text());
            reply = Some(text);
        }
        let Some(reply) = reply else { return Service::Waiting };
        *is_claimed = true;
        let lsn = keys.lsn();
        self.mailbox.send(Mail::Served { token: self.address.token, wait: self.id, reply, lsn });
        Service::Done
    }

    fn watches_absence(&self) -> bool {
        self.watches_absence
    }
}

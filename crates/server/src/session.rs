//! A client's session: what it has said about itself and what it is in the middle of.

use std::sync::Arc;

use firth_engine::{DbKey, WatchFlag};
use firth_resp::{OwnedRequest, Protocol, RequestDecoder};
use hashbrown::HashSet;

use crate::blocked::BlockedReader;
use crate::client::Client;
use crate::config::ReadReply;
use crate::loading::Scan;
use crate::spec::Spec;

/// A set of names.
pub(crate) type Set<T> = HashSet<T, foldhash::fast::RandomState>;

/// The state of one connection. It does no IO: bytes come in through its worker, and replies go to
/// the worker's outboxes.
#[derive(Debug)]
pub struct Session {
    /// What others may know about the client.
    pub client: Arc<Client>,
    /// The client's place in its worker.
    pub token: u64,
    /// The database that it has selected.
    pub db: u8,
    /// The protocol that it speaks.
    pub protocol: Protocol,
    /// Whether it may run commands that want authentication.
    pub is_authenticated: bool,
    /// Finds requests in what the client sends.
    pub decoder: RequestDecoder,
    /// The commands queued since MULTI.
    pub transaction: Option<Box<Transaction>>,
    /// The keys that it watches.
    pub watch: Option<Box<Watch>>,
    /// What it is subscribed to.
    pub subscriptions: Option<Box<Subscriptions>>,
    /// How it tracks the keys that it reads.
    pub tracking: Option<Box<crate::tracking::Tracking>>,
    /// What it waits for.
    pub blocked: Option<Blocked>,
    /// Which of its replies are sent.
    pub reply_mode: ReplyMode,
    /// How XREAD and XREADGROUP answer, where the client has said so itself.
    pub read_reply: Option<ReadReply>,
    /// Whether it is sent all commands.
    pub is_monitor: bool,
    /// Whether its connection is closed once its replies are sent.
    pub is_closing: bool,
    /// Why requests that have arrived were not run, although it waits for nothing.
    pub halt: Option<Halt>,
    /// How its commands get on with reading blocks from the disk.
    pub scan: Scan,
    /// Until when its commands wait, by the monotonic clock.
    pub paused_until_ms: Option<u64>,
}

/// Why requests that have arrived were not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// The client has to read replies first.
    Full,
    /// It is the turn of others.
    TurnOver,
}

/// The commands queued since MULTI.
#[derive(Debug, Default)]
pub struct Transaction {
    /// The commands, in order.
    pub queue: Vec<(&'static Spec, OwnedRequest)>,
    /// How much memory they take, in bytes.
    pub bytes: usize,
    /// Whether one of them could not be queued, so that EXEC refuses.
    pub is_broken: bool,
}

/// The keys that a client watches.
#[derive(Debug, Default)]
pub struct Watch {
    /// Raised once one of them changes.
    pub flag: Arc<WatchFlag>,
    /// The keys.
    pub keys: Set<DbKey>,
    /// Those that were hidden already when they were to be watched: that they are is no change.
    pub hidden: Set<DbKey>,
}

/// What a client is subscribed to.
#[derive(Debug, Default)]
pub struct Subscriptions {
    /// Channels.
    pub channels: Set<Box<[u8]>>,
    /// Patterns.
    pub patterns: Set<Box<[u8]>>,
    /// Sharded channels.
    pub shard_channels: Set<Box<[u8]>>,
}

impl Subscriptions {
    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.channels.is_empty() && self.patterns.is_empty() && self.shard_channels.is_empty()
    }
}

/// What a blocked client waits for.
#[derive(Debug)]
pub struct Blocked {
    /// How it is known to those who may end its wait.
    pub reader: Arc<BlockedReader>,
    /// When its time is up, by the monotonic clock.
    pub deadline_ms: Option<u64>,
    /// When to try again although nothing has changed.
    pub retry_ms: Option<u64>,
    /// How long to wait then before the next try.
    pub retry_every_ms: u64,
}

/// Which of a client's replies are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyMode {
    /// All.
    #[default]
    On,
    /// None.
    Off,
    /// All but that to the next command.
    SkipNext,
    /// All but that to this command.
    Skip,
}

impl Session {
    /// Returns the session of a client that has just connected.
    pub fn new(client: Arc<Client>, is_authenticated: bool) -> Self {
        Session {
            token: client.address.token,
            client,
            db: 0,
            protocol: Protocol::Resp2,
            is_authenticated,
            decoder: RequestDecoder::new(),
            transaction: None,
            watch: None,
            subscriptions: None,
            tracking: None,
            blocked: None,
            reply_mode: ReplyMode::On,
            read_reply: None,
            is_monitor: false,
            is_closing: false,
            halt: None,
            scan: Scan::default(),
            paused_until_ms: None,
        }
    }

    /// Says whether requests of this client have to wait.
    pub fn is_held(&self) -> bool {
        self.blocked.is_some()
            || self.is_closing
            || self.scan.is_waiting
            || self.paused_until_ms.is_some()
    }

    /// Says whether the client is subscribed to anything.
    pub fn is_subscribed(&self) -> bool {
        self.subscriptions.is_some()
    }
}

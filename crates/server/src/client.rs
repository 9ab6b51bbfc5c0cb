//! What everybody may know about a connected client.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;

/// Where a client's connection lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The number of the worker.
    pub mailbox: u16,
    /// The client's token there.
    pub token: u64,
}

/// A connected client, as others see it: CLIENT LIST, CLIENT KILL, CLIENT UNBLOCK.
///
/// Its worker writes here, others read; numbers may be a moment old.
#[derive(Debug)]
pub struct Client {
    /// The number that tells this connection from all others since the start.
    pub id: u64,
    /// Where its connection lives.
    pub address: Address,
    /// The peer's address.
    pub peer: String,
    /// The address that it connected to.
    pub local: String,
    /// Whether it came over a Unix socket.
    pub is_unix: bool,
    /// When it connected, by the monotonic clock.
    pub connected_ms: u64,
    /// When it last sent a command, by the monotonic clock.
    pub active_ms: AtomicU64,
    /// Its database.
    pub db: AtomicU8,
    /// Its protocol, 2 or 3.
    pub protocol: AtomicU8,
    /// How many channels it is subscribed to.
    pub channels: AtomicU32,
    /// How many patterns it is subscribed to.
    pub patterns: AtomicU32,
    /// How many sharded channels it is subscribed to.
    pub shard_channels: AtomicU32,
    /// How many commands it has queued in MULTI, -1 outside.
    pub queued: AtomicI64,
    /// How many keys it watches.
    pub watched: AtomicU32,
    /// How many bytes of requests wait.
    pub input_bytes: AtomicU64,
    /// How many bytes of replies wait.
    pub output_bytes: AtomicU64,
    /// In how many pieces they wait.
    pub output_pieces: AtomicU32,
    /// How many bytes it has sent.
    pub received_bytes: AtomicU64,
    /// How many bytes it was sent.
    pub sent_bytes: AtomicU64,
    /// How many commands it has run.
    pub commands: AtomicU64,
    /// The index of its last command in the table, `u32::MAX` for none.
    pub last_command: AtomicU32,
    /// What it is in, as bits of [`ClientState`].
    pub state: AtomicU32,
    /// The client whose invalidation messages go elsewhere names that one here; -1 for none.
    pub redirect: AtomicI64,
    /// Set for good once its connection is to be closed.
    pub is_closing: AtomicBool,
    /// What it calls itself.
    pub labels: Mutex<Labels>,
    /// How to end its wait, while it is blocked.
    pub blocked: Mutex<Option<Arc<crate::blocked::BlockedReader>>>,
}

/// What a client calls itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// CLIENT SETNAME.
    pub name: Vec<u8>,
    /// CLIENT SETINFO LIB-NAME.
    pub library: Vec<u8>,
    /// CLIENT SETINFO LIB-VER.
    pub library_version: Vec<u8>,
}

/// The states that a client can be in, one bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ClientState {
    /// It is blocked.
    Blocked = 1 << 0,
    /// It is subscribed.
    Subscribed = 1 << 1,
    /// It is within MULTI.
    Multi = 1 << 2,
    /// It monitors all commands.
    Monitor = 1 << 4,
    /// It tracks the keys that it reads.
    Tracking = 1 << 5,
    /// It tracks keys by prefix.
    Broadcast = 1 << 6,
    /// The client that its invalidation messages go to is gone.
    BrokenRedirect = 1 << 7,
    /// It is exempt from eviction.
    NoEvict = 1 << 8,
    /// Its commands do not count as uses of keys.
    NoTouch = 1 << 9,
    /// It is subscribed to the channel of invalidation messages.
    Invalidations = 1 << 10,
    /// It is not told of keys that it has changed itself.
    NoLoop = 1 << 11,
}

impl Client {
    /// Returns a client that has just connected.
    pub fn new(id: u64, address: Address, peer: Peer, now_ms: u64) -> Self {
        Client {
            id,
            address,
            peer: peer.address,
            local: peer.local,
            is_unix: peer.is_unix,
            connected_ms: now_ms,
            active_ms: AtomicU64::new(now_ms),
            db: AtomicU8::new(0),
            protocol: AtomicU8::new(2),
            channels: AtomicU32::new(0),
            patterns: AtomicU32::new(0),
            shard_channels: AtomicU32::new(0),
            queued: AtomicI64::new(-1),
            watched: AtomicU32::new(0),
            input_bytes: AtomicU64::new(0),
            output_bytes: AtomicU64::new(0),
            output_pieces: AtomicU32::new(0),
            received_bytes: AtomicU64::new(0),
            sent_bytes: AtomicU64::new(0),
            commands: AtomicU64::new(0),
            last_command: AtomicU32::new(u32::MAX),
            state: AtomicU32::new(0),
            redirect: AtomicI64::new(-1),
            is_closing: AtomicBool::new(false),
            labels: Mutex::default(),
            blocked: Mutex::new(None),
        }
    }

    /// Counts what it has sent; for its worker alone.
    pub fn note_received(&self, bytes: usize) {
        let count = self.received_bytes.load(Ordering::Relaxed) + bytes as u64;
        self.received_bytes.store(count, Ordering::Relaxed);
    }

    /// Counts what it was sent, which also shows that it is active; for its worker alone.
    pub fn note_sent(&self, bytes: usize, now_ms: u64) {
        let count = self.sent_bytes.load(Ordering::Relaxed) + bytes as u64;
        self.sent_bytes.store(count, Ordering::Relaxed);
        self.active_ms.store(now_ms, Ordering::Relaxed);
    }

    /// Says whether the client is in this state.
    pub fn is(&self, state: ClientState) -> bool {
        self.state.load(Ordering::Relaxed) & state as u32 != 0
    }

    /// Notes that the client is, or is no longer, in this state.
    pub fn note(&self, state: ClientState, holds: bool) {
        if holds {
            self.state.fetch_or(state as u32, Ordering::Relaxed);
        } else {
            self.state.fetch_and(!(state as u32), Ordering::Relaxed);
        }
    }
}

/// Where a connection comes from.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// The peer's address.
    pub address: String,
    /// The address that it connected to.
    pub local: String,
    /// Whether it came over a Unix socket.
    pub is_unix: bool,
}

/// All connected clients, by number.
#[derive(Debug, Default)]
pub struct Clients {
    last_id: AtomicU64,
    by_id: Mutex<BTreeMap<u64, Arc<Client>>>,
}

impl Clients {
    /// Returns the number for the next client.
    pub fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Adds a client.
    pub fn add(&self, client: Arc<Client>) {
        self.by_id.lock().insert(client.id, client);
    }

    /// Removes a client.
    pub fn remove(&self, id: u64) {
        self.by_id.lock().remove(&id);
    }

    /// Returns a client.
    pub fn get(&self, id: u64) -> Option<Arc<Client>> {
        self.by_id.lock().get(&id).cloned()
    }

    /// Returns all clients, the oldest first.
    pub fn all(&self) -> Vec<Arc<Client>> {
        self.by_id.lock().values().cloned().collect()
    }

    /// Returns how many clients there are.
    pub fn len(&self) -> usize {
        self.by_id.lock().len()
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_id.lock().is_empty()
    }
}

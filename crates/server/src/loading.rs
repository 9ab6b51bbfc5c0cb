//! Commands that wait for blocks of streams from the disk, without holding anybody up.
//!
//! A command that lacks blocks is void: what it has replied is dropped, its client is held, and what
//! it wants is queued for the loaders, threads that do nothing but read. When it has been read, the
//! client's worker runs the command once more, from its request. It may then lack others, so this
//! goes round by round, each of which reads further ahead. A command that still lacks something after
//! many rounds, or comes when the queue is full, reads on the spot, as do transactions and those
//! that have changed something already.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use firth_engine::blocks::{Room, Spot, Wanted};
use firth_engine::{Engine, Locked};
use parking_lot::{Condvar, Mutex};

use crate::client::Address;
use crate::mailbox::{Mail, Mailbox};
use crate::server::Server;
use crate::spec::{Keys, Spec};

/// How many threads read blocks.
const THREADS: usize = 2;
/// For how long a loader waits when too much memory is in use, and how often before it goes on.
const ROOM_WAIT: Duration = Duration::from_millis(1);
const ROOM_WAITS_MAX: u32 = 20;
/// How many commands may wait for blocks.
const WAITING_MAX: usize = 4096;
/// After how many rounds a command reads on the spot.
const ROUNDS_MAX: u32 = 32;
/// How many blocks are read ahead, at first and at most.
const AHEAD_MIN: usize = 3;
const AHEAD_MAX: usize = 512;
/// How far behind the blocks that were read last those of the same scan begin at most.
const SCAN_GAP_BYTES: u32 = 1 << 20;

/// The queue of those who read blocks.
#[derive(Debug, Default)]
pub struct Loaders {
    queue: Mutex<VecDeque<Load>>,
    bell: Condvar,
    is_driven: AtomicBool,
    is_stopping: AtomicBool,
    loads: AtomicU64,
    blocks: AtomicU64,
}

/// What one command waits for.
#[derive(Debug)]
struct Load {
    wanted: Wanted,
    mailbox: Arc<Mailbox>,
    token: u64,
}

impl Loaders {
    /// Says that somebody calls [`Loaders::load_next`]; without it, all blocks are read on the spot.
    pub fn drive(&self) {
        self.is_driven.store(true, Ordering::Relaxed);
    }

    /// Reads the blocks that a client has waited for longest, and lets its worker know; says whether
    /// there were any.
    pub fn load_next(&self) -> bool {
        let load = self.queue.lock().pop_front();
        load.map(|load| self.load(load)).is_some()
    }

    /// Returns for how many commands and how many blocks were read so far.
    pub fn counts(&self) -> (u64, u64) {
        (self.loads.load(Ordering::Relaxed), self.blocks.load(Ordering::Relaxed))
    }

    /// Queues what a client's command wants; says whether there was room.
    pub(crate) fn submit(&self, wanted: Wanted, mailbox: Arc<Mailbox>, address: Address) -> bool {
        let mut queue = self.queue.lock();
        let has_room = queue.len() < WAITING_MAX;
        if has_room {
            queue.push_back(Load { wanted, mailbox, token: address.token });
            self.bell.notify_one();
        }
        has_room
    }

    fn load(&self, load: Load) {
        let Load { wanted, mailbox, token } = load;
        self.loads.fetch_add(1, Ordering::Relaxed);
        self.blocks.fetch_add(wanted.len() as u64, Ordering::Relaxed);
        wanted.load();
        mailbox.send(Mail::Loaded { token });
    }

    fn run(&self, engine: &Engine) {
        loop {
            let mut queue = self.queue.lock();
            while queue.is_empty() && !self.is_stopping.load(Ordering::Acquire) {
                self.bell.wait(&mut queue);
            }
            let Some(load) = queue.pop_front() else { return };
            drop(queue);
            wait_for_room(engine);
            self.load(load);
        }
    }
}

/// Waits a while if memory falls behind, so that no scan brings back more than leaves.
fn wait_for_room(engine: &Engine) {
    for _ in 0..ROOM_WAITS_MAX {
        if engine.make_room(0) != Room::Soon {
            return;
        }
        thread::sleep(ROOM_WAIT);
    }
}

/// The threads that read blocks, until this is dropped.
#[derive(Debug)]
pub struct Loading {
    server: Arc<Server>,
    threads: Vec<JoinHandle<()>>,
}

impl Loading {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system refuses.
    pub fn start(server: &Arc<Server>) -> io::Result<Loading> {
        let mut loading = Loading { server: Arc::clone(server), threads: Vec::new() };
        for number in 0..THREADS {
            let server = Arc::clone(server);
            let thread = thread::Builder::new().name(format!("firth-loader-{number}"));
            loading.threads.push(thread.spawn(move || server.loaders.run(&server.engine))?);
        }
        server.loaders.drive();
        Ok(loading)
    }
}

impl Drop for Loading {
    fn drop(&mut self) {
        let loaders = &self.server.loaders;
        let queue = loaders.queue.lock();
        loaders.is_stopping.store(true, Ordering::Release);
        loaders.bell.notify_all();
        drop(queue);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a loader has panicked");
            }
        }
    }
}

/// How a client's commands get on with reading blocks.
#[derive(Debug)]
pub struct Scan {
    /// How often the command has been run in vain.
    rounds: u32,
    ahead: usize,
    /// What the command that is run in vain has waited for.
    waited_for: Option<Spot>,
    /// The place behind what was wanted last.
    end: Option<Spot>,
    /// Whether it waits for blocks.
    pub is_waiting: bool,
}

impl Default for Scan {
    fn default() -> Self {
        Scan { rounds: 0, ahead: AHEAD_MIN, waited_for: None, end: None, is_waiting: false }
    }
}

impl Scan {
    /// Lets a command be suspended where it lacks blocks, if it is one that may be.
    #[inline]
    pub(crate) fn allow(&self, server: &Server, keys: &mut Locked<'_>, spec: &Spec) {
        if server.engine.memory().cold_blocks() > 0
            && spec.keys != Keys::Transaction
            && self.rounds < ROUNDS_MAX
            && server.loaders.is_driven.load(Ordering::Relaxed)
        {
            keys.allow_suspension(self.ahead, self.waited_for);
        }
    }

    /// Notes what a command wants.
    pub(crate) fn suspend(&mut self, wanted: &Wanted) {
        let follows = |Spot { number, offset }: Spot| {
            let near = offset..offset.saturating_add(SCAN_GAP_BYTES);
            wanted
                .first()
                .is_some_and(|first| first.number == number && near.contains(&first.offset))
        };
        let goes_on = self.rounds > 0 || self.end.is_some_and(follows);
        self.ahead = if goes_on { (2 * self.ahead).min(AHEAD_MAX) } else { AHEAD_MIN };
        self.end = wanted.end();
        self.waited_for = wanted.first();
        self.rounds += 1;
    }

    /// Has the command read on the spot.
    pub(crate) fn give_up(&mut self) {
        self.rounds = ROUNDS_MAX;
    }

    /// Notes that a command is through.
    #[inline]
    pub(crate) fn end_command(&mut self) {
        self.rounds = 0;
        self.waited_for = None;
    }
}

#[cfg(test)]
mod tests;

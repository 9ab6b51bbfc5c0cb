//! A worker: its clients' sessions, driven by bytes, mail and time, without IO.
//!
//! Whoever drives it (the event loop over real sockets, a simulation over pretended ones) hands in
//! what clients sent, runs the mail and the timers, and sends what has gathered in the outboxes at
//! the end of the tick.

mod housekeeping;
mod settling;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use firth_engine::blocks::Wanted;
use firth_engine::{Lsn, ShardSet, Waiter};
use firth_resp::{Authentication, Limits, Reply, RequestDecoder};

use crate::client::{Address, Client, ClientState, Peer};
use crate::dispatch::{self, Dispatched, dispatch};
use crate::fanout;
use crate::local::{Doomed, Local};
use crate::mailbox::Mail;
use crate::outboxes::{Outboxes, slot_of};
use crate::server::Server;
use crate::session::{Blocked, Halt, Session};
use crate::tracking;

/// How often a worker looks after what needs no precise moment.
const HOUSEKEEPING_MS: u64 = 100;
/// For how long the commands of one client may run before others have their turn.
const TURN_NS: u64 = 5_000_000;

/// The sessions of one worker.
#[derive(Debug)]
pub struct Worker {
    server: Arc<Server>,
    local: Local,
    sessions: Vec<Slot>,
    vacant: Vec<usize>,
    resumed: Vec<u64>,
    config_version: u64,
    housekeeping_ms: u64,
    rest_written_ms: u64,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    session: Option<Box<Session>>,
}

impl Worker {
    /// Returns a worker without clients, or nothing if there is no mailbox of this number.
    pub fn new(server: Arc<Server>, number: u16) -> Option<Self> {
        let mailbox = server.mailbox(number)?.clone();
        let stats = server.worker_stats().get(usize::from(number))?.clone();
        let local = Local {
            number,
            mailbox,
            mail: Vec::new(),
            outboxes: Outboxes::default(),
            config: server.config(),
            stats,
            now_ms: server.engine.clock().now_ms(),
            monotonic_ms: server.engine.clock().monotonic_ms(),
            monotonic_ns: 0,
            timers: BTreeSet::new(),
            said: Vec::new(),
            changed_keys: BTreeMap::new(),
            changed_lsn: Lsn::ZERO,
            doomed: Doomed::default(),
        };
        let mut worker = Worker {
            config_version: server.config_version(),
            server,
            local,
            sessions: Vec::new(),
            vacant: Vec::new(),
            resumed: Vec::new(),
            housekeeping_ms: 0,
            rest_written_ms: 0,
        };
        worker.settle();
        Some(worker)
    }

    /// Returns the worker's own things: outboxes, configuration, counters.
    pub fn local(&mut self) -> &mut Local {
        &mut self.local
    }

    /// Returns what all workers share.
    pub fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// Returns a client's session.
    pub fn session(&self, token: u64) -> Option<&Session> {
        let session = self.sessions.get(slot_of(token))?.session.as_deref();
        session.filter(|session| session.token == token)
    }

    /// Takes a new client and returns its token.
    pub fn connect(&mut self, peer: Peer) -> u64 {
        self.read_clock();
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.sessions.push(Slot::default());
            self.sessions.len() - 1
        });
        let generation = self.sessions[slot].generation;
        let token = u64::from(generation) << 32 | slot as u64;
        let address = Address { mailbox: self.local.number, token };
        let id = self.server.clients.next_id();
        let client = Arc::new(Client::new(id, address, peer, self.local.monotonic_ms));
        let is_authenticated = self.local.config.password.is_empty();
        self.server.clients.add(client.clone());
        let connected = self.server.clients.len() as u64;
        self.server.clients_peak.fetch_max(connected, Ordering::Relaxed);
        self.sessions[slot].session = Some(Box::new(Session::new(client, is_authenticated)));
        self.local.outboxes.open(token);
        self.local.stats.connections.add(1);
        token
    }

    /// Forgets a client that is gone.
    pub fn disconnect(&mut self, token: u64) {
        let Some(mut session) = self.take_session(token) else { return };
        let slot = slot_of(token);
        self.sessions[slot].generation = self.sessions[slot].generation.wrapping_add(1);
        self.vacant.push(slot);
        if let Some(until_ms) = session.paused_until_ms {
            self.local.timers.remove(&(until_ms, token));
        }
        if let Some(blocked) = session.blocked.take() {
            blocked.reader.claim();
            self.forget_wait(token, &blocked);
        }
        self.server.leave(&mut self.local, &mut session);
        self.server.clients.remove(session.client.id);
        self.local.outboxes.close(token);
    }

    /// Runs the complete requests at the head of what a client has sent, as far as it may go on
    /// now, and returns how many bytes they took. The rest is to be handed in again, with more
    /// behind it, or when the client is [resumed](Self::take_resumed).
    pub fn receive(&mut self, token: u64, input: &[u8]) -> usize {
        let Some(mut session) = self.take_session(token) else { return input.len() };
        self.read_clock();
        let server = self.server.clone();
        self.local.outboxes.begin(token);
        session.client.input_bytes.store(input.len() as u64, Ordering::Relaxed);
        let mut decoder = std::mem::take(&mut session.decoder);
        let (used, lsn) = self.run_requests(&server, &mut session, &mut decoder, input);
        session.decoder = decoder;
        self.local.outboxes.end(lsn);
        if session.is_closing {
            self.local.outboxes.mark(token);
        }
        session.client.active_ms.store(self.local.monotonic_ms, Ordering::Relaxed);
        session.client.input_bytes.store((input.len() - used) as u64, Ordering::Relaxed);
        self.sessions[slot_of(token)].session = Some(session);
        used
    }

    /// Notes that a client sends nothing more: its connection is closed once its replies are sent.
    pub fn hang_up(&mut self, token: u64) {
        let slot = self.sessions.get_mut(slot_of(token));
        let session = slot.and_then(|slot| slot.session.as_deref_mut());
        if let Some(session) = session.filter(|session| session.token == token) {
            session.is_closing = true;
            self.local.outboxes.mark(token);
        }
    }

    /// Applies the mail that others have left.
    pub fn read_mail(&mut self) {
        if !self.local.mailbox.has_mail() && self.local.mail.is_empty() {
            return;
        }
        self.read_clock();
        let mut mail = std::mem::take(&mut self.local.mail);
        mail.append(&mut self.local.mailbox.take());
        for mail in mail {
            self.apply_mail(mail);
        }
    }

    /// Does what is due at this time.
    pub fn run_timers(&mut self) {
        self.read_clock();
        let now_ms = self.local.monotonic_ms;
        while let Some(&(at_ms, token)) = self.local.timers.first() {
            if at_ms > now_ms {
                break;
            }
            self.local.timers.pop_first();
            self.ring(token);
        }
        if self.housekeeping_ms <= now_ms {
            self.housekeeping_ms = now_ms + HOUSEKEEPING_MS;
            self.keep_house();
        }
    }

    /// Returns in how many milliseconds there is something to do, if nothing happens before.
    pub fn idle_ms(&mut self) -> u64 {
        self.read_clock();
        let timer_ms = self.local.timers.first().map_or(u64::MAX, |&(at_ms, _)| at_ms);
        timer_ms.min(self.housekeeping_ms).saturating_sub(self.local.monotonic_ms)
    }

    /// Returns the clients whose requests may go on.
    pub fn take_resumed(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.resumed)
    }

    /// Returns the clients whose connections are to be closed. The list is to be dropped when that
    /// is done, since others may wait for it.
    pub fn take_doomed(&mut self) -> Doomed {
        std::mem::take(&mut self.local.doomed)
    }

    /// Returns all clients' tokens.
    pub fn tokens(&self) -> Vec<u64> {
        let sessions = self.sessions.iter().filter_map(|slot| slot.session.as_deref());
        sessions.map(|session| session.token).collect()
    }

    /// Reads the clocks, and the configuration if it has changed.
    pub fn read_clock(&mut self) {
        self.local.now_ms = self.server.engine.clock().now_ms();
        self.local.monotonic_ns = self.server.engine.clock().monotonic_ns();
        self.local.monotonic_ms = self.local.monotonic_ns / 1_000_000;
        self.refresh_config();
    }

    fn refresh_config(&mut self) {
        let version = self.server.config_version();
        if version != self.config_version {
            self.config_version = version;
            self.local.config = self.server.config();
        }
    }

    fn client(&self, token: u64) -> Option<Arc<Client>> {
        self.session(token).map(|session| session.client.clone())
    }

    fn take_session(&mut self, token: u64) -> Option<Box<Session>> {
        let slot = self.sessions.get_mut(slot_of(token))?;
        slot.session.take_if(|session| session.token == token)
    }

    fn run_requests(
        &mut self,
        server: &Server,
        session: &mut Session,
        decoder: &mut RequestDecoder,
        input: &[u8],
    ) -> (usize, Lsn) {
        let mut used = 0;
        let mut lsn = Lsn::ZERO;
        let mut commands = 0;
        session.halt = None;
        let started_ns = self.local.monotonic_ns;
        while !session.is_held() {
            let limits = self.limits(session);
            let rest = input.get(used..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            let room = self.local.outboxes.room(session.token, session.is_authenticated);
            if self.local.outboxes.reply.len() >= room {
                session.halt = Some(Halt::Full);
                break;
            }
            if self.local.monotonic_ns.saturating_sub(started_ns) > TURN_NS {
                session.halt = Some(Halt::TurnOver);
                break;
            }
            match decoder.decode(rest, &limits) {
                Ok(Some(len)) => {
                    let request = decoder.request(rest);
                    match dispatch(server, &mut self.local, session, request) {
                        Dispatched::Done(at) => lsn = lsn.max(at),
                        Dispatched::Suspended(wanted) => {
                            decoder.reset();
                            if self.suspend(session, wanted) {
                                break;
                            }
                            continue;
                        }
                        Dispatched::Paused(until_ms) => {
                            decoder.reset();
                            session.paused_until_ms = Some(until_ms);
                            session.client.note(ClientState::Blocked, true);
                            self.local.timers.insert((until_ms, session.token));
                            break;
                        }
                    }
                    commands += 1;
                    used += len;
                    self.refresh_config();
                }
                Ok(None) => break,
                Err(error) => {
                    let text = error.to_string();
                    Reply::new(&mut self.local.outboxes.reply, session.protocol).error(&text);
                    session.is_closing = true;
                    used = input.len();
                }
            }
        }
        session.client.commands.fetch_add(commands, Ordering::Relaxed);
        (used, lsn)
    }

    /// Lets a client wait for blocks that its command wants; says whether that is possible. If not,
    /// the command reads on the spot when it is run once more.
    fn suspend(&self, session: &mut Session, wanted: Wanted) -> bool {
        session.scan.suspend(&wanted);
        let mailbox = self.local.mailbox.clone();
        session.scan.is_waiting =
            self.server.loaders.submit(wanted, mailbox, session.client.address);
        if !session.scan.is_waiting {
            session.scan.give_up();
        }
        session.scan.is_waiting
    }

    fn limits(&self, session: &Session) -> Limits {
        Limits {
            bulk_len_max: self.local.config.bulk_bytes_max,
            authentication: if session.is_authenticated {
                Authentication::Passed
            } else {
                Authentication::Pending
            },
            ..Limits::default()
        }
    }

    fn apply_mail(&mut self, mail: Mail) {
        match mail {
            Mail::Message { message, listeners } => {
                fanout::deliver_mail(&mut self.local, &message, &listeners);
            }
            Mail::Push { token, bytes } => self.local.outboxes.push(token, &bytes, Lsn::ZERO),
            Mail::Served { token, wait, reply, lsn } => self.end_wait(token, wait, &reply, lsn),
            Mail::Invalidate { token, keys, lsn } => {
                if let Some(client) = self.client(token) {
                    tracking::deliver(&mut self.local, &client, &keys, lsn);
                }
            }
            Mail::RedirectBroken { token, redirect } => {
                if let Some(client) = self.client(token) {
                    tracking::deliver_broken_redirect(&mut self.local, &client, redirect);
                }
            }
            Mail::Loaded { token } => self.end_loading(token),
            Mail::PauseEnded => self.end_pause(),
            Mail::Close { tokens, reason, receipt } => {
                self.local.doomed.receipts.extend(receipt);
                for token in tokens {
                    self.local.doom(token, reason);
                }
            }
        }
    }

    /// Lets a client go on whose command has waited for blocks.
    fn end_loading(&mut self, token: u64) {
        let slot = self.sessions.get_mut(slot_of(token));
        let session = slot.and_then(|slot| slot.session.as_deref_mut());
        if let Some(session) = session.filter(|session| session.token == token) {
            session.scan.is_waiting = false;
            self.resumed.push(token);
        }
    }

    /// Lets all clients that are stopped by CLIENT PAUSE go on; they stop again if it has begun anew.
    fn end_pause(&mut self) {
        let sessions = self.sessions.iter_mut().filter_map(|slot| slot.session.as_deref_mut());
        for session in sessions {
            if let Some(until_ms) = session.paused_until_ms.take() {
                session.client.note(ClientState::Blocked, false);
                self.local.timers.remove(&(until_ms, session.token));
                self.resumed.push(session.token);
            }
        }
    }

    /// Gives a blocked client its reply and lets it go on.
    fn end_wait(&mut self, token: u64, wait: u64, reply: &[u8], lsn: Lsn) {
        let Some(mut session) = self.take_session(token) else { return };
        if let Some(blocked) = session.blocked.take_if(|blocked| blocked.reader.id == wait) {
            self.forget_wait(token, &blocked);
            *session.client.blocked.lock() = None;
            session.client.note(ClientState::Blocked, false);
            self.count_failure(&session, reply);
            self.local.outboxes.push(token, reply, lsn);
            self.resumed.push(token);
        }
        self.sessions[slot_of(token)].session = Some(session);
    }

    /// Counts an error that ends the wait of a client.
    fn count_failure(&self, session: &Session, reply: &[u8]) {
        let Some(text) = reply.strip_prefix(b"-") else { return };
        dispatch::count_error(&self.server, &self.local, &String::from_utf8_lossy(text));
        let waited = session.client.last_command.load(Ordering::Relaxed) as usize;
        if let Some(stats) = self.local.stats.commands.get(waited) {
            stats.failed.add(1);
        }
    }

    /// Takes away what was to end a wait.
    fn forget_wait(&mut self, token: u64, blocked: &Blocked) {
        for at_ms in blocked.deadline_ms.into_iter().chain(blocked.retry_ms) {
            self.local.timers.remove(&(at_ms, token));
        }
        let reader = &blocked.reader;
        for key in &reader.keys {
            let shard = ShardSet::of(self.server.engine.hash(&key.key));
            let mut keys = self.server.engine.lock(shard, self.local.now_ms);
            keys.unpark(key.db, &key.key, reader.id);
        }
    }

    /// Does what is due for a client: its wait is over, is to be tried again, or its pause ends.
    fn ring(&mut self, token: u64) {
        let now_ms = self.local.monotonic_ms;
        let Some(mut session) = self.take_session(token) else { return };
        if session.paused_until_ms.is_some_and(|until_ms| until_ms <= now_ms) {
            session.paused_until_ms = None;
            session.client.note(ClientState::Blocked, false);
            self.resumed.push(token);
        }
        let mut timed_out = None;
        if let Some(blocked) = &mut session.blocked {
            if blocked.deadline_ms.is_some_and(|at_ms| at_ms <= now_ms) {
                timed_out = blocked.reader.claim().then(|| blocked.reader.clone());
            } else if blocked.retry_ms.is_some_and(|at_ms| at_ms <= now_ms) {
                let again_ms = now_ms + blocked.retry_every_ms;
                blocked.retry_ms = Some(again_ms);
                let next_ms = blocked.deadline_ms.unwrap_or(u64::MAX).min(again_ms);
                self.local.timers.insert((next_ms, token));
                let reader = blocked.reader.clone();
                self.try_again(&reader);
            }
        }
        let protocol = session.protocol;
        self.sessions[slot_of(token)].session = Some(session);
        if let Some(reader) = timed_out {
            self.end_wait(token, reader.id, &reader.late_reply(protocol), Lsn::ZERO);
        }
    }

    fn try_again(&mut self, reader: &Arc<crate::blocked::BlockedReader>) {
        let mut shards = ShardSet::NONE;
        for key in &reader.keys {
            shards.add(ShardSet::of(self.server.engine.hash(&key.key)));
        }
        let server = self.server.clone();
        let key = reader.keys.first();
        if key.is_some() && !server.engine.journal().admits() {
            // What it would be given could not be logged.
            return;
        }
        let mut keys = server.engine.lock(shards, self.local.now_ms);
        let (db, key) = key.map_or((0, &[][..]), |key| (key.db, &key.key));
        reader.serve(&mut keys, db, key);
        keys.serve_waiters();
        let signals = keys.take_signals();
        dispatch::tell_of(&server, &mut self.local, None, signals);
    }
}

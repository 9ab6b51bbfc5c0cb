//! The loop of one worker: read all, run all, write all.

mod accept;

use std::io::{self, IoSlice, Read, Write};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mio::{Events, Poll, Token};

use super::connection::Connection;
use super::listener::Listener;
use super::{Loops, WAKER};
use crate::client::ClientState;
use crate::mailbox::CloseReason;
use crate::outboxes::slot_of;
use crate::session::Halt;
use crate::worker::Worker;

/// How much is read at a time.
const READ_BYTES: usize = 128 * 1024;
/// How much one client may bring in one tick before the others have their turn.
const TURN_BYTES: usize = 1024 * 1024;
/// How much may wait of a client that is blocked before nothing more is read from it.
const HELD_BYTES_MAX: usize = 1024 * 1024;
/// How many pieces are sent at a time.
const SLICES: usize = 64;
/// For how long a connection that is to be closed may take to fetch its last replies.
const CLOSING_MS_MAX: u64 = 10_000;
/// How often connections whose output waits are looked after although nothing happens on them.
const CHECK_MS: u64 = 100;
/// How long a request may get that is to bring the password: room for the longest of names and
/// passwords.
const UNAUTHENTICATED_INPUT_BYTES_MAX: usize = 64 * 1024;
/// How many bytes of replies may wait for a client that has not given the password yet: enough for
/// refusals, too little to take the memory from others.
const UNAUTHENTICATED_BYTES_MAX: usize = 1024;

/// The loop of one worker.
pub(super) struct EventLoop {
    poll: Poll,
    worker: Worker,
    loops: Arc<Loops>,
    listeners: Vec<Listener>,
    next_worker: usize,
    connections: Vec<Option<Connection>>,
    scratch: Vec<u8>,
    /// Clients that have more to be read, although nothing will say so again.
    again: Vec<u64>,
    /// Clients that something waits for which could not be sent.
    unsent: Vec<u64>,
    checked_ms: u64,
    /// Whether connections wait that could not be accepted.
    lacks_sockets: bool,
}

/// What came of reading from a client.
enum Turn {
    /// There is no more for now.
    Over,
    /// It goes on in the next tick.
    Again,
    /// The client sends nothing more.
    Ended,
    /// The connection is gone.
    Gone,
}

impl EventLoop {
    pub(super) fn new(
        poll: Poll,
        worker: Worker,
        loops: Arc<Loops>,
        mut listeners: Vec<Listener>,
    ) -> io::Result<Self> {
        for (index, listener) in listeners.iter_mut().enumerate() {
            listener.register(poll.registry(), listener_token(index))?;
        }
        Ok(EventLoop {
            poll,
            worker,
            loops,
            listeners,
            next_worker: 0,
            connections: Vec::new(),
            scratch: vec![0; READ_BYTES],
            again: Vec::new(),
            unsent: Vec::new(),
            checked_ms: 0,
            lacks_sockets: false,
        })
    }

    /// Runs until the program stops.
    pub(super) fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        while !self.loops.is_stopping.load(Ordering::Acquire) {
            let mailbox = self.worker.local().mailbox.clone();
            mailbox.set_holds_replies(self.worker.local().outboxes.holds());
            let may_sleep = mailbox.go_to_sleep()
                && !self.worker.can_settle()
                && self.worker.local().mail.is_empty()
                && self.again.is_empty()
                && !self.has_arrivals();
            let idle_ms = if may_sleep { self.worker.idle_ms() } else { 0 };
            let polled = self.poll.poll(&mut events, Some(Duration::from_millis(idle_ms)));
            mailbox.wake_up();
            match polled {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                outcome => outcome?,
            }
            self.tick(&events);
        }
        self.finish();
        Ok(())
    }

    fn tick(&mut self, events: &Events) {
        // What others have sent before a client's request was read comes before its reply.
        self.worker.read_mail();
        for token in mem::take(&mut self.again) {
            self.go_on(token);
        }
        for event in events {
            match event.token() {
                WAKER => {}
                token if token.0 >= listener_token(self.listeners.len()).0 => {
                    self.accept_from(usize::MAX - 1 - token.0);
                }
                Token(slot) => {
                    let Some(Some(connection)) = self.connections.get_mut(slot) else { continue };
                    let token = connection.token;
                    if event.is_writable() {
                        self.worker.local().outboxes.mark(token);
                    }
                    if event.is_readable() || event.is_read_closed() || event.is_error() {
                        connection.is_readable = true;
                        connection.is_ended |= event.is_read_closed() || event.is_error();
                        self.read(token);
                    }
                }
            }
        }
        self.adopt_arrivals();
        self.worker.read_mail();
        self.worker.run_timers();
        self.check_waiting();
        self.go_on_with_resumed();
        self.write_all();
    }

    /// Sends what is left and closes all connections.
    fn finish(&mut self) {
        self.write_all();
        if self.worker.local().outboxes.holds() {
            self.worker.wait_for_log();
            self.write_all();
        }
        for connection in mem::take(&mut self.connections).into_iter().flatten() {
            self.worker.disconnect(connection.token);
        }
    }

    /// Reads what a client has sent and runs it.
    fn read(&mut self, token: u64) {
        match self.take_turn(token) {
            Turn::Over => {}
            Turn::Again => self.go_on_later(token),
            Turn::Ended => self.worker.hang_up(token),
            Turn::Gone => self.close(token),
        }
    }

    fn take_turn(&mut self, token: u64) -> Turn {
        let mut turn_bytes = 0;
        loop {
            let Some(connection) = connection(&mut self.connections, token) else {
                return Turn::Over;
            };
            let Some(session) = self.worker.session(token) else { return Turn::Over };
            let (is_held, halt) = (session.is_held(), session.halt);
            if halt == Some(Halt::TurnOver) && !is_held {
                return Turn::Again;
            }
            if session.scan.is_waiting {
                // It stays readable: its end must not be met before its command has run.
                return Turn::Over;
            }
            if !connection.is_readable {
                return Turn::Over;
            }
            if halt == Some(Halt::Full) || self.worker.local().outboxes.room(token, true) == 0 {
                // It stays readable, and is read from again once there is room.
                return Turn::Over;
            }
            if is_held && connection.input.len() > HELD_BYTES_MAX {
                return if connection.is_ended { Turn::Ended } else { Turn::Over };
            }
            let count = match connection.stream.read(&mut self.scratch) {
                Ok(0) => {
                    connection.is_readable = false;
                    return Turn::Ended;
                }
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    connection.is_readable = false;
                    return Turn::Over;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Turn::Gone,
            };
            // A short read means that the socket is empty, and that an event will tell of more;
            // but the event that tells of the end may have come already.
            connection.is_readable = count == self.scratch.len() || connection.is_ended;
            if self.take_in(token, count).is_err() {
                return Turn::Gone;
            }
            turn_bytes += count;
            if turn_bytes >= TURN_BYTES {
                return Turn::Again;
            }
        }
    }

    /// Runs what has just been read, behind what was left before.
    fn take_in(&mut self, token: u64, count: usize) -> Result<(), InputLimit> {
        let local = self.worker.local();
        local.stats.received_bytes.add(count as u64);
        let mut input_bytes_max = local.config.query_bytes_max;
        if let Some(session) = self.worker.session(token) {
            session.client.note_received(count);
        }
        let Some(connection) = connection(&mut self.connections, token) else { return Ok(()) };
        let fresh = &self.scratch[..count];
        if connection.input.is_empty() {
            let used = self.worker.receive(token, fresh);
            connection.input.extend_from_slice(&fresh[used..]);
        } else {
            connection.input.extend_from_slice(fresh);
            run_input(&mut self.worker, connection);
        }
        let session = self.worker.session(token);
        if session.is_some_and(|session| !session.is_authenticated && session.halt.is_none()) {
            input_bytes_max = input_bytes_max.min(UNAUTHENTICATED_INPUT_BYTES_MAX);
        }
        if connection.input.len() > input_bytes_max {
            tracing::warn!(bytes = connection.input.len(), "a client's requests are too large");
            self.worker.local().stats.input_limit_closes.add(1);
            return Err(InputLimit);
        }
        Ok(())
    }

    fn go_on_with_resumed(&mut self) {
        for token in self.worker.take_resumed() {
            self.go_on(token);
        }
    }

    fn go_on_later(&mut self, token: u64) {
        if let Some(connection) = connection(&mut self.connections, token)
            && !mem::replace(&mut connection.goes_on, true)
        {
            self.again.push(token);
        }
    }

    /// Runs what has waited of a client, and reads on.
    fn go_on(&mut self, token: u64) {
        let Some(connection) = connection(&mut self.connections, token) else { return };
        connection.goes_on = false;
        if !connection.input.is_empty() {
            run_input(&mut self.worker, connection);
        }
        self.read(token);
    }

    /// Sends to all clients what has gathered for them.
    fn write_all(&mut self) {
        self.worker.end_tick();
        self.worker.settle();
        // A client that is closed may let messages be handed to others, which lie in the buffers
        // of this tick as well.
        loop {
            let dirty = self.worker.local().outboxes.take_dirty();
            for &token in &dirty {
                self.write(token);
            }
            let doomed = self.worker.take_doomed();
            for &(token, reason) in &doomed.clients {
                self.close_for(token, reason);
            }
            let is_over = dirty.is_empty() && doomed.clients.is_empty();
            self.worker.local().outboxes.give_back(dirty);
            if is_over {
                break;
            }
        }
        self.worker.local().outboxes.end_tick(&self.unsent);
        self.unsent.clear();
    }

    fn write(&mut self, token: u64) {
        loop {
            let Some(connection) = connection(&mut self.connections, token) else { return };
            let local = self.worker.local();
            let Some(outbox) = local.outboxes.outbox(token) else { return };
            if outbox.is_empty() {
                connection.exceeded_since_ms = None;
                self.after_all_is_sent(token);
                return;
            }
            let mut slices = [IoSlice::new(&[]); SLICES];
            let used = local.outboxes.slices(token, &mut slices);
            if used == 0 {
                local.outboxes.hold(token);
                break;
            }
            let sent = match slices.get(..used) {
                Some([only]) => connection.stream.write(only),
                Some(several) => connection.stream.write_vectored(several),
                None => return,
            };
            match sent {
                Ok(count @ 1..) => {
                    local.stats.sent_bytes.add(count as u64);
                    local.outboxes.advance(token, count);
                    connection.closing_since_ms = None;
                    let now_ms = local.monotonic_ms;
                    if let Some(session) = self.worker.session(token) {
                        session.client.note_sent(count, now_ms);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Ok(0) | Err(_) => {
                    self.close(token);
                    return;
                }
            }
        }
        self.unsent.push(token);
        self.check_output(token);
    }

    /// Closes the connection if that is what was left to do, or goes on reading from it.
    fn after_all_is_sent(&mut self, token: u64) {
        let Some(session) = self.worker.session(token) else { return };
        session.client.output_bytes.store(0, Ordering::Relaxed);
        session.client.output_pieces.store(0, Ordering::Relaxed);
        if session.is_closing {
            self.close(token);
        } else if session.halt.is_some()
            || connection(&mut self.connections, token).is_some_and(|c| c.is_readable)
        {
            self.go_on_later(token);
        }
    }

    /// Looks after the connections that have taken nothing for a while, on which no event comes.
    fn check_waiting(&mut self) {
        let now_ms = self.worker.local().monotonic_ms;
        if now_ms < self.checked_ms + CHECK_MS {
            return;
        }
        self.checked_ms = now_ms;
        self.accept_those_who_wait();
        let connections = self.connections.iter().flatten();
        let waits = |c: &&Connection| c.exceeded_since_ms.or(c.closing_since_ms).is_some();
        let waiting: Vec<u64> = connections.filter(waits).map(|c| c.token).collect();
        for token in waiting {
            self.check_output(token);
        }
    }

    /// Closes the connection of a client that reads too slowly.
    fn check_output(&mut self, token: u64) {
        let now_ms = self.worker.local().monotonic_ms;
        let limits = self.worker.local().config.output_limits;
        let outbox = self.worker.local().outboxes.outbox(token);
        let (bytes, pieces) = outbox.map_or((0, 0), |outbox| (outbox.len(), outbox.segments()));
        let Some(session) = self.worker.session(token) else { return };
        session.client.output_bytes.store(bytes as u64, Ordering::Relaxed);
        session
            .client
            .output_pieces
            .store(u32::try_from(pieces).unwrap_or(u32::MAX), Ordering::Relaxed);
        let broadcasts = session.client.is(ClientState::Broadcast);
        let listens = session.is_subscribed() || session.is_monitor || broadcasts;
        let limit = if listens { limits.pubsub } else { limits.normal };
        let (is_closing, is_authenticated) = (session.is_closing, session.is_authenticated);
        let Some(connection) = connection(&mut self.connections, token) else { return };
        let is_over_soft = limit.soft_bytes != 0 && bytes > limit.soft_bytes;
        let since_ms = if is_over_soft {
            *connection.exceeded_since_ms.get_or_insert(now_ms)
        } else {
            connection.exceeded_since_ms = None;
            now_ms
        };
        let is_late = is_closing
            && now_ms - *connection.closing_since_ms.get_or_insert(now_ms) > CLOSING_MS_MAX;
        let is_over_hard = limit.hard_bytes != 0 && bytes > limit.hard_bytes
            || !is_authenticated && bytes > UNAUTHENTICATED_BYTES_MAX;
        if is_over_hard || is_late || is_over_soft && now_ms - since_ms >= limit.soft_seconds * 1000
        {
            self.worker.local().doom(token, CloseReason::OutputLimit);
        }
    }

    fn close_for(&mut self, token: u64, reason: CloseReason) {
        let Some(session) = self.worker.session(token) else { return };
        let (id, peer) = (session.client.id, session.client.peer.clone());
        match reason {
            CloseReason::OutputLimit => {
                let local = self.worker.local();
                let bytes = local.outboxes.outbox(token).map_or(0, |outbox| outbox.len());
                local.stats.output_limit_closes.add(1);
                tracing::warn!(id, peer, bytes, "closing a client that reads too slowly");
            }
            CloseReason::LogFailed => {
                tracing::warn!(id, peer, "closing a client whose replies could not be logged");
            }
            reason => tracing::debug!(id, peer, ?reason, "closing a client"),
        }
        self.close(token);
    }

    fn close(&mut self, token: u64) {
        let slot = self.connections.get_mut(slot_of(token));
        let Some(mut gone) =
            slot.and_then(|slot| slot.take_if(|connection| connection.token == token))
        else {
            return;
        };
        if let Err(error) = gone.stream.deregister(self.poll.registry()) {
            tracing::debug!(%error, "a connection was not watched");
        }
        self.worker.disconnect(token);
    }
}

/// More requests of a client wait than is allowed.
struct InputLimit;

fn listener_token(index: usize) -> Token {
    Token(usize::MAX - 1 - index)
}

fn connection(connections: &mut [Option<Connection>], token: u64) -> Option<&mut Connection> {
    let connection = connections.get_mut(slot_of(token))?.as_mut();
    connection.filter(|connection| connection.token == token)
}

/// Runs what has waited, and keeps what is left of it.
fn run_input(worker: &mut Worker, connection: &mut Connection) {
    let used = worker.receive(connection.token, &connection.input);
    connection.input.drain(..used);
    if connection.input.is_empty() && connection.input.capacity() > READ_BYTES {
        connection.input = Vec::new();
    }
}

//! How connections come to a worker: the first loop accepts them all and hands them out in turn.

use std::io::{self, Write as _};
use std::mem;
use std::sync::atomic::Ordering;

use mio::Token;

use super::{EventLoop, listener_token};
use crate::net::connection::Connection;
use crate::net::stream::Stream;
use crate::outboxes::slot_of;

/// How many connections are accepted in one tick.
const ACCEPTS_MAX: usize = 256;

impl EventLoop {
    /// Takes the connections that wait at a listener.
    ///
    /// Out of file descriptors, those who wait stay in the backlog. No event will tell of them
    /// again, so they are asked for every now and then, and only the first failure is told.
    pub(super) fn accept_from(&mut self, index: usize) {
        if let Err(error) = self.accept(index)
            && !mem::replace(&mut self.lacks_sockets, true)
        {
            tracing::warn!(%error, "connections cannot be accepted for now");
        }
    }

    pub(super) fn accept_those_who_wait(&mut self) {
        if self.lacks_sockets && (0..self.listeners.len()).all(|index| self.accept(index).is_ok()) {
            self.lacks_sockets = false;
            tracing::info!("connections are accepted again");
        }
    }

    fn accept(&mut self, index: usize) -> io::Result<()> {
        for _ in 0..ACCEPTS_MAX {
            let Some(listener) = self.listeners.get(index) else { return Ok(()) };
            match listener.accept() {
                Ok(stream) => self.welcome(stream),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        // More may wait: being registered again brings another event if so.
        if let Some(listener) = self.listeners.get_mut(index) {
            let token = listener_token(index);
            if let Err(error) = listener.reregister(self.poll.registry(), token) {
                tracing::error!(%error, "a listener is lost");
            }
        }
        Ok(())
    }

    /// Checks a new connection and hands it to the worker whose turn it is.
    fn welcome(&mut self, mut stream: Stream) {
        let server = self.worker.server().clone();
        // Not as the worker knew it in its last tick: limits hold as soon as they are set.
        let config = server.config();
        let arriving: usize = self.loops.arrivals.iter().map(|list| list.lock().len()).sum();
        let refusal = if server.clients.len() + arriving >= config.clients_max {
            Some("-ERR max number of clients reached\r\n")
        } else if config.protected_mode && config.password.is_empty() && !stream.is_local() {
            Some(
                "-DENIED Firth is running in protected mode: there is no password, so only \
                 connections from this machine are accepted. Set requirepass.\r\n",
            )
        } else {
            None
        };
        if let Some(refusal) = refusal {
            server.rejected_connections.fetch_add(1, Ordering::Relaxed);
            // Whoever does not take the explanation is closed without it.
            stream.write_all(refusal.as_bytes()).ok();
            return;
        }
        if let Err(error) = stream.configure(config.tcp_keepalive_s) {
            tracing::debug!(%error, "a connection was gone before it was set up");
            return;
        }
        let number = self.next_worker % self.loops.arrivals.len();
        self.next_worker += 1;
        if number == usize::from(self.worker.local().number) {
            self.adopt(stream);
        } else if let Some(arrivals) = self.loops.arrivals.get(number) {
            arrivals.lock().push(stream);
            server.mailboxes()[number].wake();
        }
    }

    pub(super) fn has_arrivals(&mut self) -> bool {
        let number = usize::from(self.worker.local().number);
        self.loops.arrivals.get(number).is_some_and(|list| !list.lock().is_empty())
    }

    pub(super) fn adopt_arrivals(&mut self) {
        let number = usize::from(self.worker.local().number);
        let arrivals = self.loops.arrivals.get(number).map(|list| mem::take(&mut *list.lock()));
        for stream in arrivals.unwrap_or_default() {
            self.adopt(stream);
        }
    }

    fn adopt(&mut self, mut stream: Stream) {
        let token = self.worker.connect(stream.peer());
        let slot = slot_of(token);
        if let Err(error) = stream.register(self.poll.registry(), Token(slot)) {
            tracing::warn!(%error, "a connection cannot be watched");
            self.worker.disconnect(token);
            return;
        }
        if self.connections.len() <= slot {
            self.connections.resize_with(slot + 1, || None);
        }
        self.connections[slot] = Some(Connection::new(token, stream));
        self.read(token);
    }
}

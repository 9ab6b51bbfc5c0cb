//! The loader's connections: one thread, nonblocking sockets, one poll.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

/// Bytes read from a socket at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// What answers to arriving bytes.
pub(super) trait Receive {
    /// Takes bytes that have arrived at connection `at`, and may send on any connection.
    fn receive(&mut self, at: usize, bytes: &[u8], wires: &mut Wires) -> Result<()>;
}

/// Waits for readiness and reads.
#[derive(Debug)]
pub(super) struct Poller {
    poll: Poll,
    events: Events,
    chunk: Vec<u8>,
    pub(super) wires: Wires,
}

impl Poller {
    /// Opens `count` connections, numbered from 0.
    pub(super) fn connect(address: SocketAddr, count: usize) -> Result<Self> {
        let poll = Poll::new()?;
        let mut wires = Vec::with_capacity(count);
        for at in 0..count {
            let stream = std::net::TcpStream::connect(address)
                .with_context(|| format!("cannot open connection {at} to {address}"))?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut stream, Token(at), interest)?;
            wires.push(Wire { stream, unsent: Vec::new() });
        }
        let events = Events::with_capacity(count.max(16));
        Ok(Self { poll, events, chunk: vec![0; CHUNK_BYTES], wires: Wires(wires) })
    }

    /// Waits until something is ready, at most for `limit`, and hands on what has arrived.
    pub(super) fn turn(&mut self, limit: Duration, receiver: &mut impl Receive) -> Result<()> {
        match self.poll.poll(&mut self.events, Some(limit)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in &self.events {
            let at = event.token().0;
            if event.is_writable() {
                self.wires.flush(at)?;
            }
            if event.is_readable() {
                self.wires.drain(at, &mut self.chunk, receiver)?;
            }
        }
        Ok(())
    }
}

/// All connections.
#[derive(Debug)]
pub(super) struct Wires(Vec<Wire>);

#[derive(Debug)]
struct Wire {
    stream: TcpStream,
    /// What the socket did not take yet.
    unsent: Vec<u8>,
}

impl Wires {
    /// Number of connections.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Sends on connection `at`; what the socket does not take goes out when it is ready.
    pub(super) fn send(&mut self, at: usize, bytes: &[u8]) -> Result<()> {
        let wire = self.wire(at)?;
        let taken = if wire.unsent.is_empty() { wire.write(bytes)? } else { 0 };
        wire.unsent.extend_from_slice(bytes.get(taken..).unwrap_or_default());
        Ok(())
    }

    /// Reads until a read comes back short: the socket is then empty, and the next bytes to
    /// come make a new event.
    fn drain(&mut self, at: usize, chunk: &mut [u8], receiver: &mut impl Receive) -> Result<()> {
        loop {
            let length = match self.wire(at)?.stream.read(chunk) {
                Ok(0) => bail!("the server closed connection {at}"),
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            receiver.receive(at, chunk.get(..length).unwrap_or_default(), self)?;
            if length < chunk.len() {
                return Ok(());
            }
        }
    }

    fn flush(&mut self, at: usize) -> Result<()> {
        let wire = self.wire(at)?;
        if !wire.unsent.is_empty() {
            let mut unsent = std::mem::take(&mut wire.unsent);
            let taken = wire.write(&unsent)?;
            unsent.drain(..taken);
            wire.unsent = unsent;
        }
        Ok(())
    }

    fn wire(&mut self, at: usize) -> Result<&mut Wire> {
        self.0.get_mut(at).with_context(|| format!("there is no connection {at}"))
    }
}

impl Wire {
    /// Writes as much as the socket takes.
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(length) => taken += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(taken)
    }
}

//! A connection's socket, of either kind.

use std::io::{self, IoSlice, Read, Write};
use std::time::Duration;

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use socket2::{SockRef, TcpKeepalive};

use crate::client::Peer;

/// A connected socket.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream, String),
}

impl Stream {
    /// Sets what is set on every socket that was accepted.
    pub(super) fn configure(&self, keepalive_s: u64) -> io::Result<()> {
        let Stream::Tcp(socket) = self else { return Ok(()) };
        socket.set_nodelay(true)?;
        if keepalive_s == 0 {
            return Ok(());
        }
        let time = Duration::from_secs(keepalive_s);
        let interval = Duration::from_secs((keepalive_s / 3).max(1));
        let keepalive = TcpKeepalive::new().with_time(time).with_interval(interval).with_retries(3);
        SockRef::from(socket).set_tcp_keepalive(&keepalive)
    }

    /// Returns where the connection comes from.
    pub(super) fn peer(&self) -> Peer {
        match self {
            Stream::Tcp(socket) => {
                let text = |address: io::Result<std::net::SocketAddr>| {
                    address.map_or_else(|_| String::from("?:0"), |address| address.to_string())
                };
                Peer {
                    address: text(socket.peer_addr()),
                    local: text(socket.local_addr()),
                    is_unix: false,
                }
            }
            Stream::Unix(_, path) => {
                let address = format!("{path}:0");
                Peer { address: address.clone(), local: address, is_unix: true }
            }
        }
    }

    /// Says whether the peer is on this machine.
    pub(super) fn is_local(&self) -> bool {
        match self {
            Stream::Tcp(socket) => {
                socket.peer_addr().is_ok_and(|address| address.ip().to_canonical().is_loopback())
            }
            Stream::Unix(..) => true,
        }
    }

    fn source(&mut self) -> &mut dyn Source {
        match self {
            Stream::Tcp(socket) => socket,
            Stream::Unix(socket, _) => socket,
        }
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.source().register(registry, token, interest)
    }

    pub(super) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.source().deregister(registry)
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(socket) => socket.read(buffer),
            Stream::Unix(socket, _) => socket.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(socket) => socket.write(bytes),
            Stream::Unix(socket, _) => socket.write(bytes),
        }
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Stream::Tcp(socket) => socket.write_vectored(slices),
            Stream::Unix(socket, _) => socket.write_vectored(slices),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

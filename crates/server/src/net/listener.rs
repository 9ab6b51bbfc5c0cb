//! The addresses that are listened on.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use mio::event::Source;
use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Socket, Type};

use super::stream::Stream;

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 511;

/// An address that is listened on.
#[derive(Debug)]
pub struct Listener(Kind);

#[derive(Debug)]
enum Kind {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

/// An address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct BindError {
    /// The address.
    pub address: String,
    /// What the system said.
    pub source: io::Error,
}

impl Listener {
    /// Listens on a host and a port.
    ///
    /// # Errors
    /// The host has no address, or none that can be listened on.
    pub fn tcp(host: &str, port: u16) -> Result<Vec<Listener>, BindError> {
        let failed = |source| BindError { address: format!("{host}:{port}"), source };
        let addresses = (host, port).to_socket_addrs().map_err(failed)?;
        let listeners = addresses.map(listen_tcp).collect::<io::Result<Vec<_>>>();
        listeners.map_err(failed)
    }

    /// Listens on a Unix socket, in the place of one that nobody listens on any more.
    ///
    /// # Errors
    /// The socket cannot be made there, or somebody listens on it.
    pub fn unix(path: &Path) -> Result<Listener, BindError> {
        let failed = |source| BindError { address: path.display().to_string(), source };
        listen_unix(path).map_err(failed)
    }

    /// Returns the address.
    pub fn address(&self) -> String {
        match &self.0 {
            Kind::Tcp(listener) => match listener.local_addr() {
                Ok(address) => address.to_string(),
                Err(error) => error.to_string(),
            },
            Kind::Unix(_, path) => path.display().to_string(),
        }
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match &mut self.0 {
            Kind::Tcp(listener) => listener.register(registry, token, Interest::READABLE),
            Kind::Unix(listener, _) => listener.register(registry, token, Interest::READABLE),
        }
    }

    /// Asks to be told once more of connections that wait already.
    pub(super) fn reregister(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match &mut self.0 {
            Kind::Tcp(listener) => listener.reregister(registry, token, Interest::READABLE),
            Kind::Unix(listener, _) => listener.reregister(registry, token, Interest::READABLE),
        }
    }

    pub(super) fn accept(&self) -> io::Result<Stream> {
        match &self.0 {
            Kind::Tcp(listener) => listener.accept().map(|(socket, _)| Stream::Tcp(socket)),
            Kind::Unix(listener, path) => {
                let (socket, _) = listener.accept()?;
                Ok(Stream::Unix(socket, path.display().to_string()))
            }
        }
    }
}

impl Drop for Listener {
    #[expect(clippy::disallowed_methods, reason = "a socket's file is no data")]
    fn drop(&mut self) {
        if let Kind::Unix(_, path) = &self.0 {
            // Somebody else may have removed it already, which is as well.
            std::fs::remove_file(path).ok();
        }
    }
}

fn listen_tcp(address: SocketAddr) -> io::Result<Listener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(Listener(Kind::Tcp(TcpListener::from_std(socket.into()))))
}

#[expect(clippy::disallowed_methods, reason = "a socket's file is no data")]
fn listen_unix(path: &Path) -> io::Result<Listener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            // Only a socket that nobody listens on is refused so; anything else stays as it is.
            let is_socket = std::fs::symlink_metadata(path)?.file_type().is_socket();
            let answer = std::os::unix::net::UnixStream::connect(path).map_err(|e| e.kind());
            if !is_socket || answer.err() != Some(io::ErrorKind::ConnectionRefused) {
                return Err(error);
            }
            std::fs::remove_file(path)?;
            Ok(Listener(Kind::Unix(UnixListener::bind(path)?, path.to_owned())))
        }
        bound => Ok(Listener(Kind::Unix(bound?, path.to_owned()))),
    }
}

//! Connections, before anything is known of them: how many there may be, and for how long one may hold its place
//! without being of use.
//!
//! Whatever goes on, something is written to a connection every now and then: answers, messages, pings, signs of life.
//! One on which nothing was written for three pings is one whose client does not ask, or asks so slowly that it never
//! comes to an end, and is closed.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{self, IncomingStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::config::Limits;
use crate::counts::Counts;
use crate::line::Line;

/// How many connections there may be besides those that become sockets.
const SPARE: usize = 1000;

/// How many pings may be due while nothing is written.
const PINGS: u32 = 3;

/// Takes connections, as many as there may be.
#[derive(Debug)]
pub(crate) struct Listener {
    listener: TcpListener,
    places: Arc<Semaphore>,
    silence_max: Duration,
    unread_max: Duration,
    counts: Arc<Counts>,
}

/// A connection that is closed when it is of no use.
#[derive(Debug)]
pub(crate) struct Connection {
    reader: OwnedReadHalf,
    line: Line,
    silence_max: Duration,
    written: Instant,
    end: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

/// Who a connection is with, and how to write to it.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) line: Line,
}

impl Listener {
    pub(crate) fn new(listener: TcpListener, limits: &Limits, counts: Arc<Counts>) -> Self {
        let places = limits.sockets.saturating_add(SPARE).min(Semaphore::MAX_PERMITS);
        let (places, silence_max) = (Arc::new(Semaphore::new(places)), limits.ping * PINGS);
        Listener { listener, places, silence_max, unread_max: limits.write_timeout, counts }
    }
}

impl serve::Listener for Listener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            let (stream, address) = serve::Listener::accept(&mut self.listener).await;
            match Arc::clone(&self.places).try_acquire_owned() {
                Ok(place) => {
                    prepare(&stream, self.unread_max);
                    return (Connection::new(stream, self.silence_max, place), address);
                }
                // It is closed at once, which costs less than to say why.
                Err(_) => self.counts.refused.add(1),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, Listener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Listener>) -> Self {
        Peer { address: *stream.remote_addr(), line: stream.io().line.clone() }
    }
}

impl Connection {
    fn new(stream: TcpStream, silence_max: Duration, place: OwnedSemaphorePermit) -> Self {
        let written = Instant::now();
        let end = Box::pin(sleep_until(written + silence_max));
        let (reader, writer) = stream.into_split();
        let line = Line::new(writer);
        Connection { reader, line, silence_max, written, end, _place: place }
    }

    /// Says whether it was of no use for too long; if not yet, the task is woken when it may be.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.end.as_mut().poll(cx).is_ready() {
            let end = self.written + self.silence_max;
            if end <= Instant::now() {
                return Poll::Ready(());
            }
            self.end.as_mut().reset(end);
        }
        Poll::Pending
    }

    fn noted(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(1..)) = written {
            self.written = Instant::now();
        }
        written
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Not only when there is nothing to read: a client may send something now and then, and never all of it.
        if self.poll_end(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.reader).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.line.poll_write(cx, &[IoSlice::new(bytes)]);
        self.noted(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.line.poll_write(cx, pieces);
        self.noted(written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.line.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.line.shut_down())
    }
}

/// Lets small messages leave at once, and gives a connection up whose client takes nothing for too long: an event
/// stream has no pings that would find that out.
fn prepare(stream: &TcpStream, unread_max: Duration) {
    let prepared = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let prepared = prepared
        .and_then(|()| socket2::SockRef::from(stream).set_tcp_user_timeout(Some(unread_max)));
    #[cfg(not(target_os = "linux"))]
    let _ = unread_max;
    if let Err(error) = prepared {
        tracing::debug!(%error, "a connection is gone before it began");
    }
}

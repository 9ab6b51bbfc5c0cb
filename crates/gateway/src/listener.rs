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

use axum::serve;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::config::Limits;
use crate::counts::Counts;

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
    counts: Arc<Counts>,
}

/// A connection that is closed when it is of no use.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    silence_max: Duration,
    written: Instant,
    end: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    pub(crate) fn new(listener: TcpListener, limits: &Limits, counts: Arc<Counts>) -> Self {
        let places = limits.sockets.saturating_add(SPARE).min(Semaphore::MAX_PERMITS);
        let (places, silence_max) = (Arc::new(Semaphore::new(places)), limits.ping * PINGS);
        Listener { listener, places, silence_max, counts }
    }
}

impl serve::Listener for Listener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            let (stream, address) = serve::Listener::accept(&mut self.listener).await;
            match Arc::clone(&self.places).try_acquire_owned() {
                Ok(place) => return (Connection::new(stream, self.silence_max, place), address),
                // It is closed at once, which costs less than to say why.
                Err(_) => self.counts.refused.add(1),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connection {
    fn new(stream: TcpStream, silence_max: Duration, place: OwnedSemaphorePermit) -> Self {
        let written = Instant::now();
        let end = Box::pin(sleep_until(written + silence_max));
        Connection { stream, silence_max, written, end, _place: place }
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
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
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.noted(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.noted(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

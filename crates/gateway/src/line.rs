//! The writing end of a connection.
//!
//! As long as it speaks HTTP, its task writes to it. Once it is a WebSocket everything goes through the queue of the
//! socket, from which whoever puts something in also writes it, if the client takes it at once: so no task is woken to
//! deliver a message.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use smallvec::SmallVec;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;

use crate::frame::Frame;
use crate::outbox::Outbox;

/// How many frames go into one write, if that many wait.
const BATCH: usize = 64;

/// The writing end of a connection. Cloning it is cheap.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    wire: Wire,
    outbox: Arc<OnceLock<Arc<Outbox>>>,
}

/// The connection itself.
#[derive(Clone, Debug)]
pub(crate) struct Wire(Arc<OwnedWriteHalf>);

impl Line {
    pub(crate) fn new(writer: OwnedWriteHalf) -> Self {
        Line { wire: Wire(Arc::new(writer)), outbox: Arc::default() }
    }

    /// From now on everything goes through a queue, and what waits in it is sent.
    pub(crate) fn hand_over(&self, outbox: &Arc<Outbox>) {
        _ = self.outbox.set(Arc::clone(outbox));
        outbox.attach(self.wire.clone());
    }

    /// Writes something of the connection's own task.
    pub(crate) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(outbox) = self.outbox.get() {
            return Poll::Ready(outbox.insert(pieces));
        }
        loop {
            ready!(self.wire.poll_ready(cx))?;
            match self.wire.0.try_write_vectored(pieces) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    /// Waits, at the end of a WebSocket, until its last word is sent. Before, others see to that.
    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outbox.get().map_or(Poll::Ready(Ok(())), |outbox| outbox.poll_flush(cx))
    }

    pub(crate) fn shut_down(&self) -> io::Result<()> {
        SockRef::from(self.stream()).shutdown(Shutdown::Write)
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        self.wire.stream()
    }
}

impl Wire {
    /// Waits until the client may take something. For the connection's own task.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_write_ready(cx)
    }

    /// Writes of some frames as much as the client takes at once; of the first, `sent` bytes are written already.
    pub(crate) fn try_write(&self, frames: &VecDeque<Frame>, sent: usize) -> io::Result<usize> {
        let rest_of = |frame: &Frame| frame.as_bytes().len().saturating_sub(sent);
        let first = frames.front().map_or(&[][..], |frame| {
            let rest = rest_of(frame);
            &frame.as_bytes()[frame.len() - rest..]
        });
        if frames.len() <= 1 {
            return self.0.try_write(first);
        }
        let others = frames.iter().skip(1).map(Frame::as_bytes);
        let all = std::iter::once(first).chain(others).take(BATCH).map(IoSlice::new);
        self.0.try_write_vectored(&all.collect::<SmallVec<[IoSlice<'_>; 16]>>())
    }

    fn stream(&self) -> &TcpStream {
        (*self.0).as_ref()
    }
}

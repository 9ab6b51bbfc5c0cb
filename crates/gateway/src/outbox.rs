//! What waits for one socket: a queue with a bound.
//!
//! When it is full, everything in it is dropped and the socket is closed with a code that tells its client to come back:
//! one slow reader costs the others nothing, and it learns that it has missed something.
//!
//! Whoever puts something into the queue of a WebSocket writes it as well, if the client takes it at once. What the client
//! does not take waits for the socket's own task, which is woken for that alone. The queue of an event stream is taken
//! from by its task.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::timeout;

use crate::closing::Closing;
use crate::config::Limits;
use crate::frame::Frame;
use crate::line::Wire;

/// How many places an idle socket keeps for what may come.
const IDLE_CAPACITY_MAX: usize = 4;

/// How many frames of the connection itself may wait once the socket is to be closed.
const LAST_WORDS_MAX: usize = 16;

/// What waits for one socket.
#[derive(Debug)]
pub(crate) struct Outbox {
    messages_max: usize,
    bytes_max: usize,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Frame>,
    /// How much of the first is written already.
    sent: usize,
    bytes: usize,
    closing: Option<Closing>,
    /// Where it is written to, if it is a WebSocket.
    wire: Option<Wire>,
    progress: Progress,
    reader: Option<Waker>,
    writers: Vec<Waker>,
}

/// How it stands with what waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Progress {
    /// Nothing has been put in since it was last seen to.
    #[default]
    Flushed,
    /// Whoever has put something in will see to it.
    Due,
    /// The client does not take it: the socket's task sees to it.
    Stuck,
    /// The connection is gone.
    Broken,
}

/// Why there is no more to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    /// The socket is to be closed.
    Close(Closing),
    /// The connection is gone.
    Gone,
}

/// Whether somebody has yet to see to what was put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// The one who has put it in.
    Due,
    /// Somebody else.
    Seen,
}

impl Outbox {
    pub(crate) fn new(limits: &Limits) -> Self {
        Outbox {
            messages_max: limits.queue_messages,
            bytes_max: limits.queue_bytes,
            queue: Mutex::default(),
        }
    }

    /// From now on it is written to a connection by whoever puts something in.
    pub(crate) fn attach(&self, wire: Wire) {
        let mut queue = self.queue.lock();
        queue.wire = Some(wire);
        queue.flush();
    }

    /// Puts a frame in, or closes the socket if there is no room. It is sent with [`flush`](Self::flush).
    pub(crate) fn put(&self, frame: Frame) -> Put {
        let mut queue = self.queue.lock();
        if queue.closing.is_some() || queue.progress == Progress::Broken {
            return Put::Seen;
        }
        // One frame alone always has room, however long it is: else it could never be sent.
        let is_full =
            queue.waiting.len() >= self.messages_max || queue.bytes + frame.len() > self.bytes_max;
        if is_full && !queue.waiting.is_empty() {
            queue.close(Closing::Slow);
            return Put::Seen;
        }
        queue.add(frame)
    }

    /// Sees to it that what was put in is sent.
    pub(crate) fn flush(&self) {
        self.queue.lock().flush();
    }

    /// Puts a frame in and sends it, or closes the socket if there is no room.
    pub(crate) fn push(&self, frame: Frame) {
        if self.put(frame) == Put::Due {
            self.flush();
        }
    }

    /// Takes whole frames of the connection itself: pings, answers to pings, the last word.
    pub(crate) fn insert(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let bytes = pieces.iter().flat_map(|piece| piece.iter().copied()).collect::<Vec<u8>>();
        let count = bytes.len();
        let is_closing = self.queue.lock().closing.is_some();
        if !is_closing {
            self.push(Frame::raw(bytes));
            return Ok(count);
        }
        let mut queue = self.queue.lock();
        if queue.progress == Progress::Broken || queue.waiting.len() >= LAST_WORDS_MAX {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        queue.add(Frame::raw(bytes));
        queue.flush();
        Ok(count)
    }

    /// Closes the socket: what waits is dropped.
    pub(crate) fn close(&self, closing: Closing) {
        let mut queue = self.queue.lock();
        if queue.closing.is_none() {
            queue.close(closing);
        }
    }

    /// Takes some of what waits, the oldest first, or tells that the socket is to be closed. For event streams.
    pub(crate) fn poll_take(
        &self,
        cx: &mut Context<'_>,
        max: usize,
    ) -> Poll<Result<Vec<Frame>, Closing>> {
        let mut queue = self.queue.lock();
        if let Some(closing) = queue.closing {
            return Poll::Ready(Err(closing));
        }
        if queue.waiting.is_empty() {
            queue.progress = Progress::Flushed;
            queue.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = queue.waiting.len().min(max);
        let taken: Vec<Frame> = queue.waiting.drain(..count).collect();
        queue.bytes -= taken.iter().map(Frame::len).sum::<usize>();
        queue.note_room();
        Poll::Ready(Ok(taken))
    }

    /// Takes some of what waits, and waits for something. Cancel-safe.
    #[cfg(test)]
    pub(crate) async fn take(&self, max: usize) -> Result<Vec<Frame>, Closing> {
        poll_fn(|cx| self.poll_take(cx, max)).await
    }

    /// Writes to a WebSocket what its client did not take at once, until the socket is to be closed: also when the client
    /// has taken nothing for too long.
    pub(crate) async fn drive(&self, patience: Duration) -> Halt {
        loop {
            if let Err(halt) = self.drive_once(patience).await {
                return halt;
            }
        }
    }

    async fn drive_once(&self, patience: Duration) -> Result<(), Halt> {
        poll_fn(|cx| self.poll_stuck(cx)).await?;
        let writing = poll_fn(|cx| self.poll_write(cx));
        timeout(patience, writing).await.unwrap_or(Err(Halt::Close(Closing::Slow)))
    }

    /// Waits until the socket is to be closed. Cancel-safe, and for the reader alone.
    pub(crate) async fn closed(&self) -> Closing {
        poll_fn(|cx| {
            let mut queue = self.queue.lock();
            queue.reader = Some(cx.waker().clone());
            queue.closing.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Says whether a quarter of the queue is used at most.
    pub(crate) fn is_roomy(&self) -> bool {
        self.has_quarter(&self.queue.lock())
    }

    /// Waits until a quarter of the queue is used at most, for those who can wait. `false` if the socket is to be closed.
    pub(crate) async fn has_room(&self) -> bool {
        poll_fn(|cx| {
            let mut queue = self.queue.lock();
            if queue.closing.is_some() || queue.progress == Progress::Broken {
                Poll::Ready(false)
            } else if self.has_quarter(&queue) {
                Poll::Ready(true)
            } else {
                queue.writers.push(cx.waker().clone());
                Poll::Pending
            }
        })
        .await
    }

    fn has_quarter(&self, queue: &Queue) -> bool {
        queue.waiting.len() * 4 <= self.messages_max && queue.bytes * 4 <= self.bytes_max
    }

    /// Waits, once the socket is to be closed, until all is written.
    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut queue = self.queue.lock();
        while queue.closing.is_some() && !queue.waiting.is_empty() {
            let Some(wire) = queue.wire.clone() else { break };
            ready!(wire.poll_ready(cx))?;
            queue.write();
        }
        Poll::Ready(Ok(()))
    }

    /// Waits until there is something that the client did not take at once.
    fn poll_stuck(&self, cx: &mut Context<'_>) -> Poll<Result<(), Halt>> {
        let mut queue = self.queue.lock();
        queue.halted()?;
        if queue.progress == Progress::Stuck {
            return Poll::Ready(Ok(()));
        }
        queue.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Waits until the client takes something.
    fn poll_write(&self, cx: &mut Context<'_>) -> Poll<Result<(), Halt>> {
        let mut queue = self.queue.lock();
        queue.reader = Some(cx.waker().clone());
        let waited = (queue.waiting.len(), queue.sent);
        while (queue.waiting.len(), queue.sent) == waited {
            queue.halted()?;
            let Some(wire) = queue.wire.clone() else { return Poll::Pending };
            if ready!(wire.poll_ready(cx)).is_err() {
                queue.end();
            } else {
                queue.write();
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Queue {
    fn add(&mut self, frame: Frame) -> Put {
        self.bytes += frame.len();
        self.waiting.push_back(frame);
        if self.progress != Progress::Flushed {
            return Put::Seen;
        }
        self.progress = Progress::Due;
        Put::Due
    }

    fn flush(&mut self) {
        if self.wire.is_none() {
            self.wake_reader();
        } else if self.progress != Progress::Stuck {
            self.write();
        }
    }

    /// Writes what waits, as far as the client takes it.
    fn write(&mut self) {
        let Some(wire) = self.wire.clone() else { return };
        while !self.waiting.is_empty() {
            match wire.try_write(&self.waiting, self.sent) {
                Ok(count @ 1..) => self.advance(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.progress != Progress::Stuck {
                        self.progress = Progress::Stuck;
                        self.wake_reader();
                    }
                    return;
                }
                Ok(_) | Err(_) => return self.end(),
            }
        }
        if self.progress != Progress::Broken {
            self.progress = Progress::Flushed;
        }
        self.note_room();
    }

    fn advance(&mut self, count: usize) {
        self.sent += count;
        while let Some(first) = self.waiting.front()
            && first.len() <= self.sent
        {
            self.sent -= first.len();
            self.bytes -= first.len();
            self.waiting.pop_front();
        }
        self.wake_writers();
    }

    fn note_room(&mut self) {
        if self.waiting.is_empty() && self.waiting.capacity() > IDLE_CAPACITY_MAX {
            // An idle socket keeps no memory for the burst that it once had.
            self.waiting = VecDeque::new();
        }
        self.wake_writers();
    }

    fn close(&mut self, closing: Closing) {
        self.closing = Some(closing);
        // What is on the way already comes to its end: the code behind it would not be understood otherwise.
        self.waiting.truncate(usize::from(self.sent > 0));
        self.bytes = self.waiting.iter().map(Frame::len).sum();
        self.wake_reader();
        self.wake_writers();
    }

    /// Notes that the connection is gone.
    fn end(&mut self) {
        self.progress = Progress::Broken;
        self.waiting = VecDeque::new();
        (self.sent, self.bytes) = (0, 0);
        self.wake_reader();
        self.wake_writers();
    }

    fn halted(&self) -> Result<(), Halt> {
        match self.closing {
            Some(closing) => Err(Halt::Close(closing)),
            None if self.progress == Progress::Broken => Err(Halt::Gone),
            None => Ok(()),
        }
    }

    fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    fn wake_writers(&mut self) {
        self.writers.drain(..).for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use futures_util::FutureExt as _;

    use super::*;

    fn outbox(messages: usize, bytes: usize) -> Outbox {
        let limits = Limits { queue_messages: messages, queue_bytes: bytes, ..Limits::default() };
        Outbox::new(&limits)
    }

    fn text(text: &'static str) -> Frame {
        Frame::raw(text)
    }

    fn check(
        messages: usize,
        bytes: usize,
        pushes: &[&'static str],
        expect: Result<&str, Closing>,
    ) {
        let outbox = outbox(messages, bytes);
        pushes.iter().for_each(|push| outbox.push(text(push)));
        let taken = outbox.take(100).now_or_never().unwrap();
        let taken =
            taken.map(|frames| frames.iter().map(Frame::content).collect::<Vec<_>>().join(" "));
        assert_eq!(taken.as_deref().map_err(|closing| *closing), expect, "{pushes:?}");
    }

    #[test]
    fn a_socket_that_does_not_keep_up_is_closed() {
        check(2, 100, &["a", "b"], Ok("a b"));
        check(2, 100, &["a", "b", "c"], Err(Closing::Slow));
        check(9, 3, &["a", "bc"], Ok("a bc"));
        check(9, 3, &["a", "bc", "d"], Err(Closing::Slow));
    }

    #[test]
    fn a_single_long_frame_has_room() {
        check(9, 3, &["abcdef"], Ok("abcdef"));
        check(9, 3, &["abcdef", "g"], Err(Closing::Slow));
    }

    #[test]
    fn the_first_reason_to_close_counts() {
        let outbox = outbox(1, 100);
        outbox.close(Closing::Stopping);
        outbox.push(text("a"));
        outbox.close(Closing::Expired);
        assert_eq!(outbox.take(1).now_or_never(), Some(Err(Closing::Stopping)));
        assert_eq!(outbox.has_room().now_or_never(), Some(false));
    }

    #[test]
    fn room_comes_back_as_it_is_emptied() {
        let outbox = outbox(4, 100);
        assert_eq!(outbox.has_room().now_or_never(), Some(true));
        outbox.push(text("a"));
        outbox.push(text("b"));
        assert_eq!(outbox.has_room().now_or_never(), None);
        outbox.take(1).now_or_never().unwrap().unwrap();
        assert_eq!(outbox.has_room().now_or_never(), Some(true));
    }
}

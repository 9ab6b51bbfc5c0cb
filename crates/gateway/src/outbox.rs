//! What waits for one socket: a queue with a bound.
//!
//! When it is full, everything in it is dropped and the socket is closed with a code that tells its client to come back:
//! one slow reader costs the others nothing, and it learns that it has missed something.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use axum::extract::ws::Utf8Bytes;
use bytes::Bytes;
use parking_lot::Mutex;

use crate::closing::Closing;
use crate::config::Limits;

/// Something encoded, shared by all sockets that are sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Text(Utf8Bytes),
    /// A binary message, or a piece of an event stream.
    Binary(Bytes),
}

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
    bytes: usize,
    closing: Option<Closing>,
    reader: Option<Waker>,
    writers: Vec<Waker>,
}

impl Outbox {
    pub(crate) fn new(limits: &Limits) -> Self {
        Outbox {
            messages_max: limits.queue_messages,
            bytes_max: limits.queue_bytes,
            queue: Mutex::default(),
        }
    }

    /// Puts a frame in, or closes the socket if there is no room.
    pub(crate) fn push(&self, frame: Frame) {
        let mut queue = self.queue.lock();
        if queue.closing.is_some() {
            return;
        }
        // One frame alone always has room, however long it is: else it could never be sent.
        let bytes = queue.bytes + frame.len();
        let is_full = queue.waiting.len() >= self.messages_max || bytes > self.bytes_max;
        if is_full && !queue.waiting.is_empty() {
            queue.close(Closing::Slow);
            return;
        }
        queue.bytes = bytes;
        queue.waiting.push_back(frame);
        queue.wake_reader();
    }

    /// Closes the socket: what waits is dropped.
    pub(crate) fn close(&self, closing: Closing) {
        let mut queue = self.queue.lock();
        if queue.closing.is_none() {
            queue.close(closing);
        }
    }

    /// Takes some of what waits, the oldest first, or tells that the socket is to be closed.
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
            queue.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = queue.waiting.len().min(max);
        let taken: Vec<Frame> = queue.waiting.drain(..count).collect();
        queue.bytes -= taken.iter().map(Frame::len).sum::<usize>();
        if queue.waiting.is_empty() {
            // An idle socket keeps no memory for the burst that it once had.
            queue.waiting = VecDeque::new();
        }
        queue.writers.drain(..).for_each(Waker::wake);
        Poll::Ready(Ok(taken))
    }

    /// Takes some of what waits, and waits for something. Cancel-safe.
    pub(crate) async fn take(&self, max: usize) -> Result<Vec<Frame>, Closing> {
        poll_fn(|cx| self.poll_take(cx, max)).await
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

    /// Waits until a quarter of the queue is used at most, for those who can wait. `false` if the socket is to be closed.
    pub(crate) async fn has_room(&self) -> bool {
        poll_fn(|cx| {
            let mut queue = self.queue.lock();
            let (messages, bytes) = (queue.waiting.len() * 4, queue.bytes * 4);
            if queue.closing.is_some() {
                Poll::Ready(false)
            } else if messages <= self.messages_max && bytes <= self.bytes_max {
                Poll::Ready(true)
            } else {
                queue.writers.push(cx.waker().clone());
                Poll::Pending
            }
        })
        .await
    }
}

impl Queue {
    fn close(&mut self, closing: Closing) {
        self.closing = Some(closing);
        self.waiting = VecDeque::new();
        self.bytes = 0;
        self.wake_reader();
        self.writers.drain(..).for_each(Waker::wake);
    }

    fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl Frame {
    pub(crate) fn len(&self) -> usize {
        match self {
            Frame::Text(text) => text.len(),
            Frame::Binary(bytes) => bytes.len(),
        }
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
        Frame::Text(Utf8Bytes::from_static(text))
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
        let taken = taken.map(|frames| {
            let texts = frames.iter().map(|frame| match frame {
                Frame::Text(text) => text.as_str(),
                Frame::Binary(_) => "?",
            });
            texts.collect::<Vec<_>>().join(" ")
        });
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

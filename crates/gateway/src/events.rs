//! An event stream (SSE): what waits for a socket, as the body of an answer that does not end.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use std::convert::Infallible;
use tokio::time::{Instant, Interval, interval_at};

use crate::access::Access;
use crate::clock::unix_time_s;
use crate::closing::Closing;
use crate::config::Limits;
use crate::frame::Frame;
use crate::news::event;
use crate::sockets::Seat;

/// How many frames go into one piece, if that many wait.
const BATCH: usize = 64;

/// What is sent before all else: after how many milliseconds a browser comes back when it was cut off.
const BEGINNING: &[u8] = b"retry: 2000\n\n";

/// What is sent when there is nothing to say, so that nobody on the way thinks that the connection is dead.
const ALIVE: &[u8] = b":\n\n";

/// The body of an event stream. `K` is what must live as long: subscriptions.
struct Events<K> {
    seat: Seat,
    beginning: Option<Bytes>,
    alive: Interval,
    expires_s: Option<u64>,
    is_ended: bool,
    _keeps: K,
}

/// Answers with an event stream.
pub(crate) fn stream<K: Send + Unpin + 'static>(
    seat: Seat,
    access: &Access,
    limits: &Limits,
    keeps: K,
) -> Response {
    let events = Events {
        seat,
        beginning: Some(Bytes::from_static(BEGINNING)),
        alive: interval_at(Instant::now() + limits.ping, limits.ping),
        expires_s: access.expires_s,
        is_ended: false,
        _keeps: keeps,
    };
    let headers = [
        (CONTENT_TYPE.as_str(), "text/event-stream"),
        (CACHE_CONTROL.as_str(), "no-store"),
        // For nginx, which would hold events back.
        ("x-accel-buffering", "no"),
    ];
    (headers, Body::from_stream(events)).into_response()
}

impl<K: Unpin> Stream for Events<K> {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_ended {
            return Poll::Ready(None);
        }
        if let Some(beginning) = self.beginning.take() {
            return Poll::Ready(Some(Ok(beginning)));
        }
        match self.seat.outbox.poll_take(cx, BATCH) {
            Poll::Ready(Ok(frames)) => return Poll::Ready(Some(Ok(join(frames)))),
            Poll::Ready(Err(closing)) => return self.end(closing),
            Poll::Pending => {}
        }
        _ = ready!(self.alive.poll_tick(cx));
        if self.expires_s.is_some_and(|at_s| at_s <= unix_time_s()) {
            return self.end(Closing::Expired);
        }
        Poll::Ready(Some(Ok(Bytes::from_static(ALIVE))))
    }
}

impl<K> Events<K> {
    /// Says why it ends, and ends.
    fn end(&mut self, closing: Closing) -> Poll<Option<Result<Bytes, Infallible>>> {
        self.is_ended = true;
        let data = format!(r#"{{"code":{},"reason":"{}"}}"#, closing.code(), closing.reason());
        Poll::Ready(Some(Ok(join(vec![event(None, "close", &data)]))))
    }
}

fn join(mut frames: Vec<Frame>) -> Bytes {
    if frames.len() == 1
        && let Some(frame) = frames.pop()
    {
        return frame.into_bytes();
    }
    let mut joined = BytesMut::with_capacity(frames.iter().map(Frame::len).sum());
    for frame in &frames {
        joined.extend_from_slice(frame.as_bytes());
    }
    joined.freeze()
}

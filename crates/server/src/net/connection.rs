//! A connection: a socket, and what it has brought that could not be run yet.

use super::stream::Stream;

/// A client's connection.
#[derive(Debug)]
pub(super) struct Connection {
    /// The client's token in the worker.
    pub(super) token: u64,
    pub(super) stream: Stream,
    /// Received, and not complete or not to be run yet.
    pub(super) input: Vec<u8>,
    /// Whether there may be more to read.
    pub(super) is_readable: bool,
    /// Whether the peer has said that it sends nothing more; what it has sent may still be unread.
    pub(super) is_ended: bool,
    /// Whether it is among those that go on in the next tick.
    pub(super) goes_on: bool,
    /// Since when the soft output limit is exceeded, by the monotonic clock.
    pub(super) exceeded_since_ms: Option<u64>,
    /// Since when the connection is only open until its last reply is sent.
    pub(super) closing_since_ms: Option<u64>,
}

impl Connection {
    pub(super) fn new(token: u64, stream: Stream) -> Self {
        Connection {
            token,
            stream,
            input: Vec::new(),
            is_readable: true,
            is_ended: false,
            goes_on: false,
            exceeded_since_ms: None,
            closing_since_ms: None,
        }
    }
}

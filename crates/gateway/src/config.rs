//! What can be chosen about a gateway.

use std::net::SocketAddr;
use std::time::Duration;

use crate::access::Keys;

/// What a gateway listens on, whom it lets in, and how much it bears.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens. Without keys this must be an address of the machine itself.
    pub listen: SocketAddr,
    /// What tokens and API keys are judged by; without any, everybody on this machine may do everything.
    pub keys: Keys,
    /// The origins whose pages may connect, such as `https://example.com`; `*` stands for all. A page may always
    /// connect to the host that it came from.
    pub origins: Vec<String>,
    /// How much is allowed.
    pub limits: Limits,
}

/// How much a gateway bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most sockets and event streams at a time; more are told to come back later.
    pub sockets: usize,
    /// The most subscriptions of one socket.
    pub subscriptions: usize,
    /// The most streams that are followed at a time: on a server each takes a connection.
    pub streams: usize,
    /// The most bytes of a message from a client, and of the body of an HTTP request.
    pub message_bytes: usize,
    /// The most messages from one socket per second. For a moment it may be twice as many.
    pub messages_per_second: u32,
    /// The most messages that wait for one socket; it is closed when there are more.
    pub queue_messages: usize,
    /// The most bytes that wait for one socket; it is closed when there are more.
    pub queue_bytes: usize,
    /// How often a socket is pinged. One that does not answer until the next ping is closed.
    pub ping: Duration,
    /// How long one write to a socket may take, and how long a client may take nothing of what was sent to it (on Linux).
    pub write_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            sockets: 10_000,
            subscriptions: 100,
            streams: 256,
            message_bytes: 64 * 1024,
            messages_per_second: 50,
            queue_messages: 1024,
            queue_bytes: 1024 * 1024,
            ping: Duration::from_secs(25),
            write_timeout: Duration::from_secs(10),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 7381)),
            keys: Keys::none(),
            origins: Vec::new(),
            limits: Limits::default(),
        }
    }
}

//! A plain blocking client: one socket, commands out, frames in.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::command::Command;
use crate::reply::Reply;

/// The protocol that a connection speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Protocol {
    Resp2,
    Resp3,
}

/// How long a reply may take before it counts as missing.
const PATIENCE: Duration = Duration::from_secs(5);

/// One connection to one server.
#[derive(Debug)]
pub(crate) struct Client {
    socket: TcpStream,
    unread: Vec<u8>,
}

impl Client {
    /// Connects and, for RESP3, says HELLO.
    pub(crate) fn connect(port: u16, protocol: Protocol) -> Self {
        let socket = TcpStream::connect(("127.0.0.1", port)).expect("the server accepts");
        socket.set_nodelay(true).expect("nodelay");
        let mut client = Self { socket, unread: Vec::new() };
        if protocol == Protocol::Resp3 {
            let hello = client.call("HELLO 3");
            assert!(matches!(hello, Reply::Map(_)), "HELLO 3 answered {hello}");
        }
        client
    }

    /// Sends one command; a closed connection shows when the reply is read.
    pub(crate) fn send(&mut self, command: &Command) {
        self.send_raw(&command.encode());
    }

    /// Sends bytes as they are.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        let _closed_shows_in_the_reply = self.socket.write_all(bytes);
    }

    /// Sends a command written as words and reads one frame.
    pub(crate) fn call(&mut self, line: &str) -> Reply {
        self.send(&Command::parse(line));
        self.read()
    }

    /// Reads one frame, or learns that none comes.
    pub(crate) fn read(&mut self) -> Reply {
        self.read_within(PATIENCE)
    }

    /// Reads one frame that has to come within `patience`.
    pub(crate) fn read_within(&mut self, patience: Duration) -> Reply {
        let deadline = Instant::now() + patience;
        loop {
            if let Some((reply, used)) = self.decode() {
                self.unread.drain(..used);
                return reply;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Reply::Silence;
            }
            self.socket.set_read_timeout(Some(left)).expect("timeout");
            let mut chunk = [0; 16 * 1024];
            match self.socket.read(&mut chunk) {
                Ok(0) => return Reply::Closed,
                Ok(count) => self.unread.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Reply::Silence,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Reply::Closed,
            }
        }
    }

    /// Reads frames up to the answer to a PING with the given mark, which is left out.
    pub(crate) fn read_to_mark(&mut self, mark: &str) -> Vec<Reply> {
        let mut frames = Vec::new();
        self.send(&Command::parse(&format!("PING {mark}")));
        loop {
            let frame = self.read();
            let last = frame.items().last().unwrap_or(&frame);
            if last.bytes() == mark.as_bytes() {
                return frames;
            }
            let over = matches!(frame, Reply::Closed | Reply::Silence);
            frames.push(frame);
            if over {
                return frames;
            }
        }
    }

    fn decode(&self) -> Option<(Reply, usize)> {
        if self.unread.is_empty() { None } else { Reply::decode(&self.unread) }
    }
}

//! A blocking connection, for all that happens outside of measurements: filling, asking.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::replies::Counter;
use super::request::write_words;

/// Longest wait for anything; a server that is slower than this counts as gone.
const WAIT_LIMIT: Duration = Duration::from_secs(30);
/// Requests written before their replies are read: few enough that neither side's socket
/// buffers fill up with both waiting.
const PIPELINE: usize = 500;

/// A connection that waits for each reply.
#[derive(Debug)]
pub(super) struct Client {
    stream: TcpStream,
    counter: Counter,
}

impl Client {
    /// Connects; fails when nobody listens.
    pub(super) fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, WAIT_LIMIT)
            .with_context(|| format!("cannot connect to {address}"))?;
        stream.set_read_timeout(Some(WAIT_LIMIT))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, counter: Counter::default() })
    }

    /// Sends one request, given as words, and returns the bytes of its reply; an error reply is
    /// an error.
    pub(super) fn call(&mut self, line: &str) -> Result<Vec<u8>> {
        let mut request = Vec::new();
        write_words(&mut request, line);
        self.stream.write_all(&request)?;
        self.read_replies(1).with_context(|| format!("calling {line}"))
    }

    /// Sends `count` requests, the n-th of them written by `write(n, out)`, reading replies
    /// behind every few hundred.
    pub(super) fn pipeline(
        &mut self,
        count: usize,
        mut write: impl FnMut(usize, &mut Vec<u8>),
    ) -> Result<()> {
        let mut requests = Vec::new();
        for first in (0..count).step_by(PIPELINE) {
            let group = first..count.min(first + PIPELINE);
            requests.clear();
            group.clone().for_each(|n| write(n, &mut requests));
            self.stream.write_all(&requests)?;
            self.read_replies(group.len())?;
        }
        Ok(())
    }

    /// The value of one field of `INFO`, where the server knows it.
    pub(super) fn info(&mut self, field: &str) -> Result<Option<String>> {
        let reply = self.call("INFO")?;
        let text = String::from_utf8_lossy(&reply);
        let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        Ok(value.map(|value| value.trim().to_owned()))
    }

    fn read_replies(&mut self, count: usize) -> Result<Vec<u8>> {
        let mut replies = Vec::new();
        let mut chunk = [0; 16 * 1024];
        let mut seen = 0;
        while seen < count {
            let length = self.stream.read(&mut chunk)?;
            let chunk = chunk.get(..length).unwrap_or_default();
            if chunk.is_empty() {
                bail!("the server closed the connection");
            }
            replies.extend_from_slice(chunk);
            seen += self.counter.feed(chunk)?;
        }
        Ok(replies)
    }
}

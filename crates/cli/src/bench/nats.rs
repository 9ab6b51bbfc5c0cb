//! The NATS protocol, as far as publishing to JetStream needs it.
//!
//! Lines end with CR LF. The server greets with `INFO {...}`; a client says `CONNECT {...}`, then
//! subscribes to the subject where its answers shall arrive (`SUB subject number`) and publishes
//! (`PUB subject answer-subject length`, the payload, CR LF). JetStream answers with a message
//! (`MSG subject number length`, the payload, CR LF) whose payload is JSON: `{"stream":...,
//! "seq":N}` when the message is stored, `{"error":...}` when it is not.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::measure::{Load, Tally};
use super::wires::Wires;

/// Longest wait for an answer outside of measurements.
const WAIT_LIMIT: Duration = Duration::from_secs(10);
const CONNECT: &str = "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n";
/// The stream, and the subject that it stores.
const STREAM: &str = "bench";

/// Connects, creates the stream in files, and returns the server's version.
pub(super) fn create_stream(address: SocketAddr) -> Result<()> {
    let config = format!(
        "{{\"name\":\"{STREAM}\",\"subjects\":[\"{STREAM}\"],\"storage\":\"file\",\
         \"retention\":\"limits\",\"discard\":\"old\",\"max_msgs\":-1,\"max_bytes\":-1,\
         \"max_consumers\":-1,\"num_replicas\":1}}"
    );
    let mut request = format!("{CONNECT}SUB _INBOX.0 1\r\n").into_bytes();
    write_publish(&mut request, &format!("$JS.API.STREAM.CREATE.{STREAM}"), 0, config.as_bytes());
    let mut client = connect(address)?;
    client.write_all(&request)?;
    wait(&mut client, |scanned| 0 < scanned.messages)
}

/// Waits for the server's greeting and returns its version.
pub(super) fn version(address: SocketAddr) -> Result<String> {
    let mut greeting = [0; 1024];
    let length = connect(address)?.read(&mut greeting)?;
    let greeting = String::from_utf8_lossy(greeting.get(..length).unwrap_or_default());
    let version = greeting.split_once("\"version\":\"").and_then(|(_, rest)| rest.split_once('"'));
    Ok(version.with_context(|| format!("an odd greeting: {greeting}"))?.0.to_owned())
}

fn connect(address: SocketAddr) -> Result<TcpStream> {
    let client = TcpStream::connect_timeout(&address, WAIT_LIMIT)
        .with_context(|| format!("cannot connect to {address}"))?;
    client.set_read_timeout(Some(WAIT_LIMIT))?;
    Ok(client)
}

fn wait(client: &mut TcpStream, is_over: impl Fn(&Scanned) -> bool) -> Result<()> {
    let mut scanner = Scanner::default();
    let mut chunk = [0; 4096];
    loop {
        let length = client.read(&mut chunk)?;
        if length == 0 {
            bail!("the server closed the connection");
        }
        if is_over(&scanner.feed(chunk.get(..length).unwrap_or_default())?) {
            return Ok(());
        }
    }
}

/// Publishes with the answer going to the inbox of connection `at`.
fn write_publish(out: &mut Vec<u8>, subject: &str, at: usize, payload: &[u8]) {
    out.extend_from_slice(format!("PUB {subject} _INBOX.{at} {}\r\n", payload.len()).as_bytes());
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}

/// What has arrived.
#[derive(Debug, Default, PartialEq, Eq)]
struct Scanned {
    messages: usize,
    /// The server wants to know whether we live.
    pings: usize,
}

/// Finds whole operations in arriving bytes.
#[derive(Debug, Default)]
struct Scanner {
    /// The beginning of an operation whose end has not arrived.
    unread: Vec<u8>,
}

impl Scanner {
    /// Takes the next bytes and counts the operations that they complete.
    fn feed(&mut self, bytes: &[u8]) -> Result<Scanned> {
        self.unread.extend_from_slice(bytes);
        let mut scanned = Scanned::default();
        let mut rest = self.unread.as_slice();
        while let Some(next) = after_operation(rest, &mut scanned)? {
            rest = next;
        }
        let done = self.unread.len() - rest.len();
        self.unread.drain(..done);
        Ok(scanned)
    }
}

/// What follows the first operation, if that one is complete.
fn after_operation<'a>(bytes: &'a [u8], scanned: &mut Scanned) -> Result<Option<&'a [u8]>> {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
    let (line, rest) = bytes.split_at(end + 1);
    let line = String::from_utf8_lossy(line);
    let mut words = line.split_whitespace();
    match words.next() {
        Some("MSG") => {
            let length = words.next_back().and_then(|word| word.parse::<usize>().ok());
            let length = length.with_context(|| format!("an odd message: {line}"))?;
            let Some(next) = rest.get(length + 2..) else { return Ok(None) };
            let payload = String::from_utf8_lossy(rest.get(..length).unwrap_or_default());
            if payload.contains("\"error\":") {
                bail!("JetStream says {payload}");
            }
            scanned.messages += 1;
            Ok(Some(next))
        }
        Some("PING") => {
            scanned.pings += 1;
            Ok(Some(rest))
        }
        Some("INFO" | "PONG" | "+OK") => Ok(Some(rest)),
        _ => bail!("the server says {}", line.trim_end()),
    }
}

/// Connections that only publish: each sends a batch, waits until all of it is acknowledged, and
/// sends the next.
#[derive(Debug)]
pub(super) struct Publishers {
    payload: Vec<u8>,
    in_flight: usize,
    lanes: Vec<Lane>,
}

#[derive(Debug)]
struct Lane {
    scanner: Scanner,
    batch: Vec<u8>,
    /// Acknowledgements that the batch under way lacks.
    missing: usize,
    sent_at: Instant,
}

impl Publishers {
    /// Keeps `in_flight` messages in flight on each connection.
    pub(super) fn new(payload: &str, in_flight: usize) -> Self {
        Self { payload: payload.as_bytes().to_vec(), in_flight, lanes: Vec::new() }
    }
}

impl Load for Publishers {
    fn start(&mut self, wires: &mut Wires) -> Result<()> {
        for at in 0..wires.count() {
            let mut batch = Vec::new();
            (0..self.in_flight).for_each(|_| write_publish(&mut batch, STREAM, at, &self.payload));
            wires.send(at, format!("{CONNECT}SUB _INBOX.{at} 1\r\n").as_bytes())?;
            wires.send(at, &batch)?;
            let (scanner, missing) = (Scanner::default(), self.in_flight);
            self.lanes.push(Lane { scanner, batch, missing, sent_at: Instant::now() });
        }
        Ok(())
    }

    fn receive(
        &mut self,
        at: usize,
        bytes: &[u8],
        wires: &mut Wires,
        tally: &mut Tally,
    ) -> Result<()> {
        let lane = self.lanes.get_mut(at).context("no such connection")?;
        let scanned = lane.scanner.feed(bytes)?;
        for _ in 0..scanned.pings {
            wires.send(at, b"PONG\r\n")?;
        }
        lane.missing =
            lane.missing.checked_sub(scanned.messages).context("more answers than messages")?;
        if lane.missing == 0 {
            tally.record_since(lane.sent_at);
            tally.ops += self.in_flight as u64;
            lane.missing = self.in_flight;
            lane.sent_at = Instant::now();
            wires.send(at, &lane.batch)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    const ANSWERS: &[u8] =
        b"INFO {} \r\nMSG _INBOX.0 1 27\r\n{\"stream\":\"bench\", \"seq\":1}\r\n\
        PING\r\nMSG _INBOX.0 1  27\r\n{\"stream\":\"bench\", \"seq\":2}\r\n";

    #[test]
    fn counts_the_same_however_the_bytes_are_cut() {
        for cut in 0..ANSWERS.len() {
            let mut scanner = Scanner::default();
            let mut sum = scanner.feed(&ANSWERS[..cut]).unwrap();
            let rest = scanner.feed(&ANSWERS[cut..]).unwrap();
            sum.messages += rest.messages;
            sum.pings += rest.pings;
            assert_eq!(sum, Scanned { messages: 2, pings: 1 }, "{cut}");
        }
    }

    #[test]
    fn errors_of_either_kind_are_errors() {
        let check = |bytes: &[u8], expect: &str| {
            let error = Scanner::default().feed(bytes).unwrap_err().to_string();
            assert_eq!(error, expect);
        };
        check(b"-ERR 'Parser Error'\r\n", "the server says -ERR 'Parser Error'");
        check(b"MSG a 1 12\r\n{\"error\":{}}\r\n", "JetStream says {\"error\":{}}");
    }

    #[test]
    fn publishes_with_length_and_inbox() {
        let mut out = Vec::new();
        write_publish(&mut out, "s", 7, b"abc");
        assert_eq!(out, b"PUB s _INBOX.7 3\r\nabc\r\n");
    }
}

//! The writer of replies, in the protocol that the client has asked for.

use crate::write;

/// The version of RESP that a connection speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub enum Protocol {
    /// What every client understands, and what every connection starts with.
    #[default]
    Resp2,
    /// Adds maps, sets, doubles, booleans, a null of its own, and pushes.
    Resp3,
}

/// Appends replies to a buffer.
///
/// Types that RESP2 lacks become the ones that Redis sends in their place, so that commands need
/// not know which protocol they answer in.
#[derive(Debug)]
pub struct Reply<'a> {
    out: &'a mut Vec<u8>,
    protocol: Protocol,
}

/// The place of an array whose length is not known yet.
#[derive(Debug)]
#[must_use = "an array that is never closed is a broken reply"]
pub struct ArrayMark(usize);

/// The place of a map whose length is not known yet.
#[derive(Debug)]
#[must_use = "a map that is never closed is a broken reply"]
pub struct MapMark(usize);

/// Stands where a header will be. Headers of up to nine elements have the same length.
const PLACEHOLDER: &[u8; 4] = b"*0\r\n";

impl<'a> Reply<'a> {
    /// A writer that appends to `out`.
    #[inline]
    pub fn new(out: &'a mut Vec<u8>, protocol: Protocol) -> Self {
        Self { out, protocol }
    }

    /// The protocol that is written.
    #[inline]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The buffer itself, for encoders that write RESP on their own.
    #[inline]
    pub fn out(&mut self) -> &mut Vec<u8> {
        self.out
    }

    /// `+OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.out.extend_from_slice(b"+OK\r\n");
    }

    /// A simple string. Line ends in it become spaces.
    #[inline]
    pub fn simple(&mut self, text: &str) {
        self.text_line(b'+', text.as_bytes());
    }

    /// An error: its code and text without the leading `-`. Line ends in it become spaces.
    pub fn error(&mut self, text: &str) {
        self.text_line(b'-', text.as_bytes());
    }

    /// An error whose text quotes foreign bytes.
    pub fn error_bytes(&mut self, text: &[u8]) {
        self.text_line(b'-', text);
    }

    /// An integer.
    #[inline]
    pub fn integer(&mut self, value: i64) {
        write::write_integer(self.out, value);
    }

    /// A bulk string.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        write::write_bulk(self.out, bytes);
    }

    /// A number as a bulk string.
    #[inline]
    pub fn bulk_integer(&mut self, value: i64) {
        write::write_bulk_integer(self.out, value);
    }

    /// A number as a bulk string.
    #[inline]
    pub fn bulk_unsigned(&mut self, value: u64) {
        write::write_bulk_unsigned(self.out, value);
    }

    /// The id of a stream entry, `time_ms-sequence`, as a bulk string.
    #[inline]
    pub fn bulk_id(&mut self, time_ms: u64, sequence: u64) {
        write::write_bulk_id(self.out, time_ms, sequence);
    }

    /// Nothing, in the place of a value. RESP2: a null bulk string.
    #[inline]
    pub fn null(&mut self) {
        self.resp3_or(b"_\r\n", b"$-1\r\n");
    }

    /// Nothing, in the place of an array. RESP2: a null array.
    #[inline]
    pub fn null_array(&mut self) {
        self.resp3_or(b"_\r\n", b"*-1\r\n");
    }

    /// The header of an array: `len` values follow.
    #[inline]
    pub fn array(&mut self, len: usize) {
        write::write_line(self.out, b'*', len);
    }

    /// The header of a map: `pairs` keys follow, each with its value. RESP2: a flat array.
    #[inline]
    pub fn map(&mut self, pairs: usize) {
        let (kind, len) = self.map_header(pairs);
        write::write_line(self.out, kind, len);
    }

    /// The header of a set: `len` values follow. RESP2: an array.
    #[inline]
    pub fn set(&mut self, len: usize) {
        self.aggregate(b'~', len);
    }

    /// The header of a push, which answers no request: `len` values follow. RESP2: an array.
    #[inline]
    pub fn push(&mut self, len: usize) {
        self.aggregate(b'>', len);
    }

    /// A truth value. RESP2: 1 or 0.
    pub fn boolean(&mut self, value: bool) {
        match value {
            true => self.resp3_or(b"#t\r\n", b":1\r\n"),
            false => self.resp3_or(b"#f\r\n", b":0\r\n"),
        }
    }

    /// A number with a fraction, in the shortest text that reads back as itself. RESP2: that text
    /// as a bulk string.
    pub fn double(&mut self, value: f64) {
        let text = double_text(value);
        match self.protocol {
            Protocol::Resp2 => self.bulk(text.as_bytes()),
            Protocol::Resp3 => self.text_line(b',', text.as_bytes()),
        }
    }

    /// A text for people in a named format, such as `txt`. RESP2: a bulk string.
    pub fn verbatim(&mut self, format: &[u8; 3], text: &[u8]) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(text),
            Protocol::Resp3 => {
                write::write_line(self.out, b'=', text.len() + 4);
                self.out.extend_from_slice(format);
                self.out.push(b':');
                self.out.extend_from_slice(text);
                self.out.extend_from_slice(b"\r\n");
            }
        }
    }

    /// Bytes that are RESP already.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Starts an array whose length is told when it is closed. Such arrays and maps nest.
    #[inline]
    pub fn open_array(&mut self) -> ArrayMark {
        ArrayMark(self.open())
    }

    /// Ends the array that was opened at `start`. From ten elements on its content moves.
    pub fn close_array(&mut self, ArrayMark(start): ArrayMark, len: usize) {
        self.close(start, b'*', len);
    }

    /// Takes the array that was opened at `start` back, with all that was written since.
    pub fn cancel_array(&mut self, ArrayMark(start): ArrayMark) {
        self.out.truncate(start);
    }

    /// Starts a map whose number of pairs is told when it is closed.
    #[inline]
    pub fn open_map(&mut self) -> MapMark {
        MapMark(self.open())
    }

    /// Ends the map that was opened at `start`.
    pub fn close_map(&mut self, MapMark(start): MapMark, pairs: usize) {
        let (kind, len) = self.map_header(pairs);
        self.close(start, kind, len);
    }

    /// Takes the map that was opened at `start` back, with all that was written since.
    pub fn cancel_map(&mut self, MapMark(start): MapMark) {
        self.out.truncate(start);
    }

    fn open(&mut self) -> usize {
        let start = self.out.len();
        self.out.extend_from_slice(PLACEHOLDER);
        start
    }

    fn close(&mut self, start: usize, kind: u8, len: usize) {
        let header = write::line(kind, len as u64);
        // A buffer that was cut meanwhile has no placeholder left to replace.
        let from = start.min(self.out.len());
        let to = (start + PLACEHOLDER.len()).min(self.out.len());
        self.out.splice(from..to, header.as_bytes().iter().copied());
    }

    fn map_header(&self, pairs: usize) -> (u8, usize) {
        match self.protocol {
            Protocol::Resp2 => (b'*', pairs * 2),
            Protocol::Resp3 => (b'%', pairs),
        }
    }

    fn aggregate(&mut self, resp3_kind: u8, len: usize) {
        let kind = match self.protocol {
            Protocol::Resp2 => b'*',
            Protocol::Resp3 => resp3_kind,
        };
        write::write_line(self.out, kind, len);
    }

    fn resp3_or(&mut self, resp3: &[u8], resp2: &[u8]) {
        self.out.extend_from_slice(match self.protocol {
            Protocol::Resp2 => resp2,
            Protocol::Resp3 => resp3,
        });
    }

    fn text_line(&mut self, kind: u8, text: &[u8]) {
        self.out.reserve(text.len() + 3);
        self.out.push(kind);
        let start = self.out.len();
        self.out.extend_from_slice(text);
        for byte in self.out.iter_mut().skip(start) {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
        self.out.extend_from_slice(b"\r\n");
    }
}

/// Very large and very small numbers get an exponent, as hundreds of zeros help nobody.
fn double_text(value: f64) -> String {
    let size = value.abs();
    if value.is_nan() {
        "nan".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "inf" } else { "-inf" }.to_owned()
    } else if size != 0.0 && !(1e-5..1e17).contains(&size) {
        format!("{value:e}")
    } else {
        format!("{value}")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    #[track_caller]
    fn check(write: impl Fn(&mut Reply<'_>), resp2: &str, resp3: &str) {
        for (protocol, expect) in [(Protocol::Resp2, resp2), (Protocol::Resp3, resp3)] {
            let mut out = b"+before\r\n".to_vec();
            write(&mut Reply::new(&mut out, protocol));
            let expect = format!("+before\r\n{expect}");
            assert_eq!(String::from_utf8(out).unwrap(), expect, "{protocol:?}");
        }
    }

    #[test]
    fn types_of_both_protocols() {
        let same = |write: fn(&mut Reply<'_>), expect: &str| check(write, expect, expect);
        same(|reply| reply.ok(), "+OK\r\n");
        same(|reply| reply.simple("QUEUED"), "+QUEUED\r\n");
        same(|reply| reply.simple("a\r\nb"), "+a  b\r\n");
        same(|reply| reply.error("ERR no"), "-ERR no\r\n");
        same(|reply| reply.error_bytes(b"ERR '\r\n+x\n'"), "-ERR '  +x '\r\n");
        same(|reply| reply.integer(-1), ":-1\r\n");
        same(|reply| reply.bulk(b"a\r\nb"), "$4\r\na\r\nb\r\n");
        same(|reply| reply.bulk_integer(-12), "$3\r\n-12\r\n");
        same(|reply| reply.bulk_unsigned(7), "$1\r\n7\r\n");
        same(|reply| reply.bulk_id(5, 0), "$3\r\n5-0\r\n");
        same(|reply| reply.array(3), "*3\r\n");
        same(|reply| reply.raw(b":1\r\n"), ":1\r\n");
    }

    #[test]
    fn types_of_resp3() {
        check(|reply| reply.null(), "$-1\r\n", "_\r\n");
        check(|reply| reply.null_array(), "*-1\r\n", "_\r\n");
        check(|reply| reply.map(70), "*140\r\n", "%70\r\n");
        check(|reply| reply.set(2), "*2\r\n", "~2\r\n");
        check(|reply| reply.push(3), "*3\r\n", ">3\r\n");
        check(|reply| reply.boolean(true), ":1\r\n", "#t\r\n");
        check(|reply| reply.boolean(false), ":0\r\n", "#f\r\n");
        check(|reply| reply.verbatim(b"txt", b"hi"), "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n");
    }

    #[test]
    fn doubles() {
        let check = |value: f64, text: &str| {
            let bulk = format!("${}\r\n{text}\r\n", text.len());
            check(|reply| reply.double(value), &bulk, &format!(",{text}\r\n"));
        };
        check(0.0, "0");
        check(-0.0, "-0");
        check(3.0, "3");
        check(-1.5, "-1.5");
        check(0.1, "0.1");
        check(1e300, "1e300");
        check(2.5e-7, "2.5e-7");
        check(f64::INFINITY, "inf");
        check(f64::NEG_INFINITY, "-inf");
        check(f64::NAN, "nan");
    }

    #[test]
    fn deferred_lengths() {
        for len in [0, 1, 9, 10, 99, 100, 1000] {
            let body = ":7\r\n".repeat(len);
            let write = |reply: &mut Reply<'_>| {
                let outer = reply.open_array();
                let map = reply.open_map();
                reply.raw(body.as_bytes());
                reply.close_map(map, len);
                reply.ok();
                reply.close_array(outer, 12);
            };
            let expect = |header: String| format!("*12\r\n{header}\r\n{body}+OK\r\n");
            check(write, &expect(format!("*{}", len * 2)), &expect(format!("%{len}")));
        }
    }

    #[test]
    fn what_was_opened_can_be_taken_back() {
        let write = |reply: &mut Reply<'_>| {
            let (array, map) = (reply.open_array(), reply.open_map());
            reply.ok();
            reply.cancel_map(map);
            reply.cancel_array(array);
            reply.null_array();
        };
        check(write, "*-1\r\n", "_\r\n");
    }
}

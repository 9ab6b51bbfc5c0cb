//! The decoder of replies: finds the end of a reply first, then builds it in one go.

use memchr::memchr;

use crate::error::ProtocolError;
use crate::line::parse_integer;
use crate::scan::FrameScanner;
use crate::value::Value;

/// How deeply a decoder follows arrays in arrays unless told otherwise.
pub const DEPTH_MAX: usize = 128;

/// Decodes one reply after the other.
///
/// Memory is taken only for replies that have arrived whole, and the bytes of an unfinished reply
/// are not scanned again. Attributes (`|`) are skipped.
#[derive(Debug)]
pub struct ReplyDecoder {
    depth_max: usize,
    frame: FrameScanner,
    scanned: usize,
}

impl Default for ReplyDecoder {
    fn default() -> Self {
        Self::with_depth_max(DEPTH_MAX)
    }
}

impl ReplyDecoder {
    /// A decoder at the start of a reply that allows a depth of [`DEPTH_MAX`].
    pub fn new() -> Self {
        Self::default()
    }

    /// A decoder that follows arrays in arrays down to `depth_max`, each of which takes a few
    /// hundred bytes of stack.
    pub fn with_depth_max(depth_max: usize) -> Self {
        Self { depth_max, frame: FrameScanner::default(), scanned: 0 }
    }

    /// Decodes the reply that starts at `input[0]`: its value and its length in bytes.
    ///
    /// `None`: call again with the same bytes and more behind them.
    ///
    /// # Errors
    ///
    /// The bytes are not RESP, or nested too deeply.
    pub fn decode(&mut self, input: &[u8]) -> Result<Option<(Value, usize)>, ProtocolError> {
        let unseen = input.get(self.scanned..).unwrap_or_default();
        let (used, ended) = self.frame.advance(unseen)?;
        self.scanned += used;
        if ended.is_none() {
            return Ok(None);
        }
        let len = std::mem::take(&mut self.scanned);
        let mut frame = Frame { rest: input.get(..len).unwrap_or_default() };
        Ok(Some((frame.value(self.depth_max)?, len)))
    }
}

/// What is left of a whole reply.
struct Frame<'a> {
    rest: &'a [u8],
}

impl<'a> Frame<'a> {
    fn value(&mut self, depth: usize) -> Result<Value, ProtocolError> {
        let (kind, line) = self.line()?;
        let bad = ProtocolError::MalformedReply(kind);
        Ok(match kind {
            b'+' => Value::Simple(line.to_vec()),
            b'-' => Value::Error(line.to_vec()),
            b':' => Value::Integer(integer(line).ok_or(bad)?),
            b'_' if line.is_empty() => Value::Null,
            b'#' if line == b"t" => Value::Boolean(true),
            b'#' if line == b"f" => Value::Boolean(false),
            b',' => Value::Double(double(line).ok_or(bad)?),
            b'(' => Value::BigNumber(big_number(line).ok_or(bad)?),
            b'$' if line == b"-1" => Value::NullBulk,
            b'*' if line == b"-1" => Value::NullArray,
            b'$' => Value::Bulk(self.body(kind, line)?.to_vec()),
            b'!' => Value::Error(self.body(kind, line)?.to_vec()),
            b'=' => verbatim(self.body(kind, line)?).ok_or(bad)?,
            b'*' => Value::Array(self.values(kind, line, depth)?),
            b'~' => Value::Set(self.values(kind, line, depth)?),
            b'>' => Value::Push(self.values(kind, line, depth)?),
            b'%' => Value::Map(self.pairs(kind, line, depth)?),
            b'|' => {
                let deeper = depth.checked_sub(1).ok_or(ProtocolError::TooDeep)?;
                self.pairs(kind, line, depth)?;
                self.value(deeper)?
            }
            _ => return Err(bad),
        })
    }

    /// Takes a line and splits its kind off.
    fn line(&mut self) -> Result<(u8, &'a [u8]), ProtocolError> {
        let [kind, rest @ ..] = self.rest else {
            return Err(ProtocolError::InvalidReplyLength);
        };
        let bad = ProtocolError::MalformedReply(*kind);
        let end = memchr(b'\n', rest).ok_or(bad)?;
        let (line, rest) = rest.split_at_checked(end + 1).ok_or(bad)?;
        let line = line.strip_suffix(b"\r\n").ok_or(bad)?;
        self.rest = rest;
        Ok((*kind, line))
    }

    /// Takes the body of a string of the length in `line`.
    fn body(&mut self, kind: u8, line: &[u8]) -> Result<&'a [u8], ProtocolError> {
        let bad = ProtocolError::MalformedReply(kind);
        let (body, rest) = self.rest.split_at_checked(len(line)?).ok_or(bad)?;
        self.rest = rest.strip_prefix(b"\r\n").ok_or(bad)?;
        Ok(body)
    }

    fn values(&mut self, kind: u8, line: &[u8], depth: usize) -> Result<Vec<Value>, ProtocolError> {
        let deeper = depth.checked_sub(1).ok_or(ProtocolError::TooDeep)?;
        let count = self.count(kind, line)?;
        (0..count).map(|_| self.value(deeper)).collect()
    }

    fn pairs(
        &mut self,
        kind: u8,
        line: &[u8],
        depth: usize,
    ) -> Result<Vec<(Value, Value)>, ProtocolError> {
        let deeper = depth.checked_sub(1).ok_or(ProtocolError::TooDeep)?;
        let count = self.count(kind, line)?;
        (0..count).map(|_| Ok((self.value(deeper)?, self.value(deeper)?))).collect()
    }

    /// A count is at most the number of bytes left, as every element takes some.
    fn count(&self, kind: u8, line: &[u8]) -> Result<usize, ProtocolError> {
        let count = len(line)?;
        if count > self.rest.len() { Err(ProtocolError::MalformedReply(kind)) } else { Ok(count) }
    }
}

fn len(line: &[u8]) -> Result<usize, ProtocolError> {
    let value = parse_integer(line).and_then(|value| usize::try_from(value).ok());
    value.ok_or(ProtocolError::InvalidReplyLength)
}

/// Replies may have a plus sign and leading zeros in integers, which lengths may not.
fn integer(line: &[u8]) -> Option<i64> {
    std::str::from_utf8(line).ok()?.parse().ok()
}

fn double(line: &[u8]) -> Option<f64> {
    std::str::from_utf8(line).ok()?.parse().ok()
}

fn big_number(line: &[u8]) -> Option<Vec<u8>> {
    let digits = line.strip_prefix(b"-").or(line.strip_prefix(b"+")).unwrap_or(line);
    let valid = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    valid.then(|| line.to_vec())
}

fn verbatim(body: &[u8]) -> Option<Value> {
    let (format, text) = body.split_first_chunk::<3>()?;
    let text = text.strip_prefix(b":")?.to_vec();
    Some(Value::Verbatim { format: *format, text })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use proptest::prelude::*;

    use super::*;
    use crate::reply::{Protocol, Reply};
    use crate::scan::ReplyScanner;

    fn decode_in_steps(input: &[u8], step: usize) -> Result<Vec<Value>, ProtocolError> {
        let mut decoder = ReplyDecoder::new();
        let mut values = Vec::new();
        let (mut from, mut to) = (0, 0);
        loop {
            match decoder.decode(&input[from..to])? {
                Some((value, used)) => {
                    values.push(value);
                    from += used;
                }
                None if to == input.len() => return Ok(values),
                None => to = input.len().min(to + step),
            }
        }
    }

    /// Replies, errors and pushes, counted in steps.
    fn scan_in_steps(input: &[u8], step: usize) -> Result<(u64, u64, u64), ProtocolError> {
        let mut scanner = ReplyScanner::new();
        let mut replies = 0;
        for chunk in input.chunks(step) {
            replies += scanner.feed(chunk)? as u64;
        }
        assert_eq!(replies, scanner.replies());
        Ok((replies, scanner.errors(), scanner.pushes()))
    }

    #[track_caller]
    fn check(input: &str, expect: &str) {
        for step in 1..=input.len() {
            let values = decode_in_steps(input.as_bytes(), step).unwrap();
            let texts: Vec<String> = values.iter().map(Value::to_string).collect();
            assert_eq!(texts.join(" "), expect, "{input:?} by {step}");
            assert_eq!(scan_in_steps(input.as_bytes(), step), Ok(counts(&values)), "by {step}");
        }
    }

    fn counts(values: &[Value]) -> (u64, u64, u64) {
        let count = |of: fn(&Value) -> bool| values.iter().filter(|value| of(value)).count() as u64;
        let pushes = count(|value| matches!(value, Value::Push(_)));
        (values.len() as u64 - pushes, count(Value::is_error), pushes)
    }

    #[track_caller]
    fn check_error(input: &str, expect: ProtocolError) {
        for step in 1..=input.len() {
            let error = decode_in_steps(input.as_bytes(), step);
            assert_eq!(error, Err(expect), "{input:?} by {step}");
        }
    }

    #[test]
    fn single_values() {
        check("+OK\r\n", "+OK");
        check("-ERR no\r\n", "-ERR no");
        check(":-12\r\n:+7\r\n", "-12 7");
        check("$4\r\na\r\nb\r\n$0\r\n\r\n", r#""a\r\nb" """#);
        check("$-1\r\n*-1\r\n_\r\n", "nil($) nil(*) nil");
        check("#t\r\n#f\r\n", "#true #false");
        check(",1.5\r\n,inf\r\n,-inf\r\n,nan\r\n,1e3\r\n", ",1.5 ,inf ,-inf ,NaN ,1000");
        check("(-123456789012345678901234567890\r\n", "(-123456789012345678901234567890");
        check("=6\r\ntxt:hi\r\n", r#"=txt:"hi""#);
        check("!8\r\nERR a\nb \r\n", r"-ERR a\nb ");
    }

    #[test]
    fn nested_values() {
        check("*0\r\n*2\r\n*1\r\n:1\r\n*-1\r\n", "[] [[1], nil(*)]");
        check("%2\r\n+a\r\n*0\r\n+b\r\n%0\r\n:1\r\n", "{+a: [], +b: {}} 1");
        check("~2\r\n:1\r\n:2\r\n>2\r\n+message\r\n$1\r\nx\r\n", r#"~[1, 2] >[+message, "x"]"#);
        check("*2\r\n-ERR in\r\n$-1\r\n-ERR out\r\n", "[-ERR in, nil($)] -ERR out");
        let long = format!("*1\r\n$300\r\n{}\r\n", "x".repeat(300));
        check(&long, &format!("[\"{}\"]", "x".repeat(300)));
    }

    #[test]
    fn attributes_are_skipped() {
        check("|0\r\n:1\r\n", "1");
        check("|1\r\n+ttl\r\n:5\r\n-ERR x\r\n+OK\r\n", "-ERR x +OK");
        check("|1\r\n+ttl\r\n|1\r\n+a\r\n+b\r\n:5\r\n>1\r\n:2\r\n", ">[2]");
        check("*2\r\n:1\r\n|1\r\n+ttl\r\n:5\r\n:2\r\n:3\r\n", "[1, 2] 3");
    }

    #[test]
    fn errors() {
        check_error("?x\r\n", ProtocolError::UnknownReplyType(b'?'));
        check_error("*1\r\n\r\n", ProtocolError::UnknownReplyType(b'\r'));
        for header in
            ["$x", "$", "*-2", "%-1", "$--1", "*-", "$1-", "$9999999999999999999", "$1\rx"]
        {
            check_error(&format!("{header}\r\n"), ProtocolError::InvalidReplyLength);
        }
        for line in [":", ":x", ":1.5", "_x", "#x", "#", ",x", ",", "(", "(1x"] {
            let kind = line.as_bytes()[0];
            check_error(&format!("{line}\r\n"), ProtocolError::MalformedReply(kind));
        }
        check_error("$1\r\nabcd", ProtocolError::MalformedReply(b'$'));
        check_error("=2\r\nab\r\n", ProtocolError::MalformedReply(b'='));
        check_error("=5\r\ntxt-x\r\n", ProtocolError::MalformedReply(b'='));
        check_error("+OK\n", ProtocolError::MalformedReply(b'+'));
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| "*1\r\n".repeat(depth) + ":1\r\n";
        assert_eq!(decode_in_steps(nested(DEPTH_MAX).as_bytes(), 100).unwrap().len(), 1);
        let too_deep = nested(DEPTH_MAX + 1);
        assert_eq!(decode_in_steps(too_deep.as_bytes(), 100), Err(ProtocolError::TooDeep));
        let attributes = "|0\r\n".repeat(100_000) + ":1\r\n";
        assert_eq!(decode_in_steps(attributes.as_bytes(), 4096), Err(ProtocolError::TooDeep));
    }

    #[test]
    fn announced_lengths_take_no_memory() {
        for header in ["*999999999\r\n", "$999999999999999999\r\n", "%999999999999999999\r\n"] {
            assert_eq!(decode_in_steps(header.as_bytes(), 3), Ok(vec![]));
        }
        // So many elements that their number cannot be counted.
        let endless = "%999999999999999999\r\n".repeat(10);
        let error = Err(ProtocolError::InvalidReplyLength);
        assert_eq!(decode_in_steps(endless.as_bytes(), 5), error);
    }

    /// Writes a value as a server would.
    fn write(reply: &mut Reply<'_>, value: &Value) {
        match value {
            Value::Simple(text) => reply.simple(std::str::from_utf8(text).unwrap()),
            Value::Error(text) => reply.error_bytes(text),
            Value::Integer(value) => reply.integer(*value),
            Value::Bulk(bytes) => reply.bulk(bytes),
            Value::NullBulk => reply.raw(b"$-1\r\n"),
            Value::NullArray => reply.raw(b"*-1\r\n"),
            Value::Null => reply.null(),
            Value::Array(values) => {
                let mark = reply.open_array();
                values.iter().for_each(|value| write(reply, value));
                reply.close_array(mark, values.len());
            }
            Value::Map(pairs) => {
                reply.map(pairs.len());
                for (key, value) in pairs {
                    write(reply, key);
                    write(reply, value);
                }
            }
            Value::Set(values) => {
                reply.set(values.len());
                values.iter().for_each(|value| write(reply, value));
            }
            Value::Push(values) => {
                reply.push(values.len());
                values.iter().for_each(|value| write(reply, value));
            }
            Value::Boolean(value) => reply.boolean(*value),
            Value::Double(value) => reply.double(*value),
            Value::BigNumber(digits) => reply.raw(&[b"(", digits.as_slice(), b"\r\n"].concat()),
            Value::Verbatim { format, text } => reply.verbatim(format, text),
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..200);
        let leaf = prop_oneof![
            "[ -~]{0,20}".prop_map(|text| Value::Simple(text.into_bytes())),
            "ERR [ -~]{0,20}".prop_map(|text| Value::Error(text.into_bytes())),
            any::<i64>().prop_map(Value::Integer),
            bytes().prop_map(Value::Bulk),
            Just(Value::NullBulk),
            Just(Value::NullArray),
            Just(Value::Null),
            any::<bool>().prop_map(Value::Boolean),
            any::<f64>().prop_filter("NaN equals nothing", |x| !x.is_nan()).prop_map(Value::Double),
            "-?[0-9]{1,40}".prop_map(|digits| Value::BigNumber(digits.into_bytes())),
            bytes().prop_map(|text| Value::Verbatim { format: *b"txt", text }),
        ];
        leaf.prop_recursive(4, 60, 14, |inner| {
            let list = || prop::collection::vec(inner.clone(), 0..14);
            prop_oneof![
                list().prop_map(Value::Array),
                list().prop_map(Value::Set),
                list().prop_map(Value::Push),
                prop::collection::vec((inner.clone(), inner.clone()), 0..8).prop_map(Value::Map),
            ]
        })
    }

    fn written(values: &[Value]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut reply = Reply::new(&mut out, Protocol::Resp3);
        values.iter().for_each(|value| write(&mut reply, value));
        out
    }

    proptest! {
        #[test]
        fn written_values_decode_to_themselves(
            values in prop::collection::vec(values(), 0..4),
            step in 1usize..100,
        ) {
            let bytes = written(&values);
            prop_assert_eq!(scan_in_steps(&bytes, step), Ok(counts(&values)));
            prop_assert_eq!(decode_in_steps(&bytes, step).unwrap(), values);
        }

        #[test]
        fn foreign_bytes_decode_alike_in_any_steps(
            values in prop::collection::vec(values(), 0..3),
            noise in prop::collection::vec(
                prop_oneof![any::<u8>(), prop::sample::select(b"+-:$*%~>|=!_#,(\r\n01239".to_vec())],
                0..60,
            ),
            place in any::<prop::sample::Index>(),
            step in 1usize..100,
        ) {
            let mut bytes = written(&values);
            let place = place.index(bytes.len() + 1);
            let end = (place + noise.len() / 2).min(bytes.len());
            bytes.splice(place..end, noise);
            let whole = decode_in_steps(&bytes, bytes.len().max(1));
            prop_assert_eq!(&decode_in_steps(&bytes, step), &whole);
            let scanned = scan_in_steps(&bytes, step);
            prop_assert_eq!(&scanned, &scan_in_steps(&bytes, bytes.len().max(1)));
            if let Ok(values) = whole {
                prop_assert_eq!(scanned, Ok(counts(&values)));
            }
        }
    }
}

//! The smallest pieces of RESP, appended to a buffer. These are the hot functions of the server.

use crate::digits::Tail;

/// How many counts have a ready line. Most arguments and nearly all arrays stay below.
const READY: usize = 1000;

/// The lines `?0 CR LF` to `?999 CR LF`: at most six bytes each, the first for the kind.
static READY_LINES: [[u8; 8]; READY] = ready_lines();

const fn ready_lines() -> [[u8; 8]; READY] {
    let mut lines = [[0; 8]; READY];
    let mut n = 0;
    while n < READY {
        let (mut digits, mut scale) = (ready_digits(n), 1);
        let line = &mut lines[n];
        line[digits + 1] = b'\r';
        line[digits + 2] = b'\n';
        while digits > 0 {
            line[digits] = b'0' + (n / scale % 10) as u8;
            scale *= 10;
            digits -= 1;
        }
        n += 1;
    }
    lines
}

const fn ready_digits(n: usize) -> usize {
    1 + (n >= 10) as usize + (n >= 100) as usize
}

/// Appends `kind`, `count` and CR LF.
#[inline]
pub(crate) fn write_line(out: &mut Vec<u8>, kind: u8, count: usize) {
    let Some(ready) = READY_LINES.get(count) else {
        return write_long_line(out, kind, count as u64);
    };
    // Eight bytes are always appended, which is one store, and the surplus is cut off again.
    let mut line = *ready;
    line[0] = kind;
    let end = out.len() + ready_digits(count) + 3;
    out.extend_from_slice(&line);
    out.truncate(end);
}

fn write_long_line(out: &mut Vec<u8>, kind: u8, count: u64) {
    out.extend_from_slice(line(kind, count).as_bytes());
}

/// The line of `kind`, `count` and CR LF on its own.
pub(crate) fn line(kind: u8, count: u64) -> Tail {
    let mut line = Tail::new();
    line.push_crlf();
    line.push_unsigned(count);
    line.push(kind);
    line
}

/// Appends `*count`: so many values follow.
#[inline]
pub fn write_array_header(out: &mut Vec<u8>, count: usize) {
    write_line(out, b'*', count);
}

/// Appends `$len`: so many bytes and CR LF follow.
#[inline]
pub fn write_bulk_header(out: &mut Vec<u8>, len: usize) {
    write_line(out, b'$', len);
}

/// Appends a bulk string.
#[inline]
pub fn write_bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(bytes.len() + 32);
    write_line(out, b'$', bytes.len());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// Appends `:value`.
#[inline]
pub fn write_integer(out: &mut Vec<u8>, value: i64) {
    match usize::try_from(value) {
        Ok(small) if small < READY => write_line(out, b':', small),
        _ => write_long_integer(out, value),
    }
}

fn write_long_integer(out: &mut Vec<u8>, value: i64) {
    let mut line = Tail::new();
    line.push_crlf();
    line.push_signed(value);
    line.push(b':');
    out.extend_from_slice(line.as_bytes());
}

/// Appends a number as a bulk string.
#[inline]
pub fn write_bulk_integer(out: &mut Vec<u8>, value: i64) {
    write_short_bulk(out, |text| text.push_signed(value));
}

/// Appends a number as a bulk string.
#[inline]
pub fn write_bulk_unsigned(out: &mut Vec<u8>, value: u64) {
    write_short_bulk(out, |text| text.push_unsigned(value));
}

/// Appends the id of a stream entry, `time_ms-sequence`, as a bulk string.
#[inline]
pub fn write_bulk_id(out: &mut Vec<u8>, time_ms: u64, sequence: u64) {
    write_short_bulk(out, |text| {
        text.push_unsigned(sequence);
        text.push(b'-');
        text.push_unsigned(time_ms);
    });
}

/// Appends the bulk string whose text `push` writes: header, text and end in one piece.
#[inline]
fn write_short_bulk(out: &mut Vec<u8>, push: impl FnOnce(&mut Tail)) {
    let mut bulk = Tail::new();
    bulk.push_crlf();
    push(&mut bulk);
    let len = bulk.len() - 2;
    bulk.push_crlf();
    bulk.push_unsigned(len as u64);
    bulk.push(b'$');
    out.extend_from_slice(bulk.as_bytes());
}

/// Appends a request: an array of bulk strings, the command's name first.
pub fn encode_request(out: &mut Vec<u8>, arguments: &[&[u8]]) {
    write_array_header(out, arguments.len());
    for argument in arguments {
        write_bulk(out, argument);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = b"before ".to_vec();
        write(&mut out);
        String::from_utf8(out).unwrap().strip_prefix("before ").unwrap().to_owned()
    }

    #[test]
    fn headers() {
        let counts = (0..2000).chain([9999, 10_000, 123_456_789, usize::MAX]);
        for count in counts {
            assert_eq!(written(|out| write_array_header(out, count)), format!("*{count}\r\n"));
            assert_eq!(written(|out| write_bulk_header(out, count)), format!("${count}\r\n"));
        }
    }

    #[test]
    fn numbers() {
        let powers = (0..63).map(|bits| 1i64 << bits);
        for near in powers.chain([0, i64::MAX]) {
            for value in [near, near - 1, -near, -near - 1] {
                assert_eq!(written(|out| write_integer(out, value)), format!(":{value}\r\n"));
                let text = value.to_string();
                let expect = format!("${}\r\n{text}\r\n", text.len());
                assert_eq!(written(|out| write_bulk_integer(out, value)), expect);
            }
        }
        let expect = format!("$20\r\n{}\r\n", u64::MAX);
        assert_eq!(written(|out| write_bulk_unsigned(out, u64::MAX)), expect);
    }

    #[test]
    fn ids() {
        let check = |time_ms, sequence, expect: &str| {
            assert_eq!(written(|out| write_bulk_id(out, time_ms, sequence)), expect);
        };
        check(0, 1, "$3\r\n0-1\r\n");
        check(1_526_919_030_474, 55, "$16\r\n1526919030474-55\r\n");
        let max = u64::MAX;
        check(max, max, &format!("$41\r\n{max}-{max}\r\n"));
    }

    #[test]
    fn requests() {
        let request = written(|out| encode_request(out, &[b"ECHO", b"", b"a\r\nb"]));
        assert_eq!(request, "*3\r\n$4\r\nECHO\r\n$0\r\n\r\n$4\r\na\r\nb\r\n");
    }
}

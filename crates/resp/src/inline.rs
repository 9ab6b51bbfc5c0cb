//! Inline requests: one line of words, for people with a terminal.
//!
//! Words are separated by white space. Inside double quotes `\n \r \t \b \a \xHH` stand for bytes
//! and a backslash before any other byte for that byte; inside single quotes only `\'` is special.
//! A quote may open in the middle of a word, and its closing quote ends the word.

use crate::error::ProtocolError;
use crate::request::Span;

/// Splits a line (without its line end) into words: their bytes go to `words`, their places there
/// to `spans`.
pub(crate) fn split(
    line: &[u8],
    words: &mut Vec<u8>,
    spans: &mut Vec<Span>,
) -> Result<(), ProtocolError> {
    let mut rest = skip_space(line);
    while !rest.is_empty() {
        let start = words.len();
        rest = skip_space(word(rest, words)?);
        spans.push(Span::new(start, words.len()));
    }
    Ok(())
}

/// Appends the first word of `rest` to `words` and returns what follows it.
fn word<'a>(mut rest: &'a [u8], words: &mut Vec<u8>) -> Result<&'a [u8], ProtocolError> {
    while let [byte, tail @ ..] = rest {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => return Ok(rest),
            b'"' => return closed(double_quoted(tail, words)),
            b'\'' => return closed(single_quoted(tail, words)),
            other => words.push(*other),
        }
        rest = tail;
    }
    Ok(rest)
}

/// Checks that the quote was closed, and closed at the end of a word.
fn closed(rest: Option<&[u8]>) -> Result<&[u8], ProtocolError> {
    match rest {
        Some(rest) if rest.first().is_none_or(|byte| is_space(*byte)) => Ok(rest),
        _ => Err(ProtocolError::UnbalancedQuotes),
    }
}

fn double_quoted<'a>(mut rest: &'a [u8], words: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (byte, tail) = match rest {
            [b'"', tail @ ..] => return Some(tail),
            [b'\\', b'x', high, low, tail @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                (hex_digit(*high) << 4 | hex_digit(*low), tail)
            }
            [b'\\', escaped, tail @ ..] => (unescape(*escaped), tail),
            [byte, tail @ ..] => (*byte, tail),
            [] => return None,
        };
        words.push(byte);
        rest = tail;
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], words: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (byte, tail) = match rest {
            [b'\'', tail @ ..] => return Some(tail),
            [b'\\', b'\'', tail @ ..] => (b'\'', tail),
            [byte, tail @ ..] => (*byte, tail),
            [] => return None,
        };
        words.push(byte);
        rest = tail;
    }
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

fn hex_digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        b'A'..=b'F' => byte - b'A' + 10,
        _ => 0,
    }
}

fn skip_space(line: &[u8]) -> &[u8] {
    let words = line.iter().position(|byte| !is_space(*byte)).unwrap_or(line.len());
    line.get(words..).unwrap_or_default()
}

/// C's `isspace`, which counts the vertical tab as well.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    fn check(line: &[u8], expect: Option<&[&[u8]]>) {
        let (mut words, mut spans) = (Vec::new(), Vec::new());
        let found = split(line, &mut words, &mut spans)
            .ok()
            .map(|()| spans.iter().map(|span| span.of(&words)).collect::<Vec<_>>());
        assert_eq!(found.as_deref(), expect, "{:?}", line.escape_ascii().to_string());
    }

    /// Every row was asked of Redis 7.0.15.
    #[test]
    fn words() {
        check(b"", Some(&[]));
        check(b" \t ", Some(&[]));
        check(b"ECHO a", Some(&[b"ECHO", b"a"]));
        check(b"  ECHO \t a  ", Some(&[b"ECHO", b"a"]));
        check(b"PING\r", Some(&[b"PING"]));
        check(b"ECHO a\rb", Some(&[b"ECHO", b"a", b"b"]));
        check(b"ECHO a\x0bb", Some(&[b"ECHO", b"a\x0bb"]));
        check(b"ECHO a\x0cb", Some(&[b"ECHO", b"a\x0cb"]));
        check(b"ECHO a\xa0b", Some(&[b"ECHO", b"a\xa0b"]));
    }

    #[test]
    fn quotes() {
        check(br#""ECHO" """#, Some(&[b"ECHO", b""]));
        check(br#"ECHO "a\x41\n\"b\q""#, Some(&[b"ECHO", b"aA\n\"bq"]));
        check(br#"ECHO "\r\t\b\a\\""#, Some(&[b"ECHO", b"\r\t\x08\x07\\"]));
        check(br#"ECHO "\xfF\x00""#, Some(&[b"ECHO", b"\xff\0"]));
        check(br#"ECHO "\x4g""#, Some(&[b"ECHO", b"x4g"]));
        check(br"ECHO 'a\'b\n'", Some(&[b"ECHO", br"a'b\n"]));
        check(br#"ECHO a"b c""#, Some(&[b"ECHO", b"ab c"]));
        check(br"ECHO a'b c'", Some(&[b"ECHO", b"ab c"]));
        check(b"ECHO \"a\"\x0b", Some(&[b"ECHO", b"a"]));
    }

    #[test]
    fn unbalanced_quotes() {
        for line in [
            r#"ECHO "a"b"#,
            r#"ECHO "abc"#,
            "ECHO 'abc",
            "ECHO 'a'b",
            r#"ECHO "\"#,
            r#"ECHO ""a"#,
            r#"ECHO "a\""#,
            r"ECHO 'a\'",
            r#"""""#,
            "'",
        ] {
            check(line.as_bytes(), None);
        }
    }
}

//! Lines that carry a number, the frame of all of RESP:
//!
//! ```text
//! kind  digits        CR LF
//! '*'   '1' '2' ...   0d 0a
//! ```

use memchr::memchr;

/// What stands at the start of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A whole line. `next` is the position after its line end.
    Number { value: i64, next: usize },
    /// A whole line that is not a number.
    Invalid,
    /// The line goes on behind the bytes that are here.
    Partial,
    /// No line end within the limit.
    TooLong,
}

/// Reads the line whose kind byte is at `at`.
///
/// As in Redis, the line ends at its CR, whichever byte follows it. `searched` remembers between
/// calls up to where no CR was found, so that a line arriving in drops is searched only once.
#[inline]
pub(crate) fn number_line(
    input: &[u8],
    at: usize,
    searched: &mut usize,
    line_len_max: usize,
) -> Line {
    match short_number(input, at + 1) {
        Some((value, next)) => Line::Number { value: i64::from(value), next },
        None => any_number_line(input, at, searched, line_len_max),
    }
}

/// Reads up to nine digits, CR and one more byte: the common case, without a search for the end.
#[inline]
pub(crate) fn short_number(input: &[u8], at: usize) -> Option<(u32, usize)> {
    let digits = input.get(at..)?;
    let mut value = 0u32;
    for (count, &byte) in digits.iter().take(10).enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            if count == 9 {
                return None;
            }
            value = value * 10 + u32::from(digit);
            continue;
        }
        let zero_led = count > 1 && digits.first() == Some(&b'0');
        let whole = byte == b'\r' && count > 0 && !zero_led && digits.len() > count + 1;
        return whole.then_some((value, at + count + 2));
    }
    None
}

#[cold]
fn any_number_line(input: &[u8], at: usize, searched: &mut usize, line_len_max: usize) -> Line {
    let start = at + 1;
    let from = start.max(*searched);
    let to = input.len().min(at.saturating_add(line_len_max).saturating_add(1));
    let Some(offset) = input.get(from..to).and_then(|rest| memchr(b'\r', rest)) else {
        *searched = to;
        let too_long = input.len() - at.min(input.len()) > line_len_max;
        return if too_long { Line::TooLong } else { Line::Partial };
    };
    let end = from + offset;
    if input.len() < end + 2 {
        *searched = end;
        return Line::Partial;
    }
    match input.get(start..end).and_then(parse_integer) {
        Some(value) => Line::Number { value, next: end + 2 },
        None => Line::Invalid,
    }
}

/// Parses a decimal number in its only canonical form: no `+`, no leading zeros, no `-0`.
pub(crate) fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    let mut value = 0i64;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Counting downwards reaches i64::MIN, whose opposite is no i64.
        value = value.checked_mul(10)?.checked_sub(i64::from(digit))?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    #[test]
    fn integers_are_canonical() {
        let check =
            |text: &str, expect| assert_eq!(parse_integer(text.as_bytes()), expect, "{text}");
        check("0", Some(0));
        check("7", Some(7));
        check("-1", Some(-1));
        check("9223372036854775807", Some(i64::MAX));
        check("-9223372036854775808", Some(i64::MIN));
        for bad in ["", "-", "+1", "-0", "00", "01", " 1", "1 ", "1x", "9223372036854775808"] {
            check(bad, None);
        }
        check("-9223372036854775809", None);
    }

    #[test]
    fn the_short_path_agrees_with_the_long_one() {
        for text in [
            "*0\r\n",
            "*1\r\n",
            "*01\r\n",
            "*00\r\n",
            "*\r\n",
            "*12x\r\n",
            "*123456789\r\n",
            "*1234567890\r\n",
            "*-1\r\n",
            "*1",
            "*1\r",
            "*1\n",
            "*",
            "*999999999\rx",
        ] {
            let long = any_number_line(text.as_bytes(), 0, &mut 0, 64);
            assert_eq!(number_line(text.as_bytes(), 0, &mut 0, 64), long, "{text:?}");
        }
    }

    #[test]
    fn the_limit_does_not_depend_on_how_the_bytes_arrive() {
        let line = |zeros: usize| [b"*".as_slice(), &vec![b'9'; zeros], b"\r\n"].concat();
        assert_eq!(
            number_line(&line(15), 0, &mut 0, 16).clone(),
            Line::Number { value: 999_999_999_999_999, next: 18 }
        );
        assert_eq!(number_line(&line(16), 0, &mut 0, 16), Line::TooLong);
        assert_eq!(number_line(&line(16)[..16], 0, &mut 0, 16), Line::Partial);
        assert_eq!(number_line(&line(16)[..17], 0, &mut 0, 16), Line::TooLong);
    }
}

//! A cursor over a command's arguments, with the exact errors that clients know.

use firth_resp::Request;

use crate::reply_error::{NOT_A_FLOAT, NOT_AN_INTEGER, ReplyError, SYNTAX};

/// The arguments of a request that have not been taken yet.
#[derive(Clone, Copy, Debug)]
pub struct Args<'a> {
    request: Request<'a>,
    next: usize,
}

impl<'a> Args<'a> {
    /// Returns a cursor that starts at an argument; the command's name is number 0.
    pub fn from(request: Request<'a>, first: usize) -> Self {
        Args { request, next: first }
    }

    /// Returns how many arguments are left.
    pub fn left(&self) -> usize {
        self.request.len().saturating_sub(self.next)
    }

    /// Returns the place of the next argument in the request.
    pub fn place(&self) -> usize {
        self.next
    }

    /// Returns the next argument without taking it.
    pub fn peek(&self) -> Option<&'a [u8]> {
        self.request.get(self.next)
    }

    /// Takes the next argument.
    ///
    /// # Errors
    /// A syntax error if there is none.
    pub fn take(&mut self) -> Result<&'a [u8], ReplyError> {
        let argument = self.request.get(self.next).ok_or(SYNTAX)?;
        self.next += 1;
        Ok(argument)
    }

    /// Takes the next argument if it is this word, in whatever case.
    pub fn take_word(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|arg| is_word(arg, word));
        self.next += usize::from(found);
        found
    }

    /// Takes an integer.
    ///
    /// # Errors
    /// A syntax error if there is no argument, `ERR value is not an integer` if it is none.
    pub fn take_integer(&mut self) -> Result<i64, ReplyError> {
        integer(self.take()?)
    }

    /// Takes all that is left.
    pub fn rest(self) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone {
        self.request.slice(self.next).iter()
    }

    /// Makes sure that nothing is left.
    ///
    /// # Errors
    /// A syntax error otherwise.
    pub fn finish(self) -> Result<(), ReplyError> {
        if self.left() == 0 { Ok(()) } else { Err(SYNTAX) }
    }
}

/// Says whether an argument is this word, in whatever case.
pub fn is_word(argument: &[u8], word: &str) -> bool {
    argument.eq_ignore_ascii_case(word.as_bytes())
}

/// Reads an integer, strictly: an optional minus, digits, no leading zeros, no plus, no space.
///
/// # Errors
/// `ERR value is not an integer or out of range`.
pub fn integer(argument: &[u8]) -> Result<i64, ReplyError> {
    parse_integer(argument).ok_or(NOT_AN_INTEGER)
}

/// Reads an integer as [`integer`] does.
pub fn parse_integer(argument: &[u8]) -> Option<i64> {
    let (negative, digits) = match argument.split_first()? {
        (b'-', digits) => (true, digits),
        _ => (false, argument),
    };
    match digits {
        [b'0'] => return (!negative).then_some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    let mut value: u64 = 0;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    if negative { 0i64.checked_sub_unsigned(value) } else { i64::try_from(value).ok() }
}

/// Reads a floating-point number: decimal, finite or `inf`, without spaces.
///
/// # Errors
/// `ERR value is not a valid float`.
pub fn float(argument: &[u8]) -> Result<f64, ReplyError> {
    let text = std::str::from_utf8(argument).map_err(|_| NOT_A_FLOAT)?;
    let value: f64 = text.parse().map_err(|_| NOT_A_FLOAT)?;
    if value.is_nan() { Err(NOT_A_FLOAT) } else { Ok(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_strictly() {
        let good = [
            ("0", 0),
            ("7", 7),
            ("-7", -7),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ];
        for (text, value) in good {
            assert_eq!(parse_integer(text.as_bytes()), Some(value), "{text}");
        }
        let bad = [
            "",
            "-",
            "-0",
            "00",
            "01",
            "+1",
            " 1",
            "1 ",
            "1a",
            "9223372036854775808",
            "1.0",
            "0x1",
        ];
        for text in bad {
            assert_eq!(parse_integer(text.as_bytes()), None, "{text}");
        }
    }
}

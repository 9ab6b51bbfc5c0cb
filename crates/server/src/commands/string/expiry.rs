//! How SET, GETEX and SETEX are told when a key expires.

use crate::args::{Args, integer, is_word};
use crate::reply_error::{ReplyError, SYNTAX};

/// What the number stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Seconds from now on (`EX`).
    Seconds,
    /// Milliseconds from now on (`PX`).
    Milliseconds,
    /// A time in Unix seconds (`EXAT`).
    UnixSeconds,
    /// A time in Unix milliseconds (`PXAT`).
    UnixMilliseconds,
}

/// A deadline as the client gave it; the number is looked at when the command runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expiry<'a> {
    pub(super) kind: Kind,
    pub(super) number: &'a [u8],
}

impl Kind {
    fn named(word: &[u8]) -> Option<Kind> {
        const WORDS: [(&str, Kind); 4] = [
            ("ex", Kind::Seconds),
            ("px", Kind::Milliseconds),
            ("exat", Kind::UnixSeconds),
            ("pxat", Kind::UnixMilliseconds),
        ];
        WORDS.iter().find(|(name, _)| is_word(word, name)).map(|(_, kind)| *kind)
    }

    fn is_in_seconds(self) -> bool {
        matches!(self, Kind::Seconds | Kind::UnixSeconds)
    }

    fn is_from_now_on(self) -> bool {
        matches!(self, Kind::Seconds | Kind::Milliseconds)
    }
}

impl<'a> Expiry<'a> {
    /// Takes the number that follows `word`, if that names a kind of deadline and goes together
    /// with what was given before: the same kind may come again, another one may not.
    ///
    /// # Errors
    /// A syntax error if the word is none of these, or the number is missing.
    pub(super) fn after(
        word: &[u8],
        args: &mut Args<'a>,
        before: Option<Expiry<'_>>,
    ) -> Result<Self, ReplyError> {
        let kind = Kind::named(word).ok_or(SYNTAX)?;
        if before.is_some_and(|before| before.kind != kind) {
            return Err(SYNTAX);
        }
        Ok(Expiry { kind, number: args.take()? })
    }

    /// Returns the deadline in Unix milliseconds.
    ///
    /// # Errors
    /// The number is none, is not positive, or is too large.
    pub(super) fn at_ms(self, now_ms: u64, command: &str) -> Result<u64, ReplyError> {
        let number = integer(self.number)?;
        let invalid = || invalid_expire_time(command);
        let scale = if self.kind.is_in_seconds() { 1000 } else { 1 };
        let start_ms = if self.kind.is_from_now_on() { now_ms.cast_signed() } else { 0 };
        let at_ms = number.checked_mul(scale).and_then(|ms| ms.checked_add(start_ms));
        match at_ms {
            Some(at_ms) if number > 0 => u64::try_from(at_ms).map_err(|_| invalid()),
            _ => Err(invalid()),
        }
    }
}

/// The deadline cannot be.
pub(in crate::commands) fn invalid_expire_time(command: &str) -> ReplyError {
    ReplyError::new(format!("ERR invalid expire time in '{command}' command"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    #[test]
    fn deadlines_are_positive_and_fit() {
        let check = |kind: Kind, number: &str, expect: Result<u64, &str>| {
            let at_ms = Expiry { kind, number: number.as_bytes() }.at_ms(1_000, "set");
            let text = |error: ReplyError| error.text().to_owned();
            assert_eq!(at_ms.map_err(text), expect.map_err(str::to_owned), "{kind:?} {number}");
        };
        let invalid = Err("ERR invalid expire time in 'set' command");
        check(Kind::Seconds, "5", Ok(6_000));
        check(Kind::Milliseconds, "5", Ok(1_005));
        check(Kind::UnixSeconds, "5", Ok(5_000));
        check(Kind::UnixMilliseconds, "5", Ok(5));
        check(Kind::Seconds, "0", invalid);
        check(Kind::UnixMilliseconds, "-1", invalid);
        check(Kind::Seconds, "9223372036854775", invalid);
        check(Kind::UnixSeconds, "9223372036854775", Ok(9_223_372_036_854_775_000));
        check(Kind::UnixSeconds, "9223372036854776", invalid);
        check(Kind::Milliseconds, "9223372036854775807", invalid);
        check(Kind::Seconds, "x", Err("ERR value is not an integer or out of range"));
    }
}

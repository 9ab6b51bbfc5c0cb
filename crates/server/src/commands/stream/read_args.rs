//! What XREAD and XREADGROUP have in common: how much they return, how long they wait, and the list
//! of streams at their end.

use crate::args::{Args, parse_integer};
use crate::reply_error::{ReplyError, TIMEOUT_NEGATIVE, TIMEOUT_NOT_INTEGER};

const MAXCOUNT_NOT_POSITIVE: ReplyError =
    ReplyError::fixed("ERR MAXCOUNT must be a positive integer");
const MAXSIZE_NOT_POSITIVE: ReplyError =
    ReplyError::fixed("ERR MAXSIZE must be a positive integer");
const MAXCOUNT_BELOW_COUNT: ReplyError =
    ReplyError::fixed("ERR MAXCOUNT must be greater than or equal to COUNT");

/// How much a read returns, and how long it waits for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ReadArgs {
    /// How many entries of each stream.
    pub(super) count: Option<usize>,
    /// How many entries of all streams together.
    pub(super) count_max: Option<usize>,
    /// How many bytes the reply may have, its first entry aside.
    pub(super) bytes_max: Option<usize>,
    /// For how many milliseconds to wait if there is nothing; 0 for ever.
    pub(super) block_ms: Option<u64>,
}

impl ReadArgs {
    /// Takes one option if one of these comes next; returns whether it did.
    ///
    /// # Errors
    /// The option's value is wrong.
    pub(super) fn take_option(&mut self, args: &mut Args<'_>) -> Result<bool, ReplyError> {
        if args.left() < 2 {
            return Ok(false);
        }
        if args.take_word("BLOCK") {
            self.block_ms = Some(timeout_ms(args.take()?)?);
        } else if args.take_word("COUNT") {
            self.count = usize::try_from(args.take_integer()?).ok().filter(|count| *count > 0);
        } else if args.take_word("MAXCOUNT") {
            self.count_max = Some(positive(args.take()?).ok_or(MAXCOUNT_NOT_POSITIVE)?);
        } else if args.take_word("MAXSIZE") {
            self.bytes_max = Some(positive(args.take()?).ok_or(MAXSIZE_NOT_POSITIVE)?);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Makes sure that the options go together.
    ///
    /// # Errors
    /// There are to be fewer entries in all than of one stream.
    pub(super) fn check(&self) -> Result<(), ReplyError> {
        match (self.count, self.count_max) {
            (Some(count), Some(count_max)) if count_max < count => Err(MAXCOUNT_BELOW_COUNT),
            _ => Ok(()),
        }
    }
}

/// Pairs the keys that follow the word STREAMS with the ids behind them; `None` if there are not as
/// many of these.
pub(super) fn keys_and_ids<'a>(
    args: Args<'a>,
) -> Option<impl Iterator<Item = (&'a [u8], &'a [u8])>> {
    let half = args.left() / 2;
    let is_even = half > 0 && args.left() == 2 * half;
    is_even.then(|| args.rest().take(half).zip(args.rest().skip(half)))
}

fn positive(argument: &[u8]) -> Option<usize> {
    let value = usize::try_from(parse_integer(argument)?).ok()?;
    (value > 0).then_some(value)
}

fn timeout_ms(argument: &[u8]) -> Result<u64, ReplyError> {
    let timeout_ms = parse_integer(argument).ok_or(TIMEOUT_NOT_INTEGER)?;
    u64::try_from(timeout_ms).map_err(|_| TIMEOUT_NEGATIVE)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use firth_resp::OwnedRequest;

    use super::*;
    use crate::reply_error::NOT_AN_INTEGER;

    fn parse(text: &str) -> Result<(ReadArgs, usize), ReplyError> {
        let arguments: Vec<_> = text.split_ascii_whitespace().map(str::as_bytes).collect();
        let request = OwnedRequest::from_slices(&arguments);
        let mut args = Args::from(request.as_request(), 0);
        let mut read = ReadArgs::default();
        while read.take_option(&mut args)? {}
        read.check()?;
        Ok((read, args.left()))
    }

    #[test]
    fn options_are_read_up_to_the_streams() {
        let none = ReadArgs::default();
        for (text, expect, left) in [
            ("STREAMS a 0", none, 3),
            ("COUNT 5 STREAMS a 0", ReadArgs { count: Some(5), ..none }, 3),
            ("count 0 block 0", ReadArgs { block_ms: Some(0), ..none }, 0),
            ("COUNT -1", none, 0),
            ("COUNT", none, 1),
            (
                "MAXCOUNT 7 MAXSIZE 9",
                ReadArgs { count_max: Some(7), bytes_max: Some(9), ..none },
                0,
            ),
        ] {
            assert_eq!(parse(text), Ok((expect, left)), "{text}");
        }
        for (text, error) in [
            ("COUNT x", NOT_AN_INTEGER),
            ("BLOCK x", TIMEOUT_NOT_INTEGER),
            ("BLOCK -1", TIMEOUT_NEGATIVE),
            ("MAXCOUNT 0", MAXCOUNT_NOT_POSITIVE),
            ("MAXSIZE -1", MAXSIZE_NOT_POSITIVE),
            ("MAXCOUNT 4 COUNT 5", MAXCOUNT_BELOW_COUNT),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }
}

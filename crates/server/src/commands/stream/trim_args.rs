//! How a stream is trimmed, as arguments of XADD and XTRIM.

use firth_engine::stream::{Exactness, References, Trim, TrimLimit, TrimTo};

use super::id_arg;
use super::references_arg::take_references;
use crate::args::Args;
use crate::reply_error::{ReplyError, SYNTAX};

const TWO_STRATEGIES: ReplyError = ReplyError::fixed(
    "ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
);
const MAXLEN_NEGATIVE: ReplyError = ReplyError::fixed("ERR The MAXLEN argument must be >= 0.");
const LIMIT_NEGATIVE: ReplyError = ReplyError::fixed("ERR The LIMIT argument must be >= 0.");
const LIMIT_WITHOUT_STRATEGY: ReplyError = ReplyError::fixed(
    "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
);
const LIMIT_WITHOUT_TILDE: ReplyError =
    ReplyError::fixed("ERR syntax error, LIMIT cannot be used without the special ~ option");

/// The options that say how to trim, as far as they have been read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TrimArgs {
    to: Option<(TrimTo, Exactness)>,
    limit: Option<u64>,
    references: Option<References>,
}

impl TrimArgs {
    /// Takes one option if one comes next; returns whether it did.
    ///
    /// # Errors
    /// The option is wrong in itself, or contradicts an earlier one.
    pub(super) fn take_option(&mut self, args: &mut Args<'_>) -> Result<bool, ReplyError> {
        if args.left() >= 2 && args.take_word("MAXLEN") {
            self.take_strategy(args, |threshold| {
                let len = crate::args::integer(threshold)?;
                u64::try_from(len).map(TrimTo::MaxLen).map_err(|_| MAXLEN_NEGATIVE)
            })?;
        } else if args.left() >= 2 && args.take_word("MINID") {
            self.take_strategy(args, |threshold| id_arg::id(threshold).map(TrimTo::MinId))?;
        } else if args.left() >= 2 && args.take_word("LIMIT") {
            let limit = u64::try_from(args.take_integer()?).map_err(|_| LIMIT_NEGATIVE)?;
            self.limit = Some(limit);
        } else if let Some(references) = take_references(args) {
            if self.references.replace(references).is_some() {
                return Err(SYNTAX);
            }
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn take_strategy(
        &mut self,
        args: &mut Args<'_>,
        threshold: impl FnOnce(&[u8]) -> Result<TrimTo, ReplyError>,
    ) -> Result<(), ReplyError> {
        if self.to.is_some() {
            return Err(TWO_STRATEGIES);
        }
        let mut exactness = Exactness::Exact;
        if args.left() >= 2 && args.take_word("~") {
            exactness = Exactness::WholeNodes;
        } else if args.left() >= 2 {
            args.take_word("=");
        }
        self.to = Some((threshold(args.take()?)?, exactness));
        Ok(())
    }

    /// Returns what the options come to; `None` if there is nothing to be trimmed.
    ///
    /// # Errors
    /// There is a limit where there can be none.
    pub(super) fn finish(self) -> Result<Option<Trim>, ReplyError> {
        let Some((to, exactness)) = self.to else {
            return if self.limit.is_some_and(|limit| limit > 0) {
                Err(LIMIT_WITHOUT_STRATEGY)
            } else {
                Ok(None)
            };
        };
        if self.limit.is_some() && exactness == Exactness::Exact {
            return Err(LIMIT_WITHOUT_TILDE);
        }
        let limit = match self.limit {
            None => TrimLimit::Default,
            Some(0) => TrimLimit::None,
            Some(limit) => TrimLimit::Entries(limit),
        };
        Ok(Some(Trim { to, exactness, limit, references: self.references.unwrap_or_default() }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use firth_engine::stream::EntryId;
    use firth_resp::OwnedRequest;

    use super::*;
    use crate::reply_error::{INVALID_STREAM_ID, NOT_AN_INTEGER};

    fn parse(text: &str) -> Result<(Option<Trim>, usize), ReplyError> {
        let arguments: Vec<_> = text.split_ascii_whitespace().map(str::as_bytes).collect();
        let request = OwnedRequest::from_slices(&arguments);
        let mut args = Args::from(request.as_request(), 0);
        let mut trim = TrimArgs::default();
        while trim.take_option(&mut args)? {}
        Ok((trim.finish()?, args.left()))
    }

    #[track_caller]
    fn check(text: &str, to: TrimTo, exactness: Exactness, limit: TrimLimit, left: usize) {
        let references = References::Keep;
        let trim = Trim { to, exactness, limit, references };
        assert_eq!(parse(text), Ok((Some(trim), left)), "{text}");
    }

    #[test]
    fn options_are_read_up_to_the_first_other_argument() {
        use Exactness::{Exact, WholeNodes};
        let (max_len, min_id) = (TrimTo::MaxLen, |ms| TrimTo::MinId(EntryId::new(ms, 0)));
        check("MAXLEN 5", max_len(5), Exact, TrimLimit::Default, 0);
        check("maxlen = 5 * a b", max_len(5), Exact, TrimLimit::Default, 3);
        check("minid ~ 5 LIMIT 7 5-1", min_id(5), WholeNodes, TrimLimit::Entries(7), 1);
        check("LIMIT 0 MAXLEN ~ 0", max_len(0), WholeNodes, TrimLimit::None, 0);
        assert_eq!(parse("* maxlen 5"), Ok((None, 3)));
        assert_eq!(parse("maxlen"), Ok((None, 1)), "an id then, and a bad one");
        let acked = parse("acked maxlen 5").unwrap().0.unwrap();
        assert_eq!(acked.references, References::Acked);
    }

    #[test]
    fn bad_options_are_refused() {
        for (text, error) in [
            ("MAXLEN x", NOT_AN_INTEGER),
            ("MAXLEN ~", NOT_AN_INTEGER),
            ("MAXLEN -1", MAXLEN_NEGATIVE),
            ("MAXLEN 5 MINID 5", TWO_STRATEGIES),
            ("MAXLEN 5 MAXLEN 5", TWO_STRATEGIES),
            ("MINID x", INVALID_STREAM_ID),
            ("MAXLEN ~ 5 LIMIT -1", LIMIT_NEGATIVE),
            ("MAXLEN ~ 5 LIMIT x", NOT_AN_INTEGER),
            ("MAXLEN 5 LIMIT 1", LIMIT_WITHOUT_TILDE),
            ("MAXLEN = 5 LIMIT 1", LIMIT_WITHOUT_TILDE),
            ("LIMIT 1", LIMIT_WITHOUT_STRATEGY),
            ("KEEPREF DELREF", SYNTAX),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }
}

//! GETRANGE, and SUBSTR as it was called once: a part of a string.

use std::ops::Range;

use firth_resp::Request;

use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const GETRANGE: Spec = Spec {
    name: "getrange",
    syntax: "key start end",
    summary: "Returns a part of the string that a key holds; places count from 0, or from -1 back \
              from the end.",
    since: "2.4.0",
    complexity: "O(N) where N is the length of the part",
    group: Group::String,
    arity: 4,
    flags: Flags::READONLY,
    keys: Keys::FIRST,
    run,
    ..Spec::BASE
};

pub(super) const SUBSTR: Spec = Spec { name: "substr", since: "1.0.0", ..GETRANGE };

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let (key, start, end) = (args.take()?, args.take_integer()?, args.take_integer()?);
    let db = cx.db();
    let (keys, mut reply) = cx.keys_and_reply();
    let text = keys.string(db, key)?.unwrap_or_default();
    reply.bulk(text.get(range(start, end, text.len())).unwrap_or_default());
    Ok(())
}

/// Returns the places from `start` to `end`, both included, in a text of this length.
///
/// An end that lies before the text stands for its first place, as in Redis, unless the start lies
/// behind it.
fn range(start: i64, end: i64, len: usize) -> Range<usize> {
    if start < 0 && end < 0 && start > end {
        return 0..0;
    }
    let place = |index: i64| match usize::try_from(index) {
        Ok(index) => index,
        Err(_) => len.saturating_sub(usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX)),
    };
    place(start)..place(end).saturating_add(1).min(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_the_text() {
        let check = |start: i64, end: i64, expect: &str| {
            let text = "hello";
            let part = text.get(range(start, end, text.len())).unwrap_or_default();
            assert_eq!(part, expect, "{start} {end}");
        };
        check(0, -1, "hello");
        check(1, 3, "ell");
        check(-3, -1, "llo");
        check(-3, 2, "l");
        check(3, 2, "");
        check(-1, -3, "");
        check(0, -100, "h");
        check(1, -100, "");
        check(-100, 0, "h");
        check(4, i64::MAX, "o");
        check(5, 9, "");
        check(i64::MIN, i64::MAX, "hello");
        check(i64::MAX, i64::MIN, "");
        assert_eq!("".get(range(0, -1, 0)), Some(""));
    }
}

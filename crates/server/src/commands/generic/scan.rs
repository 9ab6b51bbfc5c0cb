//! SCAN: lists keys in steps.

use firth_engine::{ScanCursor, Type};
use firth_resp::Request;

use super::pattern;
use crate::args::{Args, is_word};
use crate::context::Context;
use crate::reply_error::{ReplyError, SYNTAX};
use crate::spec::{Flags, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "scan",
    syntax: "cursor [MATCH pattern] [COUNT count] [TYPE type]",
    summary: "Returns some keys and the cursor to go on from; 0 starts and ends.",
    since: "2.8.0",
    complexity: "O(1) for each call, O(N) for a whole scan where N is the number of keys",
    flags: Flags::READONLY.union(Flags::KEYSPACE),
    keys: Keys::All,
    run,
    ..Spec::BASE
};

const INVALID_CURSOR: ReplyError = ReplyError::fixed("ERR invalid cursor");

/// How many keys are looked at if the client does not say.
const COUNT: usize = 10;

#[derive(Debug)]
struct Options<'a> {
    count: usize,
    pattern: Option<&'a [u8]>,
    type_name: Option<&'a [u8]>,
}

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let cursor = cursor(args.take()?)?;
    let options = Options::take(args)?;
    let db = cx.db();
    let (keys, mut reply) = cx.keys_and_reply();
    let mut found = Vec::new();
    let next = keys.scan(db, cursor, options.count, |key, kind| {
        if options.wants(key, kind) {
            found.push(Box::<[u8]>::from(key));
        }
    });
    reply.array(2);
    reply.bulk_unsigned(next);
    reply.array(found.len());
    found.iter().for_each(|key| reply.bulk(key));
    Ok(())
}

/// Reads a cursor as leniently as Redis does: a leading `+` is allowed.
fn cursor(text: &[u8]) -> Result<ScanCursor, ReplyError> {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<u64>().ok());
    number.ok_or(INVALID_CURSOR)
}

impl<'a> Options<'a> {
    fn take(mut args: Args<'a>) -> Result<Self, ReplyError> {
        let mut options = Options { count: COUNT, pattern: None, type_name: None };
        while args.left() > 0 {
            if args.take_word("count") {
                let count = usize::try_from(args.take_integer()?).ok();
                options.count = count.filter(|count| *count > 0).ok_or(SYNTAX)?;
            } else if args.take_word("match") {
                options.pattern = Some(args.take()?);
            } else if args.take_word("type") {
                options.type_name = Some(args.take()?);
            } else {
                return Err(SYNTAX);
            }
        }
        Ok(options)
    }

    fn wants(&self, key: &[u8], kind: Type) -> bool {
        self.type_name.is_none_or(|name| is_word(name, kind.name()))
            && self.pattern.is_none_or(|wanted| pattern::matches(wanted, key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_leniently() {
        let check = |text: &str, expect: Option<u64>| {
            assert_eq!(cursor(text.as_bytes()).ok(), expect, "{text}");
        };
        check("0", Some(0));
        check("007", Some(7));
        check("+7", Some(7));
        check("18446744073709551615", Some(u64::MAX));
        for bad in ["", "18446744073709551616", "+", "-", "-1", "--1", "+-1", " 1", "1 ", "x", "1x"]
        {
            check(bad, None);
        }
    }
}

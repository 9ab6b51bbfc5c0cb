//! XCFGSET: sets how long a stream remembers idempotent ids.

use std::ops::RangeInclusive;

use firth_resp::Request;

use crate::args::Args;
use crate::context::Context;
use crate::reply_error::{NO_SUCH_KEY, ReplyError, SYNTAX};
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "xcfgset",
    syntax: "key [IDMP-DURATION seconds] [IDMP-MAXSIZE count]",
    summary: "Sets for how long, and how many of each producer, a stream remembers idempotent ids.",
    complexity: "O(N) for N remembered ids",
    since: "8.6.0",
    group: Group::Stream,
    arity: -2,
    flags: Flags::WRITE.union(Flags::FAST),
    keys: Keys::FIRST,
    run,
    ..Spec::BASE
};

const NOTHING: ReplyError = ReplyError::fixed("ERR At least one parameter must be specified");
const DURATION_TWICE: ReplyError = ReplyError::fixed("ERR IDMP-DURATION specified multiple times");
const DURATION_OUT_OF_RANGE: ReplyError =
    ReplyError::fixed("ERR IDMP-DURATION must be between 1 and 86400 seconds");
const MAXSIZE_TWICE: ReplyError = ReplyError::fixed("ERR IDMP-MAXSIZE specified multiple times");
const MAXSIZE_OUT_OF_RANGE: ReplyError =
    ReplyError::fixed("ERR IDMP-MAXSIZE must be between 1 and 10000 entries");

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let key = args.take()?;
    let (mut duration_s, mut entries_max) = (None, None);
    while args.left() > 0 {
        if args.take_word("IDMP-DURATION") {
            set_once(
                &mut duration_s,
                &mut args,
                1..=86_400,
                DURATION_TWICE,
                DURATION_OUT_OF_RANGE,
            )?;
        } else if args.take_word("IDMP-MAXSIZE") {
            set_once(&mut entries_max, &mut args, 1..=10_000, MAXSIZE_TWICE, MAXSIZE_OUT_OF_RANGE)?;
        } else {
            return Err(SYNTAX);
        }
    }
    if duration_s.is_none() && entries_max.is_none() {
        return Err(NOTHING);
    }
    let db = cx.db();
    let mut stream = cx.keys.stream_mut(db, key)?.ok_or(NO_SUCH_KEY)?;
    stream.configure_idempotence(duration_s, entries_max);
    cx.reply().ok();
    Ok(())
}

fn set_once(
    setting: &mut Option<u32>,
    args: &mut Args<'_>,
    range: RangeInclusive<u32>,
    twice: ReplyError,
    out_of_range: ReplyError,
) -> Result<(), ReplyError> {
    let value = u32::try_from(args.take_integer()?).ok().filter(|value| range.contains(value));
    match setting.replace(value.ok_or(out_of_range)?) {
        Some(_) => Err(twice),
        None => Ok(()),
    }
}

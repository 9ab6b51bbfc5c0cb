//! XAUTOCLAIM: takes over what has been pending for too long, in portions.

use firth_engine::stream::{AutoClaim, EntryId, Recount};
use firth_resp::Request;

use super::entries_reply::{write_entries, write_ids};
use super::entry_reply::write_id;
use super::group_error::no_key_or_group;
use super::id_arg::range_start;
use crate::args::{Args, parse_integer};
use crate::context::Context;
use crate::reply_error::{ReplyError, SYNTAX};
use crate::spec::{Flags, Group, Keys, Spec};

/// How many entries a portion has unless COUNT says so.
const COUNT_DEFAULT: usize = 100;
/// The greatest COUNT.
const COUNT_MAX: i64 = i64::MAX / 16;

const BAD_MIN_IDLE: ReplyError =
    ReplyError::fixed("ERR Invalid min-idle-time argument for XAUTOCLAIM");
const BAD_COUNT: ReplyError = ReplyError::fixed("ERR COUNT must be > 0");

pub(super) const SPEC: Spec = Spec {
    name: "xautoclaim",
    syntax: "key group consumer min-idle-time start [COUNT count] [JUSTID]",
    summary: "Makes a consumer the owner of entries that have been pending for too long.",
    since: "6.2.0",
    complexity: "O(1) if COUNT is small",
    group: Group::Stream,
    arity: -6,
    flags: Flags::WRITE.union(Flags::FAST),
    keys: Keys::FIRST,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let key = args.take()?;
    let db = cx.db();
    let (keys, mut reply) = cx.keys_and_reply();
    // A bad option is told of before a key of another type, but the key counts as looked at.
    let found = keys.stream_for_groups(db, key);
    let claim = parse(args)?;
    let missing = || no_key_or_group(key, claim.group);
    let mut stream = found?.ok_or_else(missing)?;
    let portion = stream.auto_claim(&claim).map_err(|_| missing())?;
    reply.array(3);
    write_id(reply.out(), portion.next.unwrap_or(EntryId::MIN));
    match claim.recount {
        Recount::Keep => write_ids(&mut reply, &portion.claimed),
        _ => write_entries(&mut reply, stream.stream(), &portion.claimed),
    }
    write_ids(&mut reply, &portion.gone);
    Ok(())
}

fn parse(mut args: Args<'_>) -> Result<AutoClaim<'_>, ReplyError> {
    let (group, consumer) = (args.take()?, args.take()?);
    let min_idle_ms = parse_integer(args.take()?).ok_or(BAD_MIN_IDLE)?;
    let start = range_start(args.take()?)?;
    let mut claim = AutoClaim {
        group,
        consumer,
        min_idle_ms: u64::try_from(min_idle_ms).unwrap_or(0),
        start,
        count_max: COUNT_DEFAULT,
        recount: Recount::Add,
    };
    while args.left() > 0 {
        if args.left() > 1 && args.take_word("COUNT") {
            let count = parse_integer(args.take()?).filter(|count| (1..=COUNT_MAX).contains(count));
            let count = count.and_then(|count| usize::try_from(count).ok());
            claim.count_max = count.ok_or(BAD_COUNT)?;
        } else if args.take_word("JUSTID") {
            claim.recount = Recount::Keep;
        } else {
            return Err(SYNTAX);
        }
    }
    Ok(claim)
}

//! EXPIRE, PEXPIRE, EXPIREAT and PEXPIREAT: set when a key expires.

use firth_engine::{DeadlineOrder, DeadlineRule, Presence};
use firth_resp::Request;

use crate::args::{Args, is_word};
use crate::commands::string::expiry::invalid_expire_time;
use crate::context::Context;
use crate::reply_error::{ReplyError, printable};
use crate::spec::{Flags, Keys, Spec};

pub(super) const EXPIRE: Spec = Spec {
    name: "expire",
    syntax: "key seconds [NX | XX | GT | LT]",
    summary: "Lets a key expire after some seconds.",
    arity: -3,
    flags: Flags::WRITE.union(Flags::FAST).union(Flags::KEYSPACE),
    keys: Keys::FIRST,
    run: |cx, request| run(cx, request, SECOND_MS, cx.now_ms()),
    ..Spec::BASE
};

pub(super) const PEXPIRE: Spec = Spec {
    name: "pexpire",
    syntax: "key milliseconds [NX | XX | GT | LT]",
    summary: "Lets a key expire after some milliseconds.",
    since: "2.6.0",
    run: |cx, request| run(cx, request, 1, cx.now_ms()),
    ..EXPIRE
};

pub(super) const EXPIREAT: Spec = Spec {
    name: "expireat",
    syntax: "key unix-time-seconds [NX | XX | GT | LT]",
    summary: "Lets a key expire at a time given in Unix seconds.",
    since: "1.2.0",
    run: |cx, request| run(cx, request, SECOND_MS, 0),
    ..EXPIRE
};

pub(super) const PEXPIREAT: Spec = Spec {
    name: "pexpireat",
    syntax: "key unix-time-milliseconds [NX | XX | GT | LT]",
    summary: "Lets a key expire at a time given in Unix milliseconds.",
    since: "2.6.0",
    run: |cx, request| run(cx, request, 1, 0),
    ..EXPIRE
};

const SECOND_MS: i64 = 1000;

const NX_AND_OTHERS: ReplyError =
    ReplyError::fixed("ERR NX and XX, GT or LT options at the same time are not compatible");
const GT_AND_LT: ReplyError =
    ReplyError::fixed("ERR GT and LT options at the same time are not compatible");

/// Sets a deadline, which is counted in `unit_ms` from `start_ms` on.
fn run(
    cx: &mut Context<'_, '_>,
    request: Request<'_>,
    unit_ms: i64,
    start_ms: u64,
) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let (key, number) = (args.take()?, args.take()?);
    let rule = rule(args)?;
    let number = crate::args::integer(number)?;
    let at_ms = number
        .checked_mul(unit_ms)
        .and_then(|ms| ms.checked_add_unsigned(start_ms))
        .ok_or_else(|| invalid_expire_time(cx.spec.name))?;
    // A time before 1970 has passed as surely as 1970 has.
    let at_ms = u64::try_from(at_ms).unwrap_or(0);
    let db = cx.db();
    let is_done = cx.keys.set_deadline(db, key, at_ms, rule);
    cx.reply().integer(is_done.into());
    Ok(())
}

fn rule(args: Args<'_>) -> Result<DeadlineRule, ReplyError> {
    let (mut absent, mut present, mut later, mut earlier) = (false, false, false, false);
    for word in args.rest() {
        let options =
            [("nx", &mut absent), ("xx", &mut present), ("gt", &mut later), ("lt", &mut earlier)];
        let Some((_, option)) = options.into_iter().find(|(name, _)| is_word(word, name)) else {
            let word = printable(word, 128);
            return Err(ReplyError::new(format!("ERR Unsupported option {word}")));
        };
        *option = true;
    }
    if absent && (present || later || earlier) {
        return Err(NX_AND_OTHERS);
    }
    let order = match (later, earlier) {
        (true, true) => return Err(GT_AND_LT),
        (true, false) => Some(DeadlineOrder::Later),
        (false, true) => Some(DeadlineOrder::Earlier),
        (false, false) => None,
    };
    let presence = match (absent, present) {
        (true, _) => Some(Presence::Absent),
        (false, true) => Some(Presence::Present),
        (false, false) => None,
    };
    Ok(DeadlineRule { presence, order })
}

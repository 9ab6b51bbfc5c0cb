//! OBJECT: tells how a value is kept.

use firth_engine::{Encoding, Entry, Value};
use firth_resp::Request;

use crate::args::{Args, parse_integer};
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "object",
    summary: "A container for commands on how values are kept.",
    since: "2.2.3",
    complexity: "Depends on the subcommand",
    subcommands: &[ENCODING, FREQ, HELP, IDLETIME, REFCOUNT],
    ..Spec::BASE
};

const ENCODING: Spec = Spec {
    name: "object|encoding",
    syntax: "key",
    summary: "Returns the encoding that Redis would keep the value in.",
    since: "2.2.3",
    arity: 3,
    flags: Flags::READONLY.union(Flags::KEYSPACE),
    keys: Keys::SECOND,
    run: encoding,
    ..Spec::BASE
};

const FREQ: Spec = Spec {
    name: "object|freq",
    summary: "Refuses to tell how often a key is used, as nobody counts.",
    since: "4.0.0",
    run: frequency,
    ..ENCODING
};

const IDLETIME: Spec = Spec {
    name: "object|idletime",
    summary: "Returns for how many seconds a key has not been used.",
    run: idle_time,
    ..ENCODING
};

const REFCOUNT: Spec = Spec {
    name: "object|refcount",
    summary: "Returns how many references to the value Redis would hold.",
    run: references,
    ..ENCODING
};

const HELP: Spec = Spec {
    name: "object|help",
    summary: "Describes the subcommands.",
    since: "6.2.0",
    arity: 2,
    flags: Flags::LOADING.union(Flags::STALE).union(Flags::KEYSPACE),
    run: help,
    ..Spec::BASE
};

const NO_FREQUENCY: ReplyError = ReplyError::fixed(
    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that \
     when switching between policies at runtime LRU and LFU data will take some time to adjust.",
);

/// What Redis answers for the small integers, which it keeps once for all.
const SHARED_REFERENCES: i64 = i32::MAX as i64;
const SHARED_INTEGERS: std::ops::Range<i64> = 0..10_000;

fn encoding(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    match entry(cx, request)?.map(Entry::encoding) {
        Some(encoding) => cx.reply().bulk(encoding.name().as_bytes()),
        None => cx.reply().null(),
    }
    Ok(())
}

fn frequency(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    if entry(cx, request)?.is_some() {
        return Err(NO_FREQUENCY);
    }
    cx.reply().null();
    Ok(())
}

fn idle_time(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let now_s = cx.now_ms() / 1000;
    match entry(cx, request)?.map(Entry::used_at_s) {
        Some(used_at_s) => {
            let idle_s = now_s.saturating_sub(used_at_s);
            cx.reply().integer(i64::try_from(idle_s).unwrap_or(i64::MAX));
        }
        None => cx.reply().null(),
    }
    Ok(())
}

fn references(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    match entry(cx, request)?.map(is_shared) {
        Some(true) => cx.reply().integer(SHARED_REFERENCES),
        Some(false) => cx.reply().integer(1),
        None => cx.reply().null(),
    }
    Ok(())
}

fn is_shared(entry: &Entry) -> bool {
    let Value::String(text) = entry.value() else { return false };
    let number = parse_integer(text).filter(|_| entry.encoding() == Encoding::Integer);
    number.is_some_and(|number| SHARED_INTEGERS.contains(&number))
}

fn entry<'a>(
    cx: &'a mut Context<'_, '_>,
    request: Request<'_>,
) -> Result<Option<&'a Entry>, ReplyError> {
    let key = Args::from(request, 2).take()?;
    let db = cx.db();
    Ok(cx.keys.peek(db, key))
}

fn help(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    let lines = [
        "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "ENCODING <key>",
        "    Return the encoding that Redis would keep the value in.",
        "FREQ <key>",
        "    Return how often the <key> is used; refused, as nobody counts.",
        "IDLETIME <key>",
        "    Return for how many seconds the <key> has not been used.",
        "REFCOUNT <key>",
        "    Return how many references to the value Redis would hold.",
        "HELP",
        "    Print this help.",
    ];
    let mut reply = cx.reply();
    reply.array(lines.len());
    lines.iter().for_each(|line| reply.simple(line));
    Ok(())
}

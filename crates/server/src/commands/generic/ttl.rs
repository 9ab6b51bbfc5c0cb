//! TTL, PTTL, EXPIRETIME and PEXPIRETIME: tell when a key expires.

use firth_resp::Request;

use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Keys, Spec};

pub(super) const TTL: Spec = Spec {
    name: "ttl",
    syntax: "key",
    summary: "Returns after how many seconds a key expires: -1 for never, -2 for no such key.",
    arity: 2,
    flags: Flags::READONLY.union(Flags::FAST).union(Flags::KEYSPACE),
    keys: Keys::FIRST,
    run: |cx, request| run(cx, request, |at_ms, now_ms| in_seconds(at_ms.saturating_sub(now_ms))),
    ..Spec::BASE
};

pub(super) const PTTL: Spec = Spec {
    name: "pttl",
    summary: "Returns after how many milliseconds a key expires: -1 for never, -2 for no such key.",
    since: "2.6.0",
    run: |cx, request| run(cx, request, u64::saturating_sub),
    ..TTL
};

pub(super) const EXPIRETIME: Spec = Spec {
    name: "expiretime",
    summary: "Returns the Unix time in seconds at which a key expires: -1 for never, -2 for no \
              such key.",
    since: "7.0.0",
    run: |cx, request| run(cx, request, |at_ms, _| in_seconds(at_ms)),
    ..TTL
};

pub(super) const PEXPIRETIME: Spec = Spec {
    name: "pexpiretime",
    summary: "Returns the Unix time in milliseconds at which a key expires: -1 for never, -2 for \
              no such key.",
    since: "7.0.0",
    run: |cx, request| run(cx, request, |at_ms, _| at_ms),
    ..TTL
};

/// Answers with what `show` makes of the deadline and the current time.
fn run(
    cx: &mut Context<'_, '_>,
    request: Request<'_>,
    show: fn(u64, u64) -> u64,
) -> Result<(), ReplyError> {
    let key = Args::from(request, 1).take()?;
    let (db, now_ms) = (cx.db(), cx.now_ms());
    let answer = match cx.keys.glance(db, key).map(|entry| entry.expires_at_ms()) {
        None => -2,
        Some(None) => -1,
        Some(Some(at_ms)) => i64::try_from(show(at_ms, now_ms)).unwrap_or(i64::MAX),
    };
    cx.reply().integer(answer);
    Ok(())
}

fn in_seconds(ms: u64) -> u64 {
    ms.saturating_add(500) / 1000
}

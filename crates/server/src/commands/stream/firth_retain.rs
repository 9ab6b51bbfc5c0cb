//! FIRTH.RETAIN: sets how much of a stream is retained from now on, or tells how much is.

use firth_engine::stream::{Retention, Stream, Unacknowledged};
use firth_resp::{Reply, Request};

use super::entry_reply::write_id;
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::{ReplyError, SYNTAX};
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "firth.retain",
    syntax: "key [OFF | [AGE milliseconds] [BYTES bytes] [LEN entries] [ACKED|FORCE]]",
    summary: "Sets how much of a stream is retained, or returns what is set. What exceeds a limit goes by itself, the oldest entries first; a limit of 0 is none, OFF removes the whole policy. What some group has not been delivered or has not acknowledged stays (ACKED) unless told otherwise (FORCE). Whole blocks go, so that a stream exceeds a limit by one block at most, and one of up to two blocks by nothing but bytes. Bytes are those that stream-node-max-bytes counts.",
    complexity: "O(N) for N removed entries",
    since: "0.1.0",
    group: Group::Stream,
    arity: -2,
    flags: Flags::WRITE,
    keys: Keys::FIRST,
    run,
    ..Spec::BASE
};

const OUT_OF_RANGE: ReplyError = ReplyError::fixed("ERR a retention limit must be >= 0");
const NO_LIMIT: ReplyError =
    ReplyError::fixed("ERR ACKED and FORCE need a limit: give AGE, BYTES or LEN");

/// How many pairs [`write_policy`] writes.
pub(super) const POLICY_PAIRS: usize = 6;

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let key = args.take()?;
    let db = cx.db();
    if args.left() == 0 {
        return tell(cx, db, key);
    }
    let old = cx.keys.stream(db, key)?.and_then(Stream::retention);
    let policy = take_policy(&mut args, old.unwrap_or_default())?;
    if !policy.is_unlimited() {
        cx.keys.stream_or_create(db, key)?.set_retention(policy);
    } else if old.is_some()
        && let Some(mut stream) = cx.keys.stream_mut(db, key)?
    {
        stream.set_retention(policy);
    }
    cx.reply().ok();
    Ok(())
}

fn tell(cx: &mut Context<'_, '_>, db: u8, key: &[u8]) -> Result<(), ReplyError> {
    let now_ms = cx.now_ms();
    let (keys, mut reply) = cx.keys_and_reply();
    match keys.stream(db, key)?.and_then(|stream| Some((stream, stream.retention()?))) {
        None => reply.null(),
        Some((stream, policy)) => {
            reply.map(POLICY_PAIRS);
            write_policy(&mut reply, "", stream, &policy, now_ms);
        }
    }
    Ok(())
}

/// Appends a stream's policy and what holds it back, each name behind this prefix.
pub(super) fn write_policy(
    reply: &mut Reply<'_>,
    prefix: &str,
    stream: &Stream,
    policy: &Retention,
    now_ms: u64,
) {
    let name = |reply: &mut Reply<'_>, name: &str| {
        reply.bulk([prefix, name].concat().as_bytes());
    };
    let limits = [("age", policy.age_ms), ("bytes", policy.bytes_max), ("len", policy.len_max)];
    for (limit, value) in limits {
        name(reply, limit);
        reply.integer(i64::try_from(value.unwrap_or(0)).unwrap_or(i64::MAX));
    }
    name(reply, "unacknowledged");
    reply.bulk(match policy.unacknowledged {
        Unacknowledged::Kept => b"kept",
        Unacknowledged::Removed => b"removed",
    });
    let hold = stream.hold(now_ms);
    name(reply, "held-by");
    match hold {
        Some(hold) => reply.bulk(hold.group),
        None => reply.null(),
    }
    name(reply, "held-from");
    match hold {
        Some(hold) => write_id(reply.out(), hold.from),
        None => reply.null(),
    }
}

/// Takes options that change a policy.
fn take_policy(args: &mut Args<'_>, old: Retention) -> Result<Retention, ReplyError> {
    if args.left() == 1 && args.take_word("OFF") {
        return Ok(Retention::default());
    }
    let (mut age_ms, mut bytes_max, mut len_max, mut unacknowledged) = (None, None, None, None);
    while args.left() > 0 {
        if args.take_word("AGE") {
            set_once(&mut age_ms, take_limit(args)?)?;
        } else if args.take_word("BYTES") {
            set_once(&mut bytes_max, take_limit(args)?)?;
        } else if args.take_word("LEN") {
            set_once(&mut len_max, take_limit(args)?)?;
        } else if args.take_word("ACKED") {
            set_once(&mut unacknowledged, Unacknowledged::Kept)?;
        } else if args.take_word("FORCE") {
            set_once(&mut unacknowledged, Unacknowledged::Removed)?;
        } else {
            return Err(SYNTAX);
        }
    }
    let has_limit = age_ms.is_some() || bytes_max.is_some() || len_max.is_some();
    let policy = Retention {
        age_ms: age_ms.unwrap_or(old.age_ms),
        bytes_max: bytes_max.unwrap_or(old.bytes_max),
        len_max: len_max.unwrap_or(old.len_max),
        unacknowledged: unacknowledged.unwrap_or(old.unacknowledged),
    };
    if policy.is_unlimited() && !has_limit { Err(NO_LIMIT) } else { Ok(policy) }
}

fn take_limit(args: &mut Args<'_>) -> Result<Option<u64>, ReplyError> {
    let limit = u64::try_from(args.take_integer()?).map_err(|_| OUT_OF_RANGE)?;
    Ok(Some(limit).filter(|limit| *limit > 0))
}

fn set_once<T>(option: &mut Option<T>, value: T) -> Result<(), ReplyError> {
    match option.replace(value) {
        Some(_) => Err(SYNTAX),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use crate::testing::Conversation;

    #[test]
    fn a_policy_is_set_told_changed_and_removed() {
        Conversation::from_ms(1000).check(&[
            ("FIRTH.RETAIN s", "nil"),
            ("FIRTH.RETAIN s OFF", "OK"),
            ("FIRTH.RETAIN s LEN 0", "OK"),
            ("EXISTS s", "0"),
            ("FIRTH.RETAIN s LEN 3 age 60000", "OK"),
            ("XLEN s", "0"),
            (
                "FIRTH.RETAIN s",
                "[age 60000 bytes 0 len 3 unacknowledged kept held-by nil held-from nil]",
            ),
            ("FIRTH.RETAIN s FORCE AGE 0 BYTES 4096", "OK"),
            (
                "FIRTH.RETAIN s",
                "[age 0 bytes 4096 len 3 unacknowledged removed held-by nil held-from nil]",
            ),
            ("XADD s 1 f v ; XADD s 2 f v ; XADD s 3 f v ; XADD s 4 f v", ""),
            ("XLEN s", "3"),
            ("FIRTH.RETAIN s LEN 0 BYTES 0", "OK"),
            ("FIRTH.RETAIN s", "nil"),
            ("XADD s 5 f v", "5-0"),
            ("XLEN s", "4"),
            ("FIRTH.RETAIN s LEN 1", "OK"),
            ("XLEN s", "1"),
            ("FIRTH.RETAIN s OFF", "OK"),
            ("FIRTH.RETAIN s", "nil"),
        ]);
    }

    #[test]
    fn bad_options_are_refused_and_leave_no_trace() {
        Conversation::from_ms(1000).check(&[
            ("FIRTH.RETAIN s LEN", "!ERR syntax error"),
            ("FIRTH.RETAIN s LEN x", "!ERR value is not an integer or out of range"),
            ("FIRTH.RETAIN s LEN -1", "!ERR a retention limit must be >= 0"),
            ("FIRTH.RETAIN s LEN 1 LEN 2", "!ERR syntax error"),
            ("FIRTH.RETAIN s LEN 1 ACKED FORCE", "!ERR syntax error"),
            ("FIRTH.RETAIN s LEN 1 OFF", "!ERR syntax error"),
            ("FIRTH.RETAIN s OFF LEN 1", "!ERR syntax error"),
            ("FIRTH.RETAIN s FORCE", "!ERR ACKED and FORCE need a limit: give AGE, BYTES or LEN"),
            ("EXISTS s", "0"),
            ("SET text x", "OK"),
            (
                "FIRTH.RETAIN text LEN 1",
                "!WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
            (
                "FIRTH.RETAIN text",
                "!WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
        ]);
    }

    #[test]
    fn a_dead_group_is_named_wherever_one_looks() {
        let mut clients = Conversation::from_ms(1000);
        clients.check(&[
            ("XGROUP CREATE s dead 0 MKSTREAM", "OK"),
            ("FIRTH.RETAIN s LEN 2", "OK"),
            ("XADD s 1 f v ; XADD s 2 f v ; XADD s 3 f v", ""),
            ("XLEN s", "3"),
            (
                "FIRTH.RETAIN s",
                "[age 0 bytes 0 len 2 unacknowledged kept held-by dead held-from 1-0]",
            ),
        ]);
        let info = clients.ask(0, "INFO retention");
        let held = "held0:db=0,key=s,group=dead,from=1-0,len=3,seconds=0";
        assert!(info.contains("retained_streams:1"), "{info}");
        assert!(info.contains("held_streams:1"), "{info}");
        assert!(info.contains(held), "{info}");
        for form in ["XINFO STREAM s", "XINFO STREAM s FULL"] {
            let told = clients.ask(0, form);
            assert!(told.contains("retention-len 2"), "{told}");
            assert!(told.contains("retention-held-by dead"), "{told}");
        }
        clients.check(&[
            ("XREADGROUP GROUP dead c STREAMS s >", ""),
            ("XACK s dead 1", "1"),
            ("XLEN s", "3"),
        ]);
        clients.at_ms(2000);
        clients.check(&[("XLEN s", "2"), ("FIRTH.RETAIN s FORCE LEN 1", "OK"), ("XLEN s", "1")]);
        clients.check(&[("XPENDING s dead", "[2 2-0 3-0 [[c 2]]]")]);
        assert!(clients.ask(0, "INFO retention").contains("held_streams:0"));
    }

    #[test]
    fn who_has_set_no_policy_is_told_of_none() {
        let mut clients = Conversation::from_ms(1000);
        clients.check(&[("XADD s 1 f v", "1-0")]);
        let forms = ["XINFO STREAM s", "XINFO STREAM s FULL"];
        let check = |clients: &mut Conversation, expect| {
            for told in forms.map(|form| clients.ask(0, form)) {
                assert_eq!(told.contains("retention"), expect, "{told}");
            }
        };
        check(&mut clients, false);
        clients.check(&[("FIRTH.RETAIN s LEN 5", "OK")]);
        check(&mut clients, true);
        clients.check(&[("FIRTH.RETAIN s OFF", "OK")]);
        check(&mut clients, false);
    }

    #[test]
    fn age_is_observed_while_nobody_writes() {
        let mut clients = Conversation::from_ms(1000);
        clients.check(&[
            ("FIRTH.RETAIN s AGE 500", "OK"),
            ("XADD s * f v", "1000-0"),
            ("CONFIG SET notify-keyspace-events KEA", "OK"),
        ]);
        clients.at_ms(1400);
        clients.check(&[("XADD s * f v", "1400-0"), ("XLEN s", "2")]);
        clients.at_ms(1601);
        clients.check(&[("XRANGE s - +", "[[1400-0 [f v]]]")]);
        clients.at_ms(2001);
        clients.check(&[("XLEN s", "0"), ("EXISTS s", "1")]);
    }
}

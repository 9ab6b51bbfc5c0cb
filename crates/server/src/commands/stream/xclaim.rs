//! XCLAIM: takes over pending entries by name.

use firth_engine::stream::{Claim, ClaimScope, EntryId, Recount};
use firth_resp::Request;

use super::entries_reply::{write_entries, write_ids};
use super::group_error::no_key_or_group;
use super::id_arg::{self, Ids};
use crate::args::{Args, parse_integer};
use crate::context::Context;
use crate::reply_error::{ReplyError, printable};
use crate::spec::{Flags, Group, Keys, Spec};

const BAD_MIN_IDLE: ReplyError = ReplyError::fixed("ERR Invalid min-idle-time argument for XCLAIM");

pub(super) const SPEC: Spec = Spec {
    name: "xclaim",
    syntax: "key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-time-milliseconds] \
             [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID lastid]",
    summary: "Makes a consumer the owner of pending entries.",
    since: "5.0.0",
    complexity: "O(log(N)) for each id, N being the number of pending entries",
    group: Group::Stream,
    arity: -6,
    flags: Flags::WRITE.union(Flags::FAST),
    keys: Keys::FIRST,
    run,
    ..Spec::BASE
};

/// What the entries are handed out as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    Entries,
    Ids,
}

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let (key, group, consumer) = (args.take()?, args.take()?, args.take()?);
    let (db, now_ms) = (cx.db(), cx.now_ms());
    let (keys, mut reply) = cx.keys_and_reply();
    let missing = || no_key_or_group(key, group);
    let mut stream = keys.stream_for_groups(db, key)?.ok_or_else(missing)?;
    stream.stream().groups().get(group).ok_or_else(missing)?;
    let min_idle_ms = parse_integer(args.take()?).ok_or(BAD_MIN_IDLE)?;
    let mut claim = Claim {
        group,
        consumer,
        min_idle_ms: u64::try_from(min_idle_ms).unwrap_or(0),
        delivered_ms: now_ms,
        recount: Recount::Add,
        scope: ClaimScope::Pending,
        last_delivered: None,
    };
    let ids = leading_ids(&mut args)?;
    let form = options(args, &mut claim, now_ms)?;
    let claimed = stream.claim(&claim, &ids).map_err(|_| missing())?;
    match form {
        Form::Entries => write_entries(&mut reply, stream.stream(), &claimed),
        Form::Ids => write_ids(&mut reply, &claimed),
    }
    Ok(())
}

/// Takes ids up to the first argument that is none.
fn leading_ids(args: &mut Args<'_>) -> Result<Ids, ReplyError> {
    let mut ids = Ids::new();
    while let Some(id) = args.peek().and_then(|argument| EntryId::parse(argument, 0)) {
        ids.push(id);
        args.take()?;
    }
    Ok(ids)
}

fn options(mut args: Args<'_>, claim: &mut Claim<'_>, now_ms: u64) -> Result<Form, ReplyError> {
    let mut form = Form::Entries;
    let mut deliveries = None;
    while args.left() > 0 {
        let has_value = args.left() > 1;
        if args.take_word("FORCE") {
            claim.scope = ClaimScope::Existing;
        } else if args.take_word("JUSTID") {
            form = Form::Ids;
        } else if has_value && args.take_word("IDLE") {
            let idle_ms = value(&mut args, "IDLE")?;
            let delivered_ms = i64::try_from(now_ms).unwrap_or(i64::MAX).saturating_sub(idle_ms);
            claim.delivered_ms = sensible(delivered_ms, now_ms);
        } else if has_value && args.take_word("TIME") {
            claim.delivered_ms = sensible(value(&mut args, "TIME")?, now_ms);
        } else if has_value && args.take_word("RETRYCOUNT") {
            deliveries = u64::try_from(value(&mut args, "RETRYCOUNT")?).ok();
        } else if has_value && args.take_word("LASTID") {
            claim.last_delivered = Some(id_arg::id(args.take()?)?);
        } else {
            let option = printable(args.take()?, 128);
            return Err(ReplyError::new(format!("ERR Unrecognized XCLAIM option '{option}'")));
        }
    }
    claim.recount = match (deliveries, form) {
        (Some(deliveries), _) => Recount::Set(deliveries),
        (None, Form::Entries) => Recount::Add,
        (None, Form::Ids) => Recount::Keep,
    };
    Ok(form)
}

fn value(args: &mut Args<'_>, option: &str) -> Result<i64, ReplyError> {
    let invalid = || ReplyError::new(format!("ERR Invalid {option} option argument for XCLAIM"));
    parse_integer(args.take()?).ok_or_else(invalid)
}

/// Returns a time of delivery: now if it lies in the future or before all time.
fn sensible(delivered_ms: i64, now_ms: u64) -> u64 {
    u64::try_from(delivered_ms).ok().filter(|ms| *ms <= now_ms).unwrap_or(now_ms)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use firth_resp::OwnedRequest;

    use super::*;

    const NOW_MS: u64 = 1000;

    fn parse(text: &str) -> Result<(u64, Recount, ClaimScope, Form), String> {
        let arguments: Vec<_> = text.split_ascii_whitespace().map(str::as_bytes).collect();
        let request = OwnedRequest::from_slices(&arguments);
        let mut claim = Claim {
            group: b"g",
            consumer: b"c",
            min_idle_ms: 0,
            delivered_ms: NOW_MS,
            recount: Recount::Add,
            scope: ClaimScope::Pending,
            last_delivered: None,
        };
        let form = options(Args::from(request.as_request(), 0), &mut claim, NOW_MS);
        let form = form.map_err(|error| error.text().to_owned())?;
        Ok((claim.delivered_ms, claim.recount, claim.scope, form))
    }

    #[test]
    fn options_set_time_and_count() {
        use ClaimScope::{Existing, Pending};
        for (text, expect) in [
            ("", (NOW_MS, Recount::Add, Pending, Form::Entries)),
            ("JUSTID force", (NOW_MS, Recount::Keep, Existing, Form::Ids)),
            ("IDLE 300", (700, Recount::Add, Pending, Form::Entries)),
            ("IDLE -300", (NOW_MS, Recount::Add, Pending, Form::Entries)),
            ("IDLE 3000", (NOW_MS, Recount::Add, Pending, Form::Entries)),
            ("TIME 5 RETRYCOUNT 7", (5, Recount::Set(7), Pending, Form::Entries)),
            ("TIME 5000 RETRYCOUNT -7", (NOW_MS, Recount::Add, Pending, Form::Entries)),
            ("JUSTID RETRYCOUNT 0", (NOW_MS, Recount::Set(0), Pending, Form::Ids)),
        ] {
            assert_eq!(parse(text), Ok(expect), "{text}");
        }
        for (text, error) in [
            ("IDLE", "ERR Unrecognized XCLAIM option 'IDLE'"),
            ("1-x", "ERR Unrecognized XCLAIM option '1-x'"),
            ("TIME x", "ERR Invalid TIME option argument for XCLAIM"),
            ("LASTID x", "ERR Invalid stream ID specified as stream command argument"),
        ] {
            assert_eq!(parse(text), Err(error.to_owned()), "{text}");
        }
    }
}

//! XREADGROUP: reads for a consumer of a group, and waits for something to read.

use firth_engine::stream::{Acknowledgement, EntryId};
use firth_engine::{DbKey, Locked};
use firth_resp::{Reply, Request};
use smallvec::SmallVec;

use super::group_error::no_key_or_group_to_read;
use super::group_reading::{Attempt, Reading};
use super::id_arg;
use super::read_args::{ReadArgs, keys_and_ids};
use super::read_budget::ReadBudget;
use super::read_layout::Layout;
use crate::args::{Args, parse_integer};
use crate::blocked::Wait;
use crate::context::Context;
use crate::reply_error::{ReplyError, SYNTAX};
use crate::session::Set;
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "xreadgroup",
    syntax: "GROUP group consumer [COUNT count] [MAXCOUNT maxcount] [MAXSIZE maxsize] \
             [BLOCK milliseconds] [CLAIM min-idle-time] [NOACK] STREAMS key [key ...] id [id ...]",
    summary: "Reads new or pending entries for a consumer of a group, and can wait for some.",
    since: "5.0.0",
    complexity: "O(M) for each stream, M being the number of entries returned",
    group: Group::Stream,
    arity: -7,
    flags: Flags::WRITE.union(Flags::BLOCKING).union(Flags::MOVABLE_KEYS),
    keys: Keys::Streams { from: 1 },
    run,
    ..Spec::BASE
};

/// The least time between two attempts of a blocked client to claim something.
const RETRY_MS_MIN: u64 = 10;

const MISSING_GROUP: ReplyError = ReplyError::fixed("ERR Missing GROUP option for XREADGROUP");
const UNBALANCED: ReplyError = ReplyError::fixed(
    "ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be \
     specified.",
);
const BAD_MIN_IDLE: ReplyError =
    ReplyError::fixed("ERR min-idle-time is not an integer or out of range");
const NEGATIVE_MIN_IDLE: ReplyError =
    ReplyError::fixed("ERR min-idle-time must be a positive integer");

/// What is read from a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum From {
    /// What is new to the group.
    New,
    /// What is pending for the consumer above this id.
    Pending(EntryId),
}

/// The options of the command, before STREAMS.
#[derive(Clone, Copy, Debug)]
struct Options<'a> {
    group: Option<(&'a [u8], &'a [u8])>,
    limits: ReadArgs,
    claim_min_idle_ms: Option<u64>,
    acknowledgement: Acknowledgement,
}

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let layout = Layout::of(cx);
    let db = cx.db();
    let (options, streams) = parse(request)?;
    let (keys, mut reply) = cx.keys_and_reply();
    let mut reading = reading(&options, keys, db, streams, Attempt::First)?;
    if reading.serve(keys, db, &mut reply, layout)? {
        return Ok(());
    }
    let Some(block_ms) = options.limits.block_ms.filter(|_| cx.may_block()) else {
        cx.reply().null_array();
        return Ok(());
    };
    let retry_after_ms = reading.overdue_in_ms(cx.keys, db).map(|ms| ms.max(RETRY_MS_MIN));
    let waited: Set<DbKey> = reading.streams.iter().map(|(key, _)| DbKey::new(db, key)).collect();
    let owned = request.to_owned_request();
    cx.block(Wait {
        keys: waited.into_iter().collect(),
        retry: Box::new(move |keys| retry(keys, db, owned.as_request(), layout)),
        watches_absence: true,
        timeout_ms: Some(block_ms).filter(|ms| *ms > 0),
        retry_after_ms,
        late_reply: None,
    });
    Ok(())
}

/// Runs the command once more for a blocked client.
fn retry(keys: &mut Locked<'_>, db: u8, request: Request<'_>, layout: Layout) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut serve = |out: &mut Vec<u8>| {
        let (options, streams) = parse(request)?;
        let mut reading = reading(&options, keys, db, streams, Attempt::Again)?;
        reading.serve(keys, db, &mut Reply::new(out, layout.protocol), layout)
    };
    match serve(&mut out) {
        Ok(true) => Some(out),
        Ok(false) => None,
        Err(error) => {
            out.clear();
            Reply::new(&mut out, layout.protocol).error(error.text());
            Some(out)
        }
    }
}

/// Takes the options; returns them and what follows STREAMS.
fn parse(request: Request<'_>) -> Result<(Options<'_>, Args<'_>), ReplyError> {
    let mut args = Args::from(request, 1);
    let mut options = Options {
        group: None,
        limits: ReadArgs::default(),
        claim_min_idle_ms: None,
        acknowledgement: Acknowledgement::Required,
    };
    while args.left() < 2 || !args.take_word("STREAMS") {
        if options.limits.take_option(&mut args)? {
            continue;
        }
        if args.left() > 2 && args.take_word("GROUP") {
            options.group = Some((args.take()?, args.take()?));
        } else if args.left() > 1 && args.take_word("CLAIM") {
            let min_idle_ms = parse_integer(args.take()?).ok_or(BAD_MIN_IDLE)?;
            let min_idle_ms = u64::try_from(min_idle_ms).map_err(|_| NEGATIVE_MIN_IDLE)?;
            options.claim_min_idle_ms = Some(min_idle_ms);
        } else if args.take_word("NOACK") {
            options.acknowledgement = Acknowledgement::Waived;
        } else {
            return Err(SYNTAX);
        }
    }
    options.limits.check()?;
    Ok((options, args))
}

/// Checks that all streams can be read, before any of them is.
fn reading<'a>(
    options: &Options<'a>,
    keys: &mut Locked<'_>,
    db: u8,
    streams: Args<'a>,
    attempt: Attempt,
) -> Result<Reading<'a>, ReplyError> {
    let pairs = keys_and_ids(streams).ok_or(UNBALANCED)?;
    let (group, consumer) = options.group.ok_or(MISSING_GROUP)?;
    let mut checked = SmallVec::new();
    for (key, id) in pairs {
        if !keys.covers(key) {
            match attempt {
                // An argument before STREAMS was taken for that word, and other keys were locked.
                Attempt::First => return Err(SYNTAX),
                Attempt::Again => continue,
            }
        }
        let stream = keys.stream(db, key)?;
        if stream.is_none_or(|stream| stream.groups().get(group).is_none()) {
            return Err(no_key_or_group_to_read(key, group));
        }
        checked.push((key, from(id)?));
    }
    Ok(Reading {
        group,
        consumer,
        streams: checked,
        count_max: options.limits.count.unwrap_or(usize::MAX),
        claim_min_idle_ms: options.claim_min_idle_ms,
        acknowledgement: options.acknowledgement,
        budget: ReadBudget::new(options.limits.count_max, options.limits.bytes_max),
        attempt,
    })
}

fn from(id: &[u8]) -> Result<From, ReplyError> {
    match id {
        b">" => Ok(From::New),
        b"$" | b"+" => {
            let id = char::from(id.first().copied().unwrap_or_default());
            Err(ReplyError::new(format!(
                "ERR The {id} ID is meaningless in the context of XREADGROUP: you want to read \
                 the history of this consumer by specifying a proper ID, or use the > ID to get \
                 new messages. The {id} ID would just return an empty result set."
            )))
        }
        _ => id_arg::id(id).map(From::Pending),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use firth_resp::OwnedRequest;

    use super::*;
    use crate::reply_error::INVALID_STREAM_ID;

    fn request(text: &str) -> OwnedRequest {
        let arguments: Vec<_> = text.split_ascii_whitespace().map(str::as_bytes).collect();
        OwnedRequest::from_slices(&arguments)
    }

    #[test]
    fn options_come_in_any_order_before_the_streams() {
        let check = |text: &str, claim: Option<u64>, acknowledgement: Acknowledgement| {
            let request = request(text);
            let (options, streams) = parse(request.as_request()).unwrap();
            assert_eq!(options.group, Some((&b"g"[..], &b"c"[..])), "{text}");
            assert_eq!(options.claim_min_idle_ms, claim, "{text}");
            assert_eq!(options.acknowledgement, acknowledgement, "{text}");
            assert!(streams.rest().eq([&b"s"[..], b">"]), "{text}");
        };
        use Acknowledgement::{Required, Waived};
        check("x GROUP g c STREAMS s >", None, Required);
        check("x NOACK COUNT 2 GROUP g c BLOCK 0 STREAMS s >", None, Waived);
        check("x CLAIM 9 GROUP g c claim 5 noack streams s >", Some(5), Waived);
        check("x GROUP streams streams GROUP g c STREAMS s >", None, Required);
    }

    #[test]
    fn options_that_make_no_sense_are_refused() {
        for (text, error) in [
            ("x GROUP g c s >", SYNTAX),
            ("x GROUP g CLAIM 5 c STREAMS s >", SYNTAX),
            ("x GROUP g c STREAMS", SYNTAX),
            ("x GROUP g c CLAIM STREAMS s >", BAD_MIN_IDLE),
            ("x GROUP g c CLAIM -0 STREAMS s >", BAD_MIN_IDLE),
            ("x GROUP g c CLAIM -1 STREAMS s >", NEGATIVE_MIN_IDLE),
        ] {
            let request = request(text);
            assert_eq!(parse(request.as_request()).err(), Some(error), "{text}");
        }
    }

    #[test]
    fn ids_without_meaning_here_are_refused() {
        assert_eq!(from(b">"), Ok(From::New));
        assert_eq!(from(b"7"), Ok(From::Pending(EntryId::new(7, 0))));
        assert_eq!(from(b"x"), Err(INVALID_STREAM_ID));
        for id in ["$", "+"] {
            let error = from(id.as_bytes()).unwrap_err();
            assert!(error.text().starts_with(&format!("ERR The {id} ID is meaningless")));
        }
    }
}

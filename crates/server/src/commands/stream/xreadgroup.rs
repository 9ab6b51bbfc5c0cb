//! XREADGROUP: reads for a consumer of a group, and waits for something to read.

use firth_engine::stream::{Acknowledgement, EntryId};
use firth_engine::{DbKey, Locked};
use firth_resp::{Protocol, Reply, Request};
use smallvec::SmallVec;

use super::group_error::no_key_or_group_to_read;
use super::group_reading::{Attempt, Reading};
use super::id_arg;
use super::read_args::{ReadArgs, keys_and_ids};
use super::read_budget::ReadBudget;
use crate::args::{Args, parse_integer};
use crate::blocked::Wait;
use crate::context::Context;
use crate::reply_error::{ReplyError, SYNTAX};
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
    keys: Keys::Streams { from: 4 },
    run,
    ..Spec::BASE
};

/// The least time between two attempts of a blocked client to claim something.
const RETRY_MS_MIN: u64 = 10;

const MISSING_GROUP: ReplyError =
    ReplyError::fixed("ERR Missing GROUP option for XREADGROUP");
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
    let as_map = cx.answers_reads_with_map();
    let db = cx.db();
    let (options, streams) = parse(request)?;
    let (keys, mut reply) = cx.keys_and_reply();
    let mut reading = reading(&options, keys, db, streams, Attempt::First)?;
    if reading.serve(keys, db, &mut reply, as_map)? {
        return Ok(());
    }
    let Some(block_ms) = options.limits.block_ms.filter(|_| cx.may_block()) else {
        cx.reply().null_array();
        return Ok(());
    };
    let retry_after_ms = reading.overdue_in_ms(cx.keys, db).map(|ms| ms.max(RETRY_MS_MIN));
    let mut waited: Vec<DbKey> = Vec::new();
    for (key, _) in &reading.streams {
        let key = DbKey::new(db, key);
        if !waited.contains(&key) {
            waited.push(key);
        }
    }
    let protocol = cx.session.protocol;
    let owned = request.to_owned_request();
    cx.block(Wait {
        keys: waited,
        retry: Box::new(move |keys| retry(keys, db, owned.as_request(), protocol, as_map)),
        watches_absence: true,
        timeout_ms: Some(block_ms).filter(|ms| *ms > 0),
        retry_after_ms,
    });
    Ok(())
}

/// Runs the command once more for a blocked client.
fn retry(
    keys: &mut Locked<'_>,
    db: u8,
    request: Request<'_>,
    protocol: Protocol,
    as_map: bool,
) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut serve = |out: &mut Vec<u8>| {
        let (options, streams) = parse(request)?;
        let mut reading = reading(&options, keys, db, streams, Attempt::Again)?;
        reading.serve(keys, db, &mut Reply::new(out, protocol), as_map)
    };
    match serve(&mut out) {
        Ok(true) => Some(out),
        Ok(false) => None,
        Err(error) => {
            out.clear();
            Reply::new(&mut out, protocol).error(error.text());
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

//! XADD: adds an entry to a stream.

use firth_engine::stream::{Append, AppendError, Attempt, CreateStream, EntryId, NewId};
use firth_resp::Request;
use smallvec::SmallVec;

use super::entry_reply::write_id;
use super::trim_args::TrimArgs;
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::{INVALID_STREAM_ID, ReplyError, WRONG_TYPE, wrong_arity};
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "xadd",
    syntax: "key [NOMKSTREAM] [KEEPREF|DELREF|ACKED] [IDMPAUTO producer|IDMP producer attempt] \
             [<MAXLEN|MINID> [=|~] threshold [LIMIT count]] <*|id> field value [field value ...]",
    summary: "Adds an entry to a stream, and creates the stream if need be.",
    complexity: "O(1), and O(N) for N entries that are trimmed",
    since: "5.0.0",
    group: Group::Stream,
    arity: -5,
    flags: Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST),
    keys: Keys::FIRST,
    run,
    ..Spec::BASE
};

const ZERO_ID: ReplyError =
    ReplyError::fixed("ERR The ID specified in XADD must be greater than 0-0");
const ID_NOT_GREATER: ReplyError = ReplyError::fixed(
    "ERR The ID specified in XADD is equal or smaller than the target stream top item",
);
const EXHAUSTED: ReplyError = ReplyError::fixed(
    "ERR The stream has exhausted the last possible ID, unable to add more items",
);
const TOO_LARGE: ReplyError = ReplyError::fixed("ERR Elements are too large to be stored");
const TWO_ATTEMPTS: ReplyError =
    ReplyError::fixed("ERR syntax error, IDMP/IDMPAUTO specified multiple times");
const EMPTY_PRODUCER: ReplyError =
    ReplyError::fixed("ERR syntax error, IDMP requires a non-empty producer ID");
const EMPTY_PRODUCER_AUTO: ReplyError =
    ReplyError::fixed("ERR syntax error, IDMPAUTO requires a non-empty producer ID");
const EMPTY_ATTEMPT: ReplyError =
    ReplyError::fixed("ERR syntax error, IDMP requires a non-empty idempotent ID");
const ATTEMPT_WITH_ID: ReplyError =
    ReplyError::fixed("ERR syntax error, IDMP/IDMPAUTO can be used only with auto-generated IDs");

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let key = args.take()?;
    let Options { trim, attempt, create } = Options::take(&mut args)?;
    let id = new_id(args.take().unwrap_or_default())?;
    let trim = trim.finish()?;
    if attempt.is_some() && id != NewId::Auto {
        return Err(ATTEMPT_WITH_ID);
    }
    let fields: SmallVec<[&[u8]; 16]> = args.rest().collect();
    if fields.is_empty() || !fields.len().is_multiple_of(2) {
        return Err(wrong_arity(SPEC.name));
    }
    if id == NewId::Explicit(EntryId::MIN) {
        return Err(ZERO_ID);
    }
    let append = Append { id, fields: &fields, attempt, trim };
    let db = cx.db();
    let added = cx.keys.append_to_stream(db, key, &append, create).map_err(refusal)?;
    let mut reply = cx.reply();
    match added {
        Some(id) => write_id(reply.out(), id),
        None => reply.null(),
    }
    Ok(())
}

/// What may stand between the key and the id.
struct Options<'a> {
    trim: TrimArgs,
    attempt: Option<Attempt<'a>>,
    create: CreateStream,
}

impl<'a> Options<'a> {
    fn take(args: &mut Args<'a>) -> Result<Self, ReplyError> {
        let (trim, attempt) = (TrimArgs::default(), None);
        let mut options = Options { trim, attempt, create: CreateStream::IfAbsent };
        loop {
            if args.take_word("NOMKSTREAM") {
                options.create = CreateStream::Never;
            } else if let Some(attempt) = take_attempt(args)? {
                if options.attempt.replace(attempt).is_some() {
                    return Err(TWO_ATTEMPTS);
                }
            } else if !options.trim.take_option(args)? {
                return Ok(options);
            }
        }
    }
}

fn take_attempt<'a>(args: &mut Args<'a>) -> Result<Option<Attempt<'a>>, ReplyError> {
    if args.left() >= 2 && args.take_word("IDMPAUTO") {
        let producer = args.take()?;
        if producer.is_empty() {
            return Err(EMPTY_PRODUCER_AUTO);
        }
        return Ok(Some(Attempt { producer, iid: None }));
    }
    if args.left() < 3 || !args.take_word("IDMP") {
        return Ok(None);
    }
    let (producer, iid) = (args.take()?, args.take()?);
    match (producer.is_empty(), iid.is_empty()) {
        (true, _) => Err(EMPTY_PRODUCER),
        (_, true) => Err(EMPTY_ATTEMPT),
        _ => Ok(Some(Attempt { producer, iid: Some(iid) })),
    }
}

/// Reads `*`, `ms-*` or an id.
fn new_id(argument: &[u8]) -> Result<NewId, ReplyError> {
    if argument == b"*" {
        return Ok(NewId::Auto);
    }
    let id = match argument.strip_suffix(b"-*") {
        Some(ms) if ms.contains(&b'-') => None,
        Some(ms) => EntryId::parse(ms, 0).map(|id| NewId::AutoSeq(id.ms)),
        None => EntryId::parse(argument, 0).map(NewId::Explicit),
    };
    id.ok_or(INVALID_STREAM_ID)
}

fn refusal(error: AppendError) -> ReplyError {
    match error {
        AppendError::WrongType => WRONG_TYPE,
        AppendError::ZeroId => ZERO_ID,
        AppendError::IdNotGreater => ID_NOT_GREATER,
        AppendError::Exhausted => EXHAUSTED,
        _ => TOO_LARGE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_ids() {
        let explicit = |ms, seq| Ok(NewId::Explicit(EntryId::new(ms, seq)));
        for (text, expect) in [
            ("*", Ok(NewId::Auto)),
            ("5-*", Ok(NewId::AutoSeq(5))),
            ("5", explicit(5, 0)),
            ("5-3", explicit(5, 3)),
            ("0-0", explicit(0, 0)),
            ("", Err(INVALID_STREAM_ID)),
            ("-*", Err(INVALID_STREAM_ID)),
            ("5-3-*", Err(INVALID_STREAM_ID)),
            ("-", Err(INVALID_STREAM_ID)),
            ("+", Err(INVALID_STREAM_ID)),
            ("**", Err(INVALID_STREAM_ID)),
        ] {
            assert_eq!(new_id(text.as_bytes()), expect, "{text}");
        }
    }
}

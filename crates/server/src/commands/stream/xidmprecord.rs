//! XIDMPRECORD: records which entry an idempotent id stands for.

use firth_engine::stream::RecordError;
use firth_resp::Request;

use super::id_arg;
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::{NO_SUCH_KEY, ReplyError};
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "xidmprecord",
    syntax: "key producer attempt id",
    summary: "Records which entry a producer's idempotent id stands for.",
    complexity: "O(log N)",
    since: "8.8.0",
    group: Group::Stream,
    arity: 5,
    flags: Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST),
    keys: Keys::FIRST,
    run,
    ..Spec::BASE
};

const EMPTY_PRODUCER: ReplyError = ReplyError::fixed("ERR producer ID must be non-empty");
const EMPTY_ATTEMPT: ReplyError = ReplyError::fixed("ERR idempotent ID must be non-empty");
const NO_SUCH_ENTRY: ReplyError = ReplyError::fixed("ERR No such message in stream");
const OTHER_ENTRY: ReplyError =
    ReplyError::fixed("ERR IID already exists for this producer with a different stream ID");

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let (key, producer, iid) = (args.take()?, args.take()?, args.take()?);
    if producer.is_empty() {
        return Err(EMPTY_PRODUCER);
    }
    if iid.is_empty() {
        return Err(EMPTY_ATTEMPT);
    }
    let id = id_arg::id(args.take()?)?;
    let db = cx.db();
    let mut stream = cx.keys.stream_mut(db, key)?.ok_or(NO_SUCH_KEY)?;
    stream.record_attempt(producer, iid, id).map_err(|error| match error {
        RecordError::OtherEntry => OTHER_ENTRY,
        _ => NO_SUCH_ENTRY,
    })?;
    cx.reply().ok();
    Ok(())
}

//! XGROUP CREATE: creates a consumer group.

use firth_resp::Request;

use super::{KEY_REQUIRED, bad_options, start, take_entries_read};
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Keys, Spec};

const BUSY_GROUP: ReplyError = ReplyError::fixed("BUSYGROUP Consumer Group name already exists");

pub(super) const SPEC: Spec = Spec {
    name: "xgroup|create",
    syntax: "key group <id | $> [MKSTREAM] [ENTRIESREAD entries-read]",
    summary: "Creates a consumer group.",
    since: "5.0.0",
    complexity: "O(1)",
    group: Group::Stream,
    arity: -5,
    flags: Flags::WRITE.union(Flags::DENYOOM),
    keys: Keys::SECOND,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 2);
    let (key, group, place) = (args.take()?, args.take()?, args.take()?);
    let mut makes_stream = false;
    let mut entries_read = None;
    while args.left() > 0 {
        if args.take_word("MKSTREAM") {
            makes_stream = true;
        } else if args.left() > 1 && args.take_word("ENTRIESREAD") {
            entries_read = take_entries_read(&mut args)?;
        } else {
            return Err(bad_options(request));
        }
    }
    let db = cx.db();
    let (keys, mut reply) = cx.keys_and_reply();
    if keys.stream_mut(db, key)?.is_none() && !makes_stream {
        return Err(KEY_REQUIRED);
    }
    let start = start(place)?;
    let mut stream = keys.stream_or_create(db, key)?;
    stream.create_group(group, start, entries_read).map_err(|_| BUSY_GROUP)?;
    reply.ok();
    Ok(())
}

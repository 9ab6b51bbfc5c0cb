//! XGROUP SETID: moves the cursor of a consumer group.

use firth_resp::Request;

use super::{KEY_REQUIRED, bad_options, loose_start, no_group_of_key, take_entries_read};
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "xgroup|setid",
    syntax: "key group <id | $> [ENTRIESREAD entries-read]",
    summary: "Sets the id of the last entry that was delivered to a consumer group.",
    since: "5.0.0",
    complexity: "O(1)",
    group: Group::Stream,
    arity: -5,
    flags: Flags::WRITE,
    keys: Keys::SECOND,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 2);
    let (key, group, place) = (args.take()?, args.take()?, args.take()?);
    let mut entries_read = None;
    while args.left() > 0 {
        if args.left() < 2 || !args.take_word("ENTRIESREAD") {
            return Err(bad_options(request));
        }
        entries_read = take_entries_read(&mut args)?;
    }
    let db = cx.db();
    let (keys, mut reply) = cx.keys_and_reply();
    let mut stream = keys.stream_mut(db, key)?.ok_or(KEY_REQUIRED)?;
    let missing = || no_group_of_key(key, group);
    stream.stream().groups().get(group).ok_or_else(missing)?;
    let start = loose_start(place)?;
    stream.move_group(group, start, entries_read).map_err(|_| missing())?;
    reply.ok();
    Ok(())
}

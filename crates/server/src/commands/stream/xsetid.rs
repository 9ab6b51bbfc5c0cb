//! XSETID: sets the counters of a stream.

use firth_engine::stream::{Counters, CountersError, EntryId};
use firth_resp::Request;

use super::id_arg;
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::{NO_SUCH_KEY, ReplyError, SYNTAX};
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "xsetid",
    syntax: "key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]",
    summary: "Sets the last id of a stream and its counters.",
    since: "5.0.0",
    group: Group::Stream,
    arity: -3,
    flags: Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST),
    keys: Keys::FIRST,
    run,
    ..Spec::BASE
};

const ADDED_NEGATIVE: ReplyError = ReplyError::fixed("ERR entries_added must be positive");
const BELOW_GIVEN_DELETED: ReplyError = ReplyError::fixed(
    "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
);
const BELOW_DELETED: ReplyError = ReplyError::fixed(
    "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id",
);
const BELOW_LAST_ENTRY: ReplyError =
    ReplyError::fixed("ERR The ID specified in XSETID is smaller than the target stream top item");
const FEWER_THAN_ENTRIES: ReplyError = ReplyError::fixed(
    "ERR The entries_added specified in XSETID is smaller than the target stream length",
);

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let key = args.take()?;
    let last_id = id_arg::id(args.take()?)?;
    let mut counters = Counters { last_id, entries_added: None, max_deleted_id: None };
    while args.left() > 1 {
        if args.take_word("ENTRIESADDED") {
            let added = u64::try_from(args.take_integer()?).map_err(|_| ADDED_NEGATIVE)?;
            counters.entries_added = Some(added);
        } else if args.take_word("MAXDELETEDID") {
            let deleted = id_arg::id(args.take()?)?;
            if last_id < deleted {
                return Err(BELOW_GIVEN_DELETED);
            }
            // 0-0 stands for none given.
            counters.max_deleted_id = Some(deleted).filter(|deleted| *deleted != EntryId::MIN);
        } else {
            return Err(SYNTAX);
        }
    }
    args.finish()?;
    let db = cx.db();
    let mut stream = cx.keys.stream_mut(db, key)?.ok_or(NO_SUCH_KEY)?;
    stream.set_counters(&counters).map_err(|error| match error {
        CountersError::BelowGivenDeleted => BELOW_GIVEN_DELETED,
        CountersError::BelowDeleted => BELOW_DELETED,
        CountersError::BelowLastEntry => BELOW_LAST_ENTRY,
        _ => FEWER_THAN_ENTRIES,
    })?;
    cx.reply().ok();
    Ok(())
}

//! XINFO STREAM: the counters of a stream, and with FULL what is in it.

use firth_engine::stream::{Entry, EntryId, Stream};
use firth_resp::{Reply, Request};

use super::super::entry_reply::EntryWriter;
use super::super::firth_retain::{POLICY_PAIRS, write_policy};
use super::{full, id, number};
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::{NO_SUCH_KEY, ReplyError, subcommand_syntax};
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "xinfo|stream",
    syntax: "key [FULL [COUNT count]]",
    summary: "Returns what there is to know about a stream.",
    complexity: "O(1)",
    since: "5.0.0",
    group: Group::Stream,
    arity: -3,
    flags: Flags::READONLY,
    keys: Keys::SECOND,
    run,
    ..Spec::BASE
};

/// How many entries FULL shows unless it is told otherwise.
const FULL_ENTRIES: usize = 10;

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let key = Args::from(request, 2).take()?;
    let (db, now_ms) = (cx.db(), cx.now_ms());
    let (keys, mut reply) = cx.keys_and_reply();
    let stream = keys.stream(db, key)?.ok_or(NO_SUCH_KEY)?;
    match take_full(request)? {
        Some(count) => full::write(&mut reply, stream, count, now_ms),
        None => write(&mut reply, stream, now_ms),
    }
    Ok(())
}

/// Takes `FULL [COUNT n]`; 0 stands for all, and less than that for nothing said.
fn take_full(request: Request<'_>) -> Result<Option<usize>, ReplyError> {
    let mut args = Args::from(request, 3);
    let count = match args.left() {
        0 => return Ok(None),
        1 if args.take_word("FULL") => FULL_ENTRIES,
        3 if args.take_word("FULL") && args.take_word("COUNT") => match args.take_integer()? {
            0 => usize::MAX,
            given => usize::try_from(given).unwrap_or(FULL_ENTRIES),
        },
        _ => return Err(subcommand_syntax("XINFO", request.get(1).unwrap_or_default())),
    };
    Ok(Some(count))
}

fn write(reply: &mut Reply<'_>, stream: &Stream, now_ms: u64) {
    reply.map(head_pairs(stream) + 3);
    write_head(reply, stream, now_ms);
    number(reply, "groups", stream.groups().len() as u64);
    let entries = stream.entries();
    let last = entries.last_id().and_then(|last| entries.get(last));
    write_entry(reply, "first-entry", entries.range(EntryId::MIN, EntryId::MAX).next());
    write_entry(reply, "last-entry", last);
}

fn write_entry(reply: &mut Reply<'_>, name: &str, entry: Option<Entry<'_>>) {
    reply.bulk(name.as_bytes());
    match entry {
        Some(entry) => EntryWriter::new().write(reply.out(), &entry),
        None => reply.null(),
    }
}

/// Returns how many pairs [`write_head`] writes.
pub(super) fn head_pairs(stream: &Stream) -> usize {
    13 + stream.retention().map_or(0, |_| POLICY_PAIRS)
}

/// Appends what both forms begin with. Some clients refuse pairs that they do not know, so those of
/// our own are there only if a policy was set.
pub(super) fn write_head(reply: &mut Reply<'_>, stream: &Stream, now_ms: u64) {
    let entries = stream.entries();
    let nodes = entries.node_count() as u64;
    number(reply, "length", stream.len());
    number(reply, "radix-tree-keys", nodes);
    // A tree has a root besides the places of its keys.
    number(reply, "radix-tree-nodes", nodes + 1);
    id(reply, "last-generated-id", stream.last_id());
    id(reply, "max-deleted-entry-id", stream.max_deleted_id());
    number(reply, "entries-added", stream.entries_added());
    id(reply, "recorded-first-entry-id", entries.first_id().unwrap_or_default());
    let (duration_s, entries_max) = stream.idempotence_limits();
    let known = stream.idempotence();
    number(reply, "idmp-duration", duration_s.into());
    number(reply, "idmp-maxsize", entries_max.into());
    number(reply, "pids-tracked", known.map_or(0, |known| known.tracked_producers() as u64));
    number(reply, "iids-tracked", known.map_or(0, |known| known.tracked_iids() as u64));
    number(reply, "iids-added", known.map_or(0, |known| known.iids_added));
    number(reply, "iids-duplicates", known.map_or(0, |known| known.iids_duplicates));
    if let Some(policy) = stream.retention() {
        write_policy(reply, "retention-", stream, &policy, now_ms);
    }
}

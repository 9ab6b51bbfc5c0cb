//! XPENDING: shows what is pending in a group, as a summary or entry by entry.

use firth_engine::stream::{EntryId, PendingQuery};
use firth_resp::{Reply, Request};

use super::entry_reply::write_id;
use super::group_error::no_key_or_group;
use super::id_arg::{range_end, range_start};
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::{ReplyError, SYNTAX};
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "xpending",
    syntax: "key group [[IDLE min-idle-time] start end count [consumer]]",
    summary: "Shows the entries that are pending in a consumer group.",
    since: "5.0.0",
    complexity: "O(C) for the summary, C being the number of consumers; O(N) for the entries, N \
                 being the number of entries returned, or looked at if they are filtered",
    group: Group::Stream,
    arity: -3,
    flags: Flags::READONLY,
    keys: Keys::FIRST,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let (key, name) = (args.take()?, args.take()?);
    let query = if args.left() == 0 { None } else { Some(query(args)?) };
    let db = cx.db();
    let now_ms = cx.now_ms();
    let (keys, mut reply) = cx.keys_and_reply();
    let stream = keys.stream(db, key)?;
    let group = stream.and_then(|stream| stream.groups().get(name));
    let group = group.ok_or_else(|| no_key_or_group(key, name))?;
    match query {
        None => summarize(&mut reply, group),
        Some(query) => show(&mut reply, group, &query, now_ms),
    }
    Ok(())
}

/// Takes `[IDLE ms] start end count [consumer]`; what follows is passed over, up to the length that
/// it can have with all options.
fn query(mut args: Args<'_>) -> Result<PendingQuery<'_>, ReplyError> {
    if !(3..=6).contains(&args.left()) {
        return Err(SYNTAX);
    }
    let mut min_idle_ms = 0;
    if args.take_word("IDLE") {
        min_idle_ms = u64::try_from(args.take_integer()?).unwrap_or(0);
    }
    if args.left() < 3 {
        return Err(SYNTAX);
    }
    let (start, end) = (args.take()?, args.take()?);
    let count_max = usize::try_from(args.take_integer()?).unwrap_or(0);
    let (start, end) = (range_start(start)?, range_end(end)?);
    Ok(PendingQuery { start, end, count_max, min_idle_ms, consumer: args.peek() })
}

fn summarize(reply: &mut Reply<'_>, group: &firth_engine::stream::Group) {
    let write_id_or_null = |reply: &mut Reply<'_>, id: Option<EntryId>| match id {
        Some(id) => write_id(reply.out(), id),
        None => reply.null(),
    };
    reply.array(4);
    reply.integer(i64::try_from(group.pending.len()).unwrap_or(i64::MAX));
    write_id_or_null(reply, group.pending.first_id());
    write_id_or_null(reply, group.pending.last_id());
    if group.pending.is_empty() {
        reply.null_array();
        return;
    }
    let consumers = reply.open_array();
    let mut count = 0;
    for (consumer, pending) in group.busy_consumers() {
        reply.array(2);
        reply.bulk(consumer.name());
        reply.bulk_unsigned(pending as u64);
        count += 1;
    }
    reply.close_array(consumers, count);
}

fn show(
    reply: &mut Reply<'_>,
    group: &firth_engine::stream::Group,
    query: &PendingQuery<'_>,
    now_ms: u64,
) {
    let rows = group.query_pending(query, now_ms);
    reply.array(rows.len());
    for row in rows {
        let idle_ms = match row.owner {
            Some(_) => i64::try_from(now_ms.saturating_sub(row.delivered_ms)).unwrap_or(i64::MAX),
            None => -1,
        };
        reply.array(4);
        write_id(reply.out(), row.id);
        reply.bulk(group.owner_name(&row));
        reply.integer(idle_ms);
        reply.integer(i64::try_from(row.deliveries).unwrap_or(i64::MAX));
    }
}

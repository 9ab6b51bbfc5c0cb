//! XRANGE and XREVRANGE: the entries of a range of ids.

use firth_engine::stream::Entry;
use firth_resp::{Reply, Request};

use super::entry_reply::EntryWriter;
use super::id_arg;
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "xrange",
    syntax: "key start end [COUNT count]",
    summary: "Returns the entries of a range of ids.",
    complexity: "O(N) for N returned entries",
    since: "5.0.0",
    group: Group::Stream,
    arity: -4,
    flags: Flags::READONLY,
    keys: Keys::FIRST,
    run: |cx, request| run(cx, request, Direction::Up),
    ..Spec::BASE
};

pub(super) const REVERSE_SPEC: Spec = Spec {
    name: "xrevrange",
    syntax: "key end start [COUNT count]",
    summary: "Returns the entries of a range of ids, the greatest first.",
    run: |cx, request| run(cx, request, Direction::Down),
    ..SPEC
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

fn run(
    cx: &mut Context<'_, '_>,
    request: Request<'_>,
    direction: Direction,
) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let key = args.take()?;
    let (first, second) = (args.take()?, args.take()?);
    let (start, end) = match direction {
        Direction::Up => (first, second),
        Direction::Down => (second, first),
    };
    let (start, end) = (id_arg::range_start(start)?, id_arg::range_end(end)?);
    let count = take_count(args)?;
    let db = cx.db();
    let (keys, mut reply) = cx.keys_and_reply();
    let Some(stream) = keys.stream(db, key)? else {
        reply.array(0);
        return Ok(());
    };
    let entries = stream.entries();
    match direction {
        _ if count == 0 => reply.null_array(),
        Direction::Up => write_entries(&mut reply, entries.range(start, end), count),
        Direction::Down => write_entries(&mut reply, entries.range_rev(start, end), count),
    }
    Ok(())
}

/// Takes `COUNT n`, the last one counts; below zero is zero.
fn take_count(mut args: Args<'_>) -> Result<usize, ReplyError> {
    let mut count = usize::MAX;
    while args.left() > 1 && args.take_word("COUNT") {
        let wanted = args.take_integer()?.max(0);
        count = usize::try_from(wanted).unwrap_or(usize::MAX);
    }
    args.finish()?;
    Ok(count)
}

/// Appends at most so many entries as an array.
pub(super) fn write_entries<'a>(
    reply: &mut Reply<'_>,
    entries: impl Iterator<Item = Entry<'a>>,
    count: usize,
) {
    let array = reply.open_array();
    let mut writer = EntryWriter::new();
    let mut written = 0;
    for entry in entries.take(count) {
        writer.write(reply.out(), &entry);
        written += 1;
    }
    reply.close_array(array, written);
}

//! MEMORY: how much is used, and by what.

use firth_engine::DATABASES;
use firth_resp::Request;

use super::info::Process;
use crate::args::Args;
use crate::context::Context;
use crate::help;
use crate::reply_error::{ReplyError, SYNTAX};
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "memory",
    syntax: "subcommand [argument ...]",
    summary: "Tells how much memory is used, and by what.",
    since: "4.0.0",
    complexity: "Depends on the subcommand",
    group: Group::Server,
    arity: -2,
    subcommands: &[DOCTOR, help::spec("memory|help", Group::Server), PURGE, STATS, USAGE],
    ..Spec::BASE
};

const DOCTOR: Spec = Spec {
    name: "memory|doctor",
    summary: "Returns advice about memory, of which there is none to give.",
    since: "4.0.0",
    group: Group::Server,
    arity: 2,
    run: doctor,
    ..Spec::BASE
};

const PURGE: Spec = Spec {
    name: "memory|purge",
    summary: "Does nothing: the allocator gives free memory back by itself.",
    since: "4.0.0",
    group: Group::Server,
    arity: 2,
    run: purge,
    ..Spec::BASE
};

const STATS: Spec = Spec {
    name: "memory|stats",
    summary: "Returns what the memory is used for.",
    since: "4.0.0",
    complexity: "O(N) with N keys",
    group: Group::Server,
    arity: 2,
    keys: Keys::All,
    run: stats,
    ..Spec::BASE
};

const USAGE: Spec = Spec {
    name: "memory|usage",
    syntax: "key [SAMPLES count]",
    summary: "Returns about how many bytes of memory a key and its value take.",
    since: "4.0.0",
    complexity: "O(N) with N blocks of a stream",
    group: Group::Server,
    arity: -3,
    flags: Flags::READONLY,
    keys: Keys::SECOND,
    run: usage,
    ..Spec::BASE
};

fn doctor(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    let text = b"There is nothing to complain about that this server knows how to find.\n";
    cx.reply().verbatim(b"txt", text);
    Ok(())
}

fn purge(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    cx.reply().ok();
    Ok(())
}

fn stats(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    let process = Process::now();
    let keys: usize = (0..DATABASES).map(|db| cx.keys.key_count(db)).sum();
    let dataset = cx.keys.memory_bytes();
    let all = process.resident_bytes.max(1);
    let numbers = [
        ("peak.allocated", process.resident_bytes_peak),
        ("total.allocated", process.resident_bytes),
        ("keys.count", keys as u64),
        ("keys.bytes-per-key", (dataset / keys.max(1)) as u64),
        ("dataset.bytes", dataset as u64),
    ];
    let mut reply = cx.reply();
    reply.map(numbers.len() + 1);
    for (name, value) in numbers {
        reply.bulk(name.as_bytes());
        reply.integer(i64::try_from(value).unwrap_or(i64::MAX));
    }
    reply.bulk(b"dataset.percentage");
    reply.double(dataset as f64 * 100.0 / all as f64);
    Ok(())
}

fn usage(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 2);
    let key = args.take()?;
    if args.take_word("SAMPLES") && args.take_integer()? < 0 {
        return Err(SYNTAX);
    }
    args.finish()?;
    let db = cx.db();
    let (keys, mut reply) = cx.keys_and_reply();
    match keys.peek(db, key) {
        Some(entry) => reply.integer(i64::try_from(entry.memory_bytes()).unwrap_or(i64::MAX)),
        None => reply.null(),
    }
    Ok(())
}

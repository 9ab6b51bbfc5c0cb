//! SLOWLOG: commands that took long.

use firth_resp::Request;

use crate::args::{Args, parse_integer};
use crate::context::Context;
use crate::help;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "slowlog",
    syntax: "subcommand [argument ...]",
    summary: "Tells about commands that took long.",
    since: "2.2.12",
    complexity: "Depends on the subcommand",
    group: Group::Server,
    arity: -2,
    subcommands: &[GET, help::spec("slowlog|help", Group::Server), LEN, RESET],
    ..Spec::BASE
};

const FLAGS: Flags = Flags::ADMIN.union(Flags::LOADING).union(Flags::STALE);

const GET: Spec = Spec {
    name: "slowlog|get",
    syntax: "[count]",
    summary: "Returns the newest commands that took long: 10, or so many; -1 for all.",
    since: "2.2.12",
    complexity: "O(N) with N commands",
    group: Group::Server,
    arity: -2,
    flags: FLAGS,
    run: get,
    ..Spec::BASE
};

const LEN: Spec = Spec {
    name: "slowlog|len",
    summary: "Returns how many commands are kept.",
    since: "2.2.12",
    group: Group::Server,
    arity: 2,
    flags: FLAGS,
    run: len,
    ..Spec::BASE
};

const RESET: Spec = Spec {
    name: "slowlog|reset",
    summary: "Forgets all commands that took long.",
    since: "2.2.12",
    complexity: "O(N) with N commands",
    group: Group::Server,
    arity: 2,
    flags: FLAGS,
    run: reset,
    ..Spec::BASE
};

const COUNT_DEFAULT: usize = 10;
const BAD_COUNT: ReplyError = ReplyError::fixed("ERR count should be greater than or equal to -1");

fn get(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 2);
    let count = match args.left() {
        0 => COUNT_DEFAULT,
        _ => match parse_integer(args.take()?).ok_or(BAD_COUNT)? {
            -1 => usize::MAX,
            count => usize::try_from(count).map_err(|_| BAD_COUNT)?,
        },
    };
    args.finish()?;
    let entries = cx.server.slow_log.newest(count);
    let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let mut reply = cx.reply();
    reply.array(entries.len());
    for entry in entries {
        reply.array(6);
        reply.integer(signed(entry.id));
        reply.integer(signed(entry.at_s));
        reply.integer(signed(entry.took_us));
        reply.array(entry.arguments.len());
        for argument in &entry.arguments {
            reply.bulk(argument);
        }
        reply.bulk(entry.peer.as_bytes());
        reply.bulk(&entry.client_name);
    }
    Ok(())
}

fn len(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    let len = cx.server.slow_log.len();
    cx.reply().integer(i64::try_from(len).unwrap_or(i64::MAX));
    Ok(())
}

fn reset(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    cx.server.slow_log.clear();
    cx.reply().ok();
    Ok(())
}

//! COMMAND GETKEYS, COMMAND GETKEYSANDFLAGS: find the keys in a command.

use firth_resp::Request;

use super::info::words;
use super::{FLAGS, access};
use crate::commands::Command;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "command|getkeys",
    syntax: "command [arg [arg ...]]",
    summary: "Returns the keys that a command names.",
    since: "2.8.13",
    complexity: "O(N) with N arguments",
    group: Group::Server,
    arity: -3,
    flags: FLAGS,
    run,
    ..Spec::BASE
};

pub(super) const SPEC_WITH_FLAGS: Spec = Spec {
    name: "command|getkeysandflags",
    summary: "Returns the keys that a command names, and what it does with them.",
    since: "7.0.0",
    ..SPEC
};

const UNKNOWN: ReplyError = ReplyError::fixed("ERR Invalid command specified");
const BAD_ARITY: ReplyError =
    ReplyError::fixed("ERR Invalid number of arguments specified for command");
const BAD_ARGUMENTS: ReplyError = ReplyError::fixed("ERR Invalid arguments specified for command");
const NO_KEYS: ReplyError = ReplyError::fixed("ERR The command has no key arguments");

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let with_flags = cx.spec.name == SPEC_WITH_FLAGS.name;
    let inner = request.slice(2);
    let spec = find(cx, inner).ok_or(UNKNOWN)?.spec;
    if !spec.accepts(inner.len()) {
        return Err(BAD_ARITY);
    }
    let places = spec.keys.places(inner);
    if places.is_empty() {
        return Err(if spec.keys == Keys::None { NO_KEYS } else { BAD_ARGUMENTS });
    }
    let mut reply = cx.reply();
    reply.array(places.len());
    for key in places.into_iter().filter_map(|place| inner.get(place)) {
        if with_flags {
            reply.array(2);
        }
        reply.bulk(key);
        if with_flags {
            words(&mut reply, access::of_call(spec, inner));
        }
    }
    Ok(())
}

fn find(cx: &Context<'_, '_>, request: Request<'_>) -> Option<Command> {
    let command = cx.server.table.find(request.get(0)?)?;
    match request.get(1) {
        Some(sub) if !command.spec.subcommands.is_empty() => {
            cx.server.table.find_subcommand(command, sub)
        }
        _ => Some(command),
    }
}

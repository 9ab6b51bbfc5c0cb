//! COMMAND DOCS: returns what documentation says about commands.

use firth_resp::{Reply, Request};

use super::info::words;
use super::{FLAGS, find};
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Group, Spec};
use crate::syntax::{self, Argument, ArgumentKind};

pub(super) const SPEC: Spec = Spec {
    name: "command|docs",
    syntax: "[command-name [command-name ...]]",
    summary: "Returns what documentation says about some commands, or all.",
    since: "7.0.0",
    complexity: "O(N) with N commands",
    group: Group::Server,
    arity: -2,
    flags: FLAGS,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let names = Args::from(request, 2).rest();
    let specs: Vec<&Spec> = if names.len() == 0 {
        cx.server.table.commands().map(|command| command.spec).collect()
    } else {
        names.filter_map(|name| find(cx, name)).collect()
    };
    let mut reply = cx.reply();
    reply.map(specs.len());
    for spec in specs {
        write(&mut reply, spec);
    }
    Ok(())
}

/// Writes a command's name, and what there is to say about it.
pub(in crate::commands::server) fn write(reply: &mut Reply<'_>, spec: &Spec) {
    let texts = [
        ("summary", spec.summary),
        ("since", spec.since),
        ("group", spec.group.name()),
        ("complexity", spec.complexity),
    ];
    reply.bulk(spec.name.as_bytes());
    let arguments = if spec.subcommands.is_empty() { syntax::parse(spec.syntax) } else { vec![] };
    let more = usize::from(!arguments.is_empty()) + usize::from(!spec.subcommands.is_empty());
    reply.map(texts.len() + more);
    for (name, text) in texts {
        reply.bulk(name.as_bytes());
        reply.bulk(text.as_bytes());
    }
    if !arguments.is_empty() {
        reply.bulk(b"arguments");
        write_arguments(reply, &arguments);
    }
    if !spec.subcommands.is_empty() {
        reply.bulk(b"subcommands");
        reply.map(spec.subcommands.len());
        for sub in spec.subcommands {
            write(reply, sub);
        }
    }
}

fn write_arguments(reply: &mut Reply<'_>, arguments: &[Argument]) {
    reply.array(arguments.len());
    for argument in arguments {
        write_argument(reply, argument);
    }
}

fn write_argument(reply: &mut Reply<'_>, argument: &Argument) {
    let is_key = argument.kind == ArgumentKind::Value && argument.name == "key";
    let kind = match argument.kind {
        ArgumentKind::Value if is_key => "key",
        ArgumentKind::Value => "string",
        ArgumentKind::Token => "pure-token",
        ArgumentKind::OneOf => "oneof",
        ArgumentKind::Block => "block",
    };
    let map = reply.open_map();
    let mut pairs = 0;
    let mut text = |reply: &mut Reply<'_>, name: &str, text: &str| {
        reply.bulk(name.as_bytes());
        reply.bulk(text.as_bytes());
        pairs += 1;
    };
    text(reply, "name", &argument.name);
    text(reply, "type", kind);
    if argument.kind == ArgumentKind::Value {
        text(reply, "display_text", &argument.name);
    }
    if let Some(token) = &argument.token {
        text(reply, "token", token);
    }
    if is_key {
        reply.bulk(b"key_spec_index");
        reply.integer(0);
        pairs += 1;
    }
    let flags = [
        ("optional", argument.is_optional),
        ("multiple", argument.is_multiple),
        ("multiple_token", argument.repeats_token),
    ];
    let flags: Vec<&str> = flags.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
    if !flags.is_empty() {
        reply.bulk(b"flags");
        words(reply, &flags);
        pairs += 1;
    }
    if !argument.parts.is_empty() {
        reply.bulk(b"arguments");
        write_arguments(reply, &argument.parts);
        pairs += 1;
    }
    reply.close_map(map, pairs);
}

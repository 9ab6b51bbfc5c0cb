//! COMMAND INFO: what clients need to know about commands, such as where their keys are.

use firth_resp::{Reply, Request};

use super::{FLAGS, access, find};
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "command|info",
    syntax: "[command-name [command-name ...]]",
    summary: "Returns what there is to know about some commands, or all.",
    since: "2.8.13",
    complexity: "O(N) with N commands",
    group: Group::Server,
    arity: -2,
    flags: FLAGS,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let names = Args::from(request, 2).rest();
    if names.len() == 0 {
        return super::run(cx, request);
    }
    let found: Vec<Option<&Spec>> = names.map(|name| find(cx, name)).collect();
    let mut reply = cx.reply();
    reply.array(found.len());
    for spec in found {
        match spec {
            Some(spec) => write(&mut reply, spec),
            None => reply.null(),
        }
    }
    Ok(())
}

/// Writes the ten things that there are to know about a command.
pub(in crate::commands::server) fn write(reply: &mut Reply<'_>, spec: &Spec) {
    reply.array(10);
    reply.bulk(spec.name.as_bytes());
    reply.integer(spec.arity.into());
    words(reply, &spec.flags.names());
    let (first, last, step) = match spec.keys {
        Keys::Range { first, last, step } => (first, last, step),
        Keys::None | Keys::All | Keys::Streams { .. } | Keys::Transaction => (0, 0, 0),
    };
    reply.integer(integer(first));
    reply.integer(i64::try_from(last).unwrap_or(0));
    reply.integer(integer(step));
    words(reply, &spec.categories());
    reply.array(0);
    write_keys(reply, spec);
    reply.array(spec.subcommands.len());
    for sub in spec.subcommands {
        write(reply, sub);
    }
}

/// Writes where the keys are, in the words of Redis: how to find the first, and how to go on.
fn write_keys(reply: &mut Reply<'_>, spec: &Spec) {
    let (last, step, limit) = match spec.keys {
        Keys::Range { first, last, step } => {
            let from_first = if last < 0 { last } else { last - first.cast_signed() };
            (from_first, step, 0)
        }
        Keys::Streams { .. } => (-1, 1, 2),
        Keys::None | Keys::All | Keys::Transaction => {
            reply.array(0);
            return;
        }
    };
    reply.array(1);
    reply.map(3);
    reply.bulk(b"flags");
    words(reply, access::of(spec));
    reply.bulk(b"begin_search");
    reply.map(2);
    reply.bulk(b"type");
    match spec.keys {
        Keys::Streams { from } => {
            reply.bulk(b"keyword");
            reply.bulk(b"spec");
            reply.map(2);
            reply.bulk(b"keyword");
            reply.bulk(b"STREAMS");
            reply.bulk(b"startfrom");
            reply.integer(integer(from));
        }
        Keys::Range { first, .. } => {
            reply.bulk(b"index");
            reply.bulk(b"spec");
            reply.map(1);
            reply.bulk(b"index");
            reply.integer(integer(first));
        }
        Keys::None | Keys::All | Keys::Transaction => {}
    }
    reply.bulk(b"find_keys");
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(b"range");
    reply.bulk(b"spec");
    reply.map(3);
    reply.bulk(b"lastkey");
    reply.integer(i64::try_from(last).unwrap_or(0));
    reply.bulk(b"keystep");
    reply.integer(integer(step));
    reply.bulk(b"limit");
    reply.integer(limit);
}

/// Writes a set of words.
pub(super) fn words(reply: &mut Reply<'_>, words: &[&str]) {
    reply.set(words.len());
    for word in words {
        reply.simple(word);
    }
}

fn integer(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl Flags {
    /// Returns the names that COMMAND has for the flags; those of our own have none.
    pub fn names(self) -> Vec<&'static str> {
        let names = [
            (Flags::WRITE, "write"),
            (Flags::READONLY, "readonly"),
            (Flags::DENYOOM, "denyoom"),
            (Flags::ADMIN, "admin"),
            (Flags::PUBSUB, "pubsub"),
            (Flags::NOSCRIPT, "noscript"),
            (Flags::BLOCKING, "blocking"),
            (Flags::LOADING, "loading"),
            (Flags::STALE, "stale"),
            (Flags::SKIP_MONITOR, "skip_monitor"),
            (Flags::SKIP_SLOWLOG, "skip_slowlog"),
            (Flags::FAST, "fast"),
            (Flags::NO_AUTH, "no_auth"),
            (Flags::MOVABLE_KEYS, "movablekeys"),
            (Flags::NO_MULTI, "no_multi"),
        ];
        names.iter().filter(|(flag, _)| self.contains(*flag)).map(|(_, name)| *name).collect()
    }
}

impl Spec {
    /// Returns the categories that access rules name.
    pub(crate) fn categories(&self) -> Vec<&'static str> {
        let has = |flag| self.flags.contains(flag);
        let is_dangerous = has(Flags::ADMIN) || has(Flags::DANGEROUS);
        let is_fast = has(Flags::FAST);
        let categories = [
            ("@keyspace", has(Flags::KEYSPACE) || self.group == Group::Generic),
            ("@read", has(Flags::READONLY)),
            ("@write", has(Flags::WRITE)),
            ("@stream", self.group == Group::Stream),
            ("@string", self.group == Group::String),
            ("@pubsub", has(Flags::PUBSUB) || self.group == Group::Pubsub),
            ("@admin", has(Flags::ADMIN)),
            ("@fast", is_fast),
            ("@slow", !is_fast),
            ("@blocking", has(Flags::BLOCKING)),
            ("@dangerous", is_dangerous),
            ("@connection", has(Flags::CONNECTION)),
            ("@transaction", has(Flags::TRANSACTION) || self.group == Group::Transactions),
        ];
        categories.iter().filter(|(_, holds)| *holds).map(|(name, _)| *name).collect()
    }
}

//! XINFO: what there is to know about a stream, its groups and their consumers.

use firth_engine::stream::EntryId;
use firth_resp::Reply;

use super::entry_reply::write_id;
use crate::help;
use crate::spec::{Group, Spec};

mod consumers;
mod full;
mod groups;
mod stream;

pub(super) const SPEC: Spec = Spec {
    name: "xinfo",
    syntax: "",
    summary: "A container for commands that inspect streams.",
    since: "5.0.0",
    group: Group::Stream,
    arity: -2,
    subcommands: &[
        consumers::SPEC,
        groups::SPEC,
        help::spec("xinfo|help", Group::Stream),
        stream::SPEC,
    ],
    ..Spec::BASE
};

/// Appends a name and a number.
fn number(reply: &mut Reply<'_>, name: &str, value: u64) {
    reply.bulk(name.as_bytes());
    reply.integer(i64::try_from(value).unwrap_or(i64::MAX));
}

/// Appends a name and a number that may not be known.
fn number_or_null(reply: &mut Reply<'_>, name: &str, value: Option<u64>) {
    match value {
        Some(value) => number(reply, name, value),
        None => {
            reply.bulk(name.as_bytes());
            reply.null();
        }
    }
}

/// Appends a name and an id.
fn id(reply: &mut Reply<'_>, name: &str, id: EntryId) {
    reply.bulk(name.as_bytes());
    write_id(reply.out(), id);
}

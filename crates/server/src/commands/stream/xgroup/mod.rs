//! XGROUP: administers consumer groups.

use firth_engine::stream::{EntryId, GroupStart};
use firth_resp::Request;

use super::group_error::no_group_of_key;
use super::id_arg;
use crate::args::Args;
use crate::help;
use crate::reply_error::{ReplyError, printable};
use crate::spec::{Flags, Group, Spec};

mod create;
mod create_consumer;
mod delete_consumer;
mod destroy;
mod set_id;

pub(super) const SPEC: Spec = Spec {
    name: "xgroup",
    syntax: "<subcommand> [<arg> ...]",
    summary: "Administers consumer groups.",
    since: "5.0.0",
    complexity: "Depends on the subcommand",
    group: Group::Stream,
    arity: -2,
    flags: Flags::empty(),
    subcommands: &[
        create::SPEC,
        create_consumer::SPEC,
        delete_consumer::SPEC,
        destroy::SPEC,
        help::spec("xgroup|help", Group::Stream),
        set_id::SPEC,
    ],
    ..Spec::BASE
};

const KEY_REQUIRED: ReplyError = ReplyError::fixed(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to \
     use the MKSTREAM option to create an empty stream automatically.",
);
const BAD_ENTRIES_READ: ReplyError =
    ReplyError::fixed("ERR value for ENTRIESREAD must be positive or -1");

/// Reads the place where a cursor is put.
fn start(argument: &[u8]) -> Result<GroupStart, ReplyError> {
    match argument {
        b"$" => Ok(GroupStart::AtEnd),
        _ => id_arg::id(argument).map(GroupStart::After),
    }
}

/// Reads a place for a cursor as SETID does, which knows the ends of a range as well.
fn loose_start(argument: &[u8]) -> Result<GroupStart, ReplyError> {
    match argument {
        b"-" => Ok(GroupStart::After(EntryId::MIN)),
        b"+" => Ok(GroupStart::After(EntryId::MAX)),
        _ => start(argument),
    }
}

/// Takes the value of ENTRIESREAD; -1 stands for not known.
fn take_entries_read(args: &mut Args<'_>) -> Result<Option<u64>, ReplyError> {
    match args.take_integer()? {
        -1 => Ok(None),
        entries_read => u64::try_from(entries_read).map(Some).map_err(|_| BAD_ENTRIES_READ),
    }
}

/// The options of a subcommand make no sense.
fn bad_options(request: Request<'_>) -> ReplyError {
    let subcommand = printable(request.get(1).unwrap_or_default(), 128);
    ReplyError::new(format!(
        "ERR unknown subcommand or wrong number of arguments for '{subcommand}'. Try XGROUP HELP."
    ))
}

//! COMMAND: what the server knows about its commands.

mod access;
mod count;
mod docs;
mod getkeys;
mod info;
mod list;

use firth_resp::Request;

use crate::context::Context;
use crate::help;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "command",
    summary: "Returns what there is to know about all commands.",
    since: "2.8.13",
    complexity: "O(N) with N commands",
    group: Group::Server,
    arity: -1,
    flags: FLAGS,
    run,
    subcommands: &[
        count::SPEC,
        docs::SPEC,
        getkeys::SPEC,
        getkeys::SPEC_WITH_FLAGS,
        help::spec("command|help", Group::Server),
        info::SPEC,
        list::SPEC,
    ],
    ..Spec::BASE
};

/// The flags of all subcommands.
const FLAGS: Flags = Flags::LOADING.union(Flags::STALE).union(Flags::CONNECTION);

fn run(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    let server = cx.server;
    let mut reply = cx.reply();
    reply.array(server.table.commands().count());
    for command in server.table.commands() {
        info::write(&mut reply, command.spec);
    }
    Ok(())
}

/// Finds a command or, as `container|name`, a subcommand.
fn find(cx: &Context<'_, '_>, name: &[u8]) -> Option<&'static Spec> {
    let mut parts = name.splitn(2, |byte| *byte == b'|');
    let command = cx.server.table.find(parts.next()?)?;
    match parts.next() {
        None => Some(command.spec),
        Some(sub) => Some(cx.server.table.find_subcommand(command, sub)?.spec),
    }
}

#[cfg(test)]
pub(super) use docs::write as write_docs;
#[cfg(test)]
pub(super) use info::write as write_info;

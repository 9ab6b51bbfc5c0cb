//! HELP of commands that have subcommands: derived from their declarations.

use firth_resp::Request;

use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Spec};

/// Returns the declaration of a container's HELP, such as `client|help`.
pub(crate) const fn spec(name: &'static str, group: Group) -> Spec {
    Spec {
        name,
        summary: "Lists the subcommands.",
        since: "5.0.0",
        complexity: "O(1)",
        group,
        arity: 2,
        flags: Flags::LOADING.union(Flags::STALE),
        run,
        ..Spec::BASE
    }
}

fn run(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    let container = cx.spec.name.split('|').next().unwrap_or_default();
    let server = cx.server;
    let subcommands =
        server.table.find(container.as_bytes()).map_or(&[][..], |found| found.spec.subcommands);
    let others = || subcommands.iter().filter(|sub| sub.short_name() != "help");
    let mut reply = cx.reply();
    reply.array(3 + 2 * others().count());
    let name = container.to_ascii_uppercase();
    reply.simple(&format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for sub in others() {
        let line = format!("{} {}", sub.short_name().to_ascii_uppercase(), sub.syntax);
        reply.simple(line.trim_end());
        reply.simple(&format!("    {}", sub.summary));
    }
    reply.simple("HELP");
    reply.simple("    Print this help.");
    Ok(())
}

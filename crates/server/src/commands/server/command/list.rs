//! COMMAND LIST: returns the names of commands.

use firth_engine::pubsub::glob;
use firth_resp::Request;

use super::FLAGS;
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::{ReplyError, SYNTAX};
use crate::spec::{Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "command|list",
    syntax: "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]",
    summary: "Returns the names of all commands, or of some.",
    since: "7.0.0",
    complexity: "O(N) with N commands",
    group: Group::Server,
    arity: -2,
    flags: FLAGS,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 2);
    let all = cx.server.table.all().iter().map(|command| command.spec);
    let names: Vec<&str> = if args.left() == 0 {
        all.map(|spec| spec.name).collect()
    } else if args.take_word("FILTERBY") {
        let (kind, filter) = (args.take()?, args.take()?);
        args.finish()?;
        match kind.to_ascii_lowercase().as_slice() {
            b"module" => Vec::new(),
            b"aclcat" => all.filter(|spec| is_in(spec, filter)).map(|spec| spec.name).collect(),
            b"pattern" => {
                let fits = |spec: &&Spec| glob::matches_ignore_case(filter, spec.name.as_bytes());
                all.filter(fits).map(|spec| spec.name).collect()
            }
            _ => return Err(SYNTAX),
        }
    } else {
        return Err(SYNTAX);
    };
    let mut reply = cx.reply();
    reply.array(names.len());
    for name in names {
        reply.bulk(name.as_bytes());
    }
    Ok(())
}

fn is_in(spec: &Spec, category: &[u8]) -> bool {
    let mut categories = spec.categories().into_iter();
    categories.any(|name| name.as_bytes().get(1..).is_some_and(|name| name == category))
}

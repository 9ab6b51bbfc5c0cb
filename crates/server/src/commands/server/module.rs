//! MODULE: extensions, of which there are none.

use firth_resp::Request;

use crate::context::Context;
use crate::help;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "module",
    syntax: "subcommand [argument ...]",
    summary: "Tells about extensions, of which there are none.",
    since: "4.0.0",
    complexity: "O(1)",
    group: Group::Server,
    arity: -2,
    subcommands: &[help::spec("module|help", Group::Server), LIST],
    ..Spec::BASE
};

const LIST: Spec = Spec {
    name: "module|list",
    summary: "Returns the extensions, of which there are none.",
    since: "4.0.0",
    group: Group::Server,
    arity: 2,
    flags: Flags::ADMIN.union(Flags::NOSCRIPT),
    run: list,
    ..Spec::BASE
};

fn list(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    cx.reply().array(0);
    Ok(())
}

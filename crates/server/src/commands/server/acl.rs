//! ACL: users, of which there is one.

use firth_resp::Request;

use crate::context::Context;
use crate::help;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "acl",
    syntax: "subcommand [argument ...]",
    summary: "Tells about users, of which there is one.",
    since: "6.0.0",
    complexity: "O(1)",
    group: Group::Server,
    arity: -2,
    subcommands: &[help::spec("acl|help", Group::Server), WHOAMI],
    ..Spec::BASE
};

const WHOAMI: Spec = Spec {
    name: "acl|whoami",
    summary: "Returns the name of the user: default.",
    since: "6.0.0",
    group: Group::Server,
    arity: 2,
    flags: Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE),
    run: who_am_i,
    ..Spec::BASE
};

fn who_am_i(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    cx.reply().bulk(b"default");
    Ok(())
}

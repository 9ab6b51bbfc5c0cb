//! REPLICAOF, SLAVEOF: make the server a replica of another one, which it cannot be.

use firth_resp::Request;

use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "replicaof",
    syntax: "<host port | NO ONE>",
    summary: "Makes the server a primary, which it is; it cannot be a replica.",
    since: "5.0.0",
    complexity: "O(1)",
    group: Group::Server,
    arity: 3,
    flags: Flags::ADMIN.union(Flags::NOSCRIPT).union(Flags::STALE),
    run,
    ..Spec::BASE
};

/// The same under its old name.
pub(super) const SPEC_OF_OLD: Spec = Spec { name: "slaveof", since: "1.0.0", ..SPEC };

const NO_REPLICAS: ReplyError =
    ReplyError::fixed("ERR Replication is not available: this server can only be a primary");

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    if !(args.take_word("NO") && args.take_word("ONE")) {
        return Err(NO_REPLICAS);
    }
    cx.reply().ok();
    Ok(())
}

//! BGSAVE: has a checkpoint made in the background.

use firth_resp::Request;

use crate::args::Args;
use crate::context::Context;
use crate::reply_error::{ReplyError, SYNTAX};
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "bgsave",
    syntax: "[SCHEDULE]",
    summary: "Has a checkpoint made in the background.",
    since: "1.0.0",
    complexity: "O(1)",
    group: Group::Server,
    arity: -1,
    flags: Flags::ADMIN.union(Flags::NOSCRIPT),
    run,
    ..Spec::BASE
};

/// One checkpoint is made at a time.
pub(super) const IN_PROGRESS: ReplyError =
    ReplyError::fixed("ERR Background save already in progress");

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let is_scheduled = args.take_word("SCHEDULE");
    if args.left() > 0 {
        return Err(SYNTAX);
    }
    let engine = &cx.server.engine;
    let is_running = engine.saves().running_since_ms.is_some();
    if is_running && !is_scheduled {
        return Err(IN_PROGRESS);
    }
    engine.request_checkpoint();
    let began = "Background saving started";
    cx.reply().simple(if is_running { "Background saving scheduled" } else { began });
    Ok(())
}

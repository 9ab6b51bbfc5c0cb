//! BGREWRITEAOF: has a checkpoint made in the background, which is what makes the log short.

use firth_resp::Request;

use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "bgrewriteaof",
    summary: "Has a checkpoint made in the background, so that the log before it goes.",
    since: "1.0.0",
    complexity: "O(1)",
    group: Group::Server,
    arity: 1,
    flags: Flags::ADMIN.union(Flags::NOSCRIPT),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    let engine = &cx.server.engine;
    let is_running = engine.saves().running_since_ms.is_some();
    engine.request_checkpoint();
    let began = "Background append only file rewriting started";
    let scheduled = "Background append only file rewriting scheduled";
    cx.reply().simple(if is_running { scheduled } else { began });
    Ok(())
}

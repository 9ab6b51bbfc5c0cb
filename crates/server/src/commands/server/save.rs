//! SAVE: makes a checkpoint and waits for it.

use firth_resp::Request;

use super::bgsave::IN_PROGRESS;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "save",
    summary: "Makes a checkpoint; the thread that serves this connection waits for it.",
    since: "1.0.0",
    complexity: "O(N) where N is the number of keys, blocks of streams and pending entries",
    group: Group::Server,
    arity: 1,
    flags: Flags::ADMIN.union(Flags::NOSCRIPT).union(Flags::NO_MULTI),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    let engine = &cx.server.engine;
    if engine.saves().running_since_ms.is_some() {
        return Err(IN_PROGRESS);
    }
    engine.checkpoint().map_err(|error| ReplyError::new(format!("ERR {error}")))?;
    cx.reply().ok();
    Ok(())
}

//! CONFIG RESETSTAT: sets the counters that INFO shows to zero.

use std::sync::atomic::Ordering;

use firth_resp::Request;

use super::FLAGS;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "config|resetstat",
    summary: "Sets the counters that INFO shows to zero.",
    since: "2.0.0",
    group: Group::Server,
    arity: 2,
    flags: FLAGS,
    keys: Keys::All,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    for stats in cx.server.worker_stats() {
        stats.reset();
    }
    cx.server.errors.lock().clear();
    cx.server.rejected_connections.store(0, Ordering::Relaxed);
    cx.keys.reset_stats();
    cx.reply().ok();
    Ok(())
}

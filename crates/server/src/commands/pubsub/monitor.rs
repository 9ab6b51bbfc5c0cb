//! MONITOR: shows the client every command that the server runs.

use firth_resp::Request;

use crate::context::Context;
use crate::monitor;
use crate::reply_error::{MONITOR_IN_EXEC, ReplyError};
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "monitor",
    summary: "Shows the client every command that the server runs.",
    since: "1.0.0",
    group: Group::Server,
    arity: 1,
    flags: Flags::ADMIN.union(Flags::NOSCRIPT).union(Flags::LOADING).union(Flags::STALE),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    if cx.in_transaction {
        return Err(MONITOR_IN_EXEC);
    }
    // A client that monitors already is not answered.
    if !cx.session.is_monitor {
        monitor::enter(cx.server, cx.session);
        cx.reply().ok();
    }
    Ok(())
}

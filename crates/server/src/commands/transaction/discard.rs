//! DISCARD: gives a transaction up.

use firth_resp::Request;

use super::multi;
use crate::context::Context;
use crate::reply_error::{DISCARD_WITHOUT_MULTI, ReplyError};
use crate::spec::Spec;
use crate::watch;

pub(super) const SPEC: Spec = Spec {
    name: "discard",
    summary: "Gives the queued commands of a transaction up.",
    since: "2.0.0",
    complexity: "O(N) where N is the number of queued commands",
    run,
    ..multi::SPEC
};

fn run(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    if watch::end_transaction(cx.session).is_none() {
        return Err(DISCARD_WITHOUT_MULTI);
    }
    // No key is locked by this command, so the watched ones can be.
    watch::unwatch_all(cx.server, cx.session, cx.now_ms());
    cx.reply().ok();
    Ok(())
}

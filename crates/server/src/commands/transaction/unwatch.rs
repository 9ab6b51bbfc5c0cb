//! UNWATCH: watches no key any longer.

use firth_resp::Request;

use super::multi;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Spec};
use crate::watch;

pub(super) const SPEC: Spec = Spec {
    name: "unwatch",
    summary: "Forgets the keys that the client watches.",
    since: "2.2.0",
    flags: multi::SPEC.flags.difference(Flags::IMMEDIATE),
    run,
    ..multi::SPEC
};

fn run(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    // No key is locked by this command, so the watched ones can be. Within a transaction other
    // commands' keys are locked, but EXEC has forgotten what was watched before it runs anything.
    watch::unwatch_all(cx.server, cx.session, cx.now_ms());
    cx.reply().ok();
    Ok(())
}

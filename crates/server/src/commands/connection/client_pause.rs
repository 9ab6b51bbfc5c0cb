//! CLIENT PAUSE: lets clients wait.

use firth_resp::Request;

use crate::args::{Args, parse_integer};
use crate::context::Context;
use crate::pause::Paused;
use crate::reply_error::{ReplyError, TIMEOUT_NEGATIVE, TIMEOUT_NOT_INTEGER};
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "client|pause",
    syntax: "timeout [WRITE | ALL]",
    summary: "Lets commands of all clients, or those that may change something, wait for so many milliseconds.",
    since: "3.0.0",
    group: Group::Connection,
    arity: -3,
    flags: Flags::NOSCRIPT
        .union(Flags::LOADING)
        .union(Flags::STALE)
        .union(Flags::CONNECTION)
        .union(Flags::ADMIN),
    run,
    ..Spec::BASE
};

const BAD_MODE: ReplyError = ReplyError::fixed("ERR CLIENT PAUSE mode must be WRITE or ALL");

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 2);
    let timeout = args.take()?;
    let which = if args.left() == 0 || args.take_word("ALL") {
        Paused::All
    } else if args.take_word("WRITE") {
        Paused::Writes
    } else {
        return Err(BAD_MODE);
    };
    args.finish()?;
    let timeout_ms = parse_integer(timeout).ok_or(TIMEOUT_NOT_INTEGER)?;
    let timeout_ms = u64::try_from(timeout_ms).map_err(|_| TIMEOUT_NEGATIVE)?;
    cx.server.pause.until(cx.local.monotonic_ms.saturating_add(timeout_ms), which);
    cx.reply().ok();
    Ok(())
}

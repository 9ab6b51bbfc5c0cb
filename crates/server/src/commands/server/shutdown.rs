//! SHUTDOWN: stops the server.

use firth_resp::Request;

use crate::args::Args;
use crate::context::Context;
use crate::reply_error::{ReplyError, SYNTAX};
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "shutdown",
    syntax: "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
    summary: "Stops the server.",
    since: "1.0.0",
    complexity: "O(1)",
    group: Group::Server,
    arity: -1,
    flags: Flags::ADMIN
        .union(Flags::NOSCRIPT)
        .union(Flags::LOADING)
        .union(Flags::STALE)
        .union(Flags::NO_MULTI),
    run,
    ..Spec::BASE
};

const NOT_SHUTTING_DOWN: ReplyError = ReplyError::fixed("ERR No shutdown in progress.");
const CANNOT_SAVE: ReplyError =
    ReplyError::fixed("ERR Saving is not available: state lives in memory, there is no log yet");

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let mut saves = false;
    let mut spares = false;
    while args.left() > 0 {
        if args.take_word("ABORT") {
            if request.len() > 2 {
                return Err(SYNTAX);
            }
            return Err(NOT_SHUTTING_DOWN);
        } else if args.take_word("SAVE") {
            saves = true;
        } else if args.take_word("NOSAVE") {
            spares = true;
        } else if !args.take_word("NOW") && !args.take_word("FORCE") {
            return Err(SYNTAX);
        }
    }
    if saves && spares {
        return Err(SYNTAX);
    }
    if saves {
        return Err(CANNOT_SAVE);
    }
    tracing::info!(client = %cx.session.client.peer, "a client has asked for the shutdown");
    cx.session.is_closing = true;
    cx.server.shut_down();
    Ok(())
}

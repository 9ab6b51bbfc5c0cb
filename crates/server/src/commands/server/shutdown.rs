//! SHUTDOWN: stops the server.

use std::sync::atomic::Ordering;

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
const CANNOT_SAVE: ReplyError = ReplyError::fixed("ERR Errors trying to SHUTDOWN. Check logs.");

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let mut saves = false;
    let mut spares = false;
    let mut forces = false;
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
        } else if args.take_word("FORCE") {
            forces = true;
        } else if !args.take_word("NOW") {
            return Err(SYNTAX);
        }
    }
    if saves && spares {
        return Err(SYNTAX);
    }
    if saves && let Err(error) = cx.server.engine.checkpoint() {
        tracing::error!("no checkpoint could be made: {error}");
        if !forces {
            return Err(CANNOT_SAVE);
        }
    }
    if spares {
        cx.server.spares_checkpoint.store(true, Ordering::Relaxed);
    }
    tracing::info!(client = %cx.session.client.peer, "a client has asked for the shutdown");
    cx.session.is_closing = true;
    cx.server.shut_down();
    Ok(())
}

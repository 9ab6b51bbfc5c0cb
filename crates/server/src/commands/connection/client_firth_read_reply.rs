//! CLIENT FIRTH-READ-REPLY: says how XREAD and XREADGROUP answer this connection in RESP3.

use firth_resp::Request;

use crate::args::Args;
use crate::config::ReadReply;
use crate::context::Context;
use crate::reply_error::{ReplyError, SYNTAX};
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "client|firth-read-reply",
    syntax: "<MAP | ARRAY | DEFAULT>",
    summary: "Says how XREAD and XREADGROUP answer this connection in RESP3: with a map, with an array of pairs, or as configured.",
    since: "0.1.0",
    group: Group::Connection,
    arity: 3,
    flags: Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE).union(Flags::CONNECTION),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 2);
    cx.session.read_reply = if args.take_word("MAP") {
        Some(ReadReply::Map)
    } else if args.take_word("ARRAY") {
        Some(ReadReply::Array)
    } else if args.take_word("DEFAULT") {
        None
    } else {
        return Err(SYNTAX);
    };
    cx.reply().ok();
    Ok(())
}

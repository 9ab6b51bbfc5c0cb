//! CLIENT REPLY: says which replies the connection wants.

use firth_resp::Request;

use crate::args::{Args, is_word};
use crate::context::Context;
use crate::reply_error::{ReplyError, SYNTAX};
use crate::session::ReplyMode;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "client|reply",
    syntax: "<ON | OFF | SKIP>",
    summary: "Says which replies the connection wants: all, none, or all but the next.",
    since: "3.2.0",
    group: Group::Connection,
    arity: 3,
    flags: Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE).union(Flags::CONNECTION),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mode = Args::from(request, 2).take()?;
    if is_word(mode, "ON") {
        cx.session.reply_mode = ReplyMode::On;
        cx.reply().ok();
    } else if is_word(mode, "OFF") {
        cx.session.reply_mode = ReplyMode::Off;
    } else if !is_word(mode, "SKIP") {
        return Err(SYNTAX);
    } else if cx.session.reply_mode != ReplyMode::Off {
        cx.session.reply_mode = ReplyMode::SkipNext;
    }
    Ok(())
}

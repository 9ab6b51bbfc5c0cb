//! CLIENT NO-TOUCH: says that commands of the connection do not count as uses of keys.

use firth_resp::Request;

use crate::args::Args;
use crate::client::ClientState;
use crate::context::Context;
use crate::reply_error::{ReplyError, SYNTAX};
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "client|no-touch",
    syntax: "<ON | OFF>",
    summary: "Says whether commands of the connection count as uses of keys.",
    since: "7.2.0",
    group: Group::Connection,
    arity: 3,
    flags: Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE).union(Flags::CONNECTION),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 2);
    let is_on = args.take_word("ON");
    if !is_on && !args.take_word("OFF") {
        return Err(SYNTAX);
    }
    cx.session.client.note(ClientState::NoTouch, is_on);
    cx.reply().ok();
    Ok(())
}

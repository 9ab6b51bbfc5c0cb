//! CLIENT NO-EVICT: exempts the connection from eviction.

use firth_resp::Request;

use crate::args::Args;
use crate::client::ClientState;
use crate::context::Context;
use crate::reply_error::{ReplyError, SYNTAX};
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "client|no-evict",
    syntax: "<ON | OFF>",
    summary: "Says whether the connection is exempt from eviction.",
    since: "7.0.0",
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
    cx.session.client.note(ClientState::NoEvict, is_on);
    cx.reply().ok();
    Ok(())
}

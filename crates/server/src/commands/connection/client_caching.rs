//! CLIENT CACHING: says whether the keys that the next command reads are tracked.

use firth_resp::Request;

use crate::args::{Args, is_word};
use crate::context::Context;
use crate::reply_error::{ReplyError, SYNTAX};
use crate::spec::{Flags, Group, Spec};
use crate::tracking::Scope;

pub(super) const SPEC: Spec = Spec {
    name: "client|caching",
    syntax: "<YES | NO>",
    summary: "Says whether the keys that the next command or transaction reads are tracked.",
    since: "6.0.0",
    group: Group::Connection,
    arity: 3,
    flags: Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE).union(Flags::CONNECTION),
    run,
    ..Spec::BASE
};

const NOT_TRACKING: ReplyError = ReplyError::fixed(
    "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or \
     OPTOUT mode enabled",
);
const YES_WITHOUT_OPTIN: ReplyError = ReplyError::fixed(
    "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.",
);
const NO_WITHOUT_OPTOUT: ReplyError = ReplyError::fixed(
    "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.",
);

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let answer = Args::from(request, 2).take()?;
    let tracking = cx.session.tracking.as_mut().ok_or(NOT_TRACKING)?;
    let (scope, otherwise) = if is_word(answer, "YES") {
        (Scope::OptIn, YES_WITHOUT_OPTIN)
    } else if is_word(answer, "NO") {
        (Scope::OptOut, NO_WITHOUT_OPTOUT)
    } else {
        return Err(SYNTAX);
    };
    if tracking.scope != scope {
        return Err(otherwise);
    }
    tracking.is_caching_called = true;
    cx.reply().ok();
    Ok(())
}

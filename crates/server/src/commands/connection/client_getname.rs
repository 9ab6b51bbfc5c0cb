//! CLIENT GETNAME: returns what CLIENT SETNAME has set.

use firth_resp::Request;

use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "client|getname",
    summary: "Returns the name of the connection.",
    since: "2.6.9",
    group: Group::Connection,
    arity: 2,
    flags: Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE).union(Flags::CONNECTION),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    let name = cx.session.client.labels.lock().name.clone();
    let mut reply = cx.reply();
    if name.is_empty() {
        reply.null();
    } else {
        reply.bulk(&name);
    }
    Ok(())
}

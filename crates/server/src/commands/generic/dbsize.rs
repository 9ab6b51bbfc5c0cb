//! DBSIZE: tells how many keys there are.

use firth_resp::Request;

use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "dbsize",
    summary: "Returns how many keys the database holds.",
    group: Group::Server,
    arity: 1,
    flags: Flags::READONLY.union(Flags::FAST).union(Flags::KEYSPACE),
    keys: Keys::All,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    let count = cx.keys.key_count(cx.session.db);
    cx.reply().integer(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(())
}

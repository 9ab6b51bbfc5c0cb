//! PERSIST: lets a key live for ever.

use firth_resp::Request;

use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "persist",
    syntax: "key",
    summary: "Clears the expiration time of a key.",
    since: "2.2.0",
    arity: 2,
    flags: Flags::WRITE.union(Flags::FAST).union(Flags::KEYSPACE),
    keys: Keys::FIRST,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let key = Args::from(request, 1).take()?;
    let db = cx.db();
    let is_done = cx.keys.persist(db, key);
    cx.reply().integer(is_done.into());
    Ok(())
}

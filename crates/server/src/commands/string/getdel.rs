//! GETDEL: reads a string and removes the key.

use firth_resp::Request;

use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "getdel",
    syntax: "key",
    summary: "Returns the string that a key holds and deletes the key.",
    since: "6.2.0",
    group: Group::String,
    arity: 2,
    flags: Flags::WRITE.union(Flags::FAST),
    keys: Keys::FIRST,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let key = Args::from(request, 1).take()?;
    let db = cx.db();
    let (keys, mut reply) = cx.keys_and_reply();
    match keys.string(db, key)? {
        Some(old) => reply.bulk(old),
        None => reply.null(),
    }
    keys.delete(db, key);
    Ok(())
}

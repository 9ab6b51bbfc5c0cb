//! GET: reads a string.

use firth_resp::Request;

use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "get",
    syntax: "key",
    summary: "Returns the string that a key holds.",
    group: Group::String,
    arity: 2,
    flags: Flags::READONLY.union(Flags::FAST),
    keys: Keys::FIRST,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let key = Args::from(request, 1).take()?;
    let db = cx.db();
    let (keys, mut reply) = cx.keys_and_reply();
    match keys.string(db, key)? {
        Some(value) => reply.bulk(value),
        None => reply.null(),
    }
    Ok(())
}

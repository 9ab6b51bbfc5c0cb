//! GETSET: sets a string and returns the one before.

use firth_engine::Deadline;
use firth_resp::Request;

use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "getset",
    syntax: "key value",
    summary: "Sets a key to a string and returns the string that it held before.",
    group: Group::String,
    arity: 3,
    flags: Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST),
    keys: Keys::FIRST,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let (key, value) = (args.take()?, args.take()?);
    let db = cx.db();
    let (keys, mut reply) = cx.keys_and_reply();
    match keys.string(db, key)? {
        Some(old) => reply.bulk(old),
        None => reply.null(),
    }
    keys.set_string(db, key, value, Deadline::Clear, None);
    Ok(())
}

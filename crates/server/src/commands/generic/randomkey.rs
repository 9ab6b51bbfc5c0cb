//! RANDOMKEY: returns some key.

use firth_resp::Request;

use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "randomkey",
    summary: "Returns some key of the database.",
    arity: 1,
    flags: Flags::READONLY.union(Flags::KEYSPACE),
    keys: Keys::All,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    let db = cx.db();
    let (keys, mut reply) = cx.keys_and_reply();
    match keys.random_key(db) {
        Some(key) => reply.bulk(&key),
        None => reply.null(),
    }
    Ok(())
}

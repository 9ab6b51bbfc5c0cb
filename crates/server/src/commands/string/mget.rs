//! MGET: reads several strings.

use firth_resp::Request;

use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "mget",
    syntax: "key [key ...]",
    summary: "Returns the strings that several keys hold.",
    complexity: "O(N) where N is the number of keys",
    group: Group::String,
    arity: -2,
    flags: Flags::READONLY.union(Flags::FAST),
    keys: Keys::REST,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let args = Args::from(request, 1);
    let db = cx.db();
    let (keys, mut reply) = cx.keys_and_reply();
    reply.array(args.left());
    for key in args.rest() {
        match keys.string(db, key) {
            Ok(Some(value)) => reply.bulk(value),
            Ok(None) | Err(_) => reply.null(),
        }
    }
    Ok(())
}

//! EXISTS: tells how many keys there are among those named.

use firth_resp::Request;

use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "exists",
    syntax: "key [key ...]",
    summary: "Returns how many of the keys exist; one that is named twice counts twice.",
    complexity: "O(N) where N is the number of keys",
    flags: Flags::READONLY.union(Flags::FAST).union(Flags::KEYSPACE),
    keys: Keys::REST,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let db = cx.db();
    let mut found = 0;
    for key in Args::from(request, 1).rest() {
        found += i64::from(cx.keys.glance(db, key).is_some());
    }
    cx.reply().integer(found);
    Ok(())
}

//! KEYS: lists all keys that match a pattern.

use firth_resp::Request;

use super::pattern;
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "keys",
    syntax: "pattern",
    summary: "Returns all keys that match a pattern, and keeps everybody waiting meanwhile.",
    complexity: "O(N) where N is the number of keys in the database",
    arity: 2,
    flags: Flags::READONLY.union(Flags::KEYSPACE).union(Flags::DANGEROUS),
    keys: Keys::All,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let wanted = Args::from(request, 1).take()?;
    let db = cx.db();
    let (keys, mut reply) = cx.keys_and_reply();
    let array = reply.open_array();
    let mut found = 0;
    for entry in keys.entries(db).filter(|entry| pattern::matches(wanted, entry.key())) {
        reply.bulk(entry.key());
        found += 1;
    }
    reply.close_array(array, found);
    Ok(())
}

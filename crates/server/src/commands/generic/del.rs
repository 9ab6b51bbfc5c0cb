//! DEL and UNLINK: remove keys.

use firth_resp::Request;

use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Keys, Spec};

pub(super) const DEL: Spec = Spec {
    name: "del",
    syntax: "key [key ...]",
    summary: "Deletes keys and returns how many of them there were.",
    complexity: "O(N) where N is the number of keys",
    flags: Flags::WRITE.union(Flags::KEYSPACE),
    keys: Keys::REST,
    run,
    ..Spec::BASE
};

pub(super) const UNLINK: Spec = Spec {
    name: "unlink",
    summary: "Deletes keys, as DEL does, and returns how many of them there were.",
    since: "4.0.0",
    flags: DEL.flags.union(Flags::FAST),
    ..DEL
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let db = cx.db();
    let mut deleted = 0;
    for key in Args::from(request, 1).rest() {
        deleted += i64::from(cx.keys.delete(db, key));
    }
    cx.reply().integer(deleted);
    Ok(())
}

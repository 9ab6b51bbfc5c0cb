//! STRLEN: returns how long a string is.

use firth_resp::Request;

use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "strlen",
    syntax: "key",
    summary: "Returns the length of the string that a key holds.",
    since: "2.2.0",
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
    let len = cx.keys.string(db, key)?.map_or(0, <[u8]>::len);
    cx.reply().integer(i64::try_from(len).unwrap_or(i64::MAX));
    Ok(())
}

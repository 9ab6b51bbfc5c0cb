//! XDEL: deletes entries of a stream.

use firth_resp::Request;

use super::id_arg;
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "xdel",
    syntax: "key id [id ...]",
    summary: "Deletes entries of a stream and returns how many were there.",
    complexity: "O(log N) for each entry",
    since: "5.0.0",
    group: Group::Stream,
    arity: -3,
    flags: Flags::WRITE.union(Flags::FAST),
    keys: Keys::FIRST,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let key = args.take()?;
    let db = cx.db();
    // A missing key is answered before the ids are looked at, as everywhere.
    let deleted = match cx.keys.stream_mut(db, key)? {
        Some(mut stream) => stream.delete(&id_arg::ids(args)?),
        None => 0,
    };
    cx.reply().integer(deleted.cast_signed());
    Ok(())
}

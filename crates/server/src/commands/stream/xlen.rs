//! XLEN: how many entries a stream has.

use firth_engine::stream::Stream;
use firth_resp::Request;

use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "xlen",
    syntax: "key",
    summary: "Returns how many entries a stream has.",
    since: "5.0.0",
    group: Group::Stream,
    arity: 2,
    flags: Flags::READONLY.union(Flags::FAST),
    keys: Keys::FIRST,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let key = Args::from(request, 1).take()?;
    let db = cx.db();
    let len = cx.keys.stream(db, key)?.map_or(0, Stream::len);
    cx.reply().integer(len.cast_signed());
    Ok(())
}

//! TYPE: tells the type of a key's value.

use firth_resp::Request;

use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "type",
    syntax: "key",
    summary: "Returns the type of the value that a key holds.",
    arity: 2,
    flags: Flags::READONLY.union(Flags::FAST).union(Flags::KEYSPACE),
    keys: Keys::FIRST,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let key = Args::from(request, 1).take()?;
    let db = cx.db();
    let name = cx.keys.glance(db, key).map_or("none", |entry| entry.value().kind().name());
    cx.reply().simple(name);
    Ok(())
}

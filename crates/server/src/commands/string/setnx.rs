//! SETNX: sets a string if the key is free.

use firth_engine::{Deadline, Presence};
use firth_resp::Request;

use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "setnx",
    syntax: "key value",
    summary: "Sets a key to a string, if the key does not exist.",
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
    let is_done = cx.keys.set_string(db, key, value, Deadline::Clear, Some(Presence::Absent));
    cx.reply().integer(is_done.into());
    Ok(())
}

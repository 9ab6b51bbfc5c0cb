//! SETEX and PSETEX: set a string for a while.

use firth_engine::Deadline;
use firth_resp::Request;

use super::expiry::{Expiry, Kind};
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SETEX: Spec = Spec {
    name: "setex",
    syntax: "key seconds value",
    summary: "Sets a key to a string that expires after some seconds.",
    since: "2.0.0",
    group: Group::String,
    arity: 4,
    flags: Flags::WRITE.union(Flags::DENYOOM),
    keys: Keys::FIRST,
    run: |cx, request| run(cx, request, Kind::Seconds),
    ..Spec::BASE
};

pub(super) const PSETEX: Spec = Spec {
    name: "psetex",
    syntax: "key milliseconds value",
    summary: "Sets a key to a string that expires after some milliseconds.",
    since: "2.6.0",
    run: |cx, request| run(cx, request, Kind::Milliseconds),
    ..SETEX
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>, kind: Kind) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let (key, number, value) = (args.take()?, args.take()?, args.take()?);
    let at_ms = Expiry { kind, number }.at_ms(cx.now_ms(), cx.spec.name)?;
    let db = cx.db();
    cx.keys.set_string(db, key, value, Deadline::At(at_ms), None);
    cx.reply().ok();
    Ok(())
}

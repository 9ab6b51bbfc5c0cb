//! RENAME and RENAMENX: give a value another key.

use firth_engine::{Overwrite, Renamed};
use firth_resp::Request;

use crate::args::Args;
use crate::context::Context;
use crate::reply_error::{NO_SUCH_KEY, ReplyError};
use crate::spec::{Flags, Keys, Spec};

pub(super) const RENAME: Spec = Spec {
    name: "rename",
    syntax: "key newkey",
    summary: "Gives a value another key, whatever that key held before.",
    arity: 3,
    flags: Flags::WRITE.union(Flags::KEYSPACE),
    keys: Keys::Range { first: 1, last: 2, step: 1 },
    run: overwrite,
    ..Spec::BASE
};

pub(super) const RENAMENX: Spec = Spec {
    name: "renamenx",
    summary: "Gives a value another key, if that key does not exist.",
    flags: RENAME.flags.union(Flags::FAST),
    run: keep,
    ..RENAME
};

fn overwrite(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    rename(cx, request, Overwrite::Allowed)?;
    cx.reply().ok();
    Ok(())
}

fn keep(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let outcome = rename(cx, request, Overwrite::Refused)?;
    cx.reply().integer((outcome == Renamed::Done).into());
    Ok(())
}

fn rename(
    cx: &mut Context<'_, '_>,
    request: Request<'_>,
    overwrite: Overwrite,
) -> Result<Renamed, ReplyError> {
    let mut args = Args::from(request, 1);
    let (from, to) = (args.take()?, args.take()?);
    let db = cx.db();
    match cx.keys.rename(db, from, to, overwrite) {
        Renamed::NoSuchKey => Err(NO_SUCH_KEY),
        outcome => Ok(outcome),
    }
}

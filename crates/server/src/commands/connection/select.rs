//! SELECT: chooses the database.

use std::sync::atomic::Ordering;

use firth_engine::DATABASES;
use firth_resp::Request;

use crate::args::Args;
use crate::context::Context;
use crate::reply_error::{DB_OUT_OF_RANGE, ReplyError};
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "select",
    syntax: "index",
    summary: "Chooses the database that the connection works on.",
    group: Group::Connection,
    arity: 2,
    flags: Flags::LOADING.union(Flags::STALE).union(Flags::FAST).union(Flags::CONNECTION),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let index = Args::from(request, 1).take_integer()?;
    let db = u8::try_from(index).ok().filter(|db| *db < DATABASES).ok_or(DB_OUT_OF_RANGE)?;
    select(cx, db);
    cx.reply().ok();
    Ok(())
}

/// Lets the client work on a database.
pub(super) fn select(cx: &mut Context<'_, '_>, db: u8) {
    cx.session.db = db;
    cx.session.client.db.store(db, Ordering::Relaxed);
}

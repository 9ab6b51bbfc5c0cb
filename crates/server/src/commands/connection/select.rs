//! SELECT: chooses the database.

use std::sync::atomic::Ordering;

use firth_resp::Request;

use crate::args::Args;
use crate::commands::database;
use crate::context::Context;
use crate::reply_error::ReplyError;
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
    let db = database::number(Args::from(request, 1).take()?, None)?;
    select(cx, db);
    cx.reply().ok();
    Ok(())
}

/// Lets the client work on a database.
pub(super) fn select(cx: &mut Context<'_, '_>, db: u8) {
    cx.session.db = db;
    cx.session.client.db.store(db, Ordering::Relaxed);
}

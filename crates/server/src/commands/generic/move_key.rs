//! MOVE: puts a key into another database.

use firth_resp::Request;

use crate::args::Args;
use crate::commands::database::{self, SAME_OBJECT};
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "move",
    syntax: "key db",
    summary: "Puts a key into another database, if the key does not exist there.",
    arity: 3,
    flags: Flags::WRITE.union(Flags::FAST).union(Flags::KEYSPACE),
    keys: Keys::FIRST,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let key = args.take()?;
    let db = cx.db();
    let to_db = database::number(args.take()?, None)?;
    if to_db == db {
        return Err(SAME_OBJECT);
    }
    let is_done = cx.keys.move_to(db, key, to_db);
    cx.reply().integer(is_done.into());
    Ok(())
}

//! COPY: puts a copy of a value under another key.

use firth_engine::{Entry, Overwrite};
use firth_resp::Request;

use crate::args::Args;
use crate::commands::database::{self, SAME_OBJECT};
use crate::context::Context;
use crate::reply_error::{ReplyError, SYNTAX};
use crate::spec::{Flags, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "copy",
    syntax: "source destination [DB destination-db] [REPLACE]",
    summary: "Puts a copy of a value under another key.",
    since: "6.2.0",
    complexity: "O(N) where N is the number of entries of a stream, O(1) for strings",
    arity: -3,
    flags: Flags::WRITE.union(Flags::DENYOOM).union(Flags::KEYSPACE),
    keys: Keys::Range { first: 1, last: 2, step: 1 },
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let (from, to) = (args.take()?, args.take()?);
    let db = cx.db();
    let (mut to_db, mut overwrite) = (db, Overwrite::Refused);
    while args.left() > 0 {
        if args.take_word("replace") {
            overwrite = Overwrite::Allowed;
        } else if args.take_word("db") {
            to_db = database::number(args.take()?, None)?;
        } else {
            return Err(SYNTAX);
        }
    }
    if (db, from) == (to_db, to) {
        return Err(SAME_OBJECT);
    }
    let bytes = cx.keys.peek(db, from).map_or(0, Entry::memory_bytes);
    cx.check_room(bytes)?;
    let is_done = cx.keys.copy(db, from, to_db, to, overwrite);
    cx.reply().integer(is_done.into());
    Ok(())
}

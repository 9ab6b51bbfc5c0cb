//! FLUSHDB and FLUSHALL: remove all keys.

use firth_engine::DATABASES;
use firth_resp::Request;

use crate::args::Args;
use crate::context::Context;
use crate::reply_error::{ReplyError, SYNTAX};
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const FLUSHDB: Spec = Spec {
    name: "flushdb",
    syntax: "[ASYNC | SYNC]",
    summary: "Deletes all keys of the database.",
    complexity: "O(N) where N is the number of keys",
    group: Group::Server,
    arity: -1,
    flags: Flags::WRITE.union(Flags::KEYSPACE).union(Flags::DANGEROUS),
    keys: Keys::All,
    run: |cx, request| {
        let db = cx.db();
        run(cx, request, db..db + 1)
    },
    ..Spec::BASE
};

pub(super) const FLUSHALL: Spec = Spec {
    name: "flushall",
    summary: "Deletes all keys of all databases.",
    run: |cx, request| run(cx, request, 0..DATABASES),
    ..FLUSHDB
};

fn run(
    cx: &mut Context<'_, '_>,
    request: Request<'_>,
    databases: std::ops::Range<u8>,
) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    if !args.take_word("async") && !args.take_word("sync") && args.left() > 0 {
        return Err(SYNTAX);
    }
    args.finish()?;
    // Clients that track keys are told once that all are gone, so their readers are forgotten
    // before each key could be reported on its own.
    cx.keys.invalidate_all();
    for db in databases {
        cx.keys.flush(db);
    }
    cx.reply().ok();
    Ok(())
}

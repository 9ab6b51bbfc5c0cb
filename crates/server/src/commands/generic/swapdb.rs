//! SWAPDB: lets two databases change places.

use firth_resp::Request;

use crate::args::Args;
use crate::commands::database;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "swapdb",
    syntax: "index1 index2",
    summary: "Lets two databases change places, with all of their keys.",
    since: "4.0.0",
    complexity: "O(N) where N is the number of keys that clients watch or wait for",
    group: Group::Server,
    arity: 3,
    flags: Flags::WRITE.union(Flags::FAST).union(Flags::KEYSPACE).union(Flags::DANGEROUS),
    keys: Keys::All,
    run,
    ..Spec::BASE
};

const INVALID_FIRST: ReplyError = ReplyError::fixed("ERR invalid first DB index");
const INVALID_SECOND: ReplyError = ReplyError::fixed("ERR invalid second DB index");

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let first = database::number(args.take()?, Some(&INVALID_FIRST));
    let second = database::number(args.take()?, Some(&INVALID_SECOND));
    // A number that is none is told before one that is out of range, whichever it is.
    if second == Err(INVALID_SECOND) && first != Err(INVALID_FIRST) {
        return Err(INVALID_SECOND);
    }
    cx.keys.swap(first?, second?);
    cx.reply().ok();
    Ok(())
}

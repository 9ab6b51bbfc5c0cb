//! XDELEX: deletes entries of a stream with regard to the groups that reference them.

use firth_engine::stream::Deletion;
use firth_resp::Request;

use super::references_arg::references_and_ids;
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "xdelex",
    syntax: "key [KEEPREF|DELREF|ACKED] IDS numids id [id ...]",
    summary: "Deletes entries of a stream, and says of each what became of it.",
    complexity: "O(log N) for each entry and group",
    since: "8.2.0",
    group: Group::Stream,
    arity: -5,
    flags: Flags::WRITE.union(Flags::FAST),
    keys: Keys::FIRST,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let key = args.take()?;
    let (references, ids) = references_and_ids(args)?;
    let db = cx.db();
    let outcomes = match cx.keys.stream_mut(db, key)? {
        Some(mut stream) => stream.delete_referenced(&ids, references),
        None => vec![Deletion::NotFound; ids.len()],
    };
    let mut reply = cx.reply();
    reply.array(outcomes.len());
    for outcome in outcomes {
        reply.integer(match outcome {
            Deletion::Deleted => 1,
            Deletion::NotFound => -1,
            Deletion::Referenced => 2,
        });
    }
    Ok(())
}

//! XACKDEL: acknowledges entries and deletes those that are done with.

use firth_engine::stream::AckDeletion;
use firth_resp::Request;

use super::references_arg::references_and_ids;
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "xackdel",
    syntax: "key group [KEEPREF | DELREF | ACKED] IDS numids id [id ...]",
    summary: "Acknowledges entries for a consumer group and deletes them if they may go.",
    since: "8.2.0",
    complexity: "O(log(N)) for each id, N being the number of pending entries",
    group: Group::Stream,
    arity: -6,
    flags: Flags::WRITE.union(Flags::FAST),
    keys: Keys::FIRST,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let (key, group) = (args.take()?, args.take()?);
    let (references, ids) = references_and_ids(args)?;
    let db = cx.db();
    let (keys, mut reply) = cx.keys_and_reply();
    let outcomes = match keys.stream_for_groups(db, key)? {
        Some(mut stream) => stream.acknowledge_and_delete(group, &ids, references),
        None => vec![AckDeletion::NotPending; ids.len()],
    };
    reply.array(outcomes.len());
    for outcome in outcomes {
        reply.integer(match outcome {
            AckDeletion::Deleted => 1,
            AckDeletion::Kept => 2,
            AckDeletion::NotPending => -1,
        });
    }
    Ok(())
}

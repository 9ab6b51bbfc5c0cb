//! XINFO GROUPS: the groups of a stream.

use firth_engine::stream::lag::lag;
use firth_resp::Request;

use super::{id, number, number_or_null};
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::{NO_SUCH_KEY, ReplyError};
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "xinfo|groups",
    syntax: "key",
    summary: "Returns the groups of a stream.",
    since: "5.0.0",
    group: Group::Stream,
    arity: 3,
    flags: Flags::READONLY,
    keys: Keys::SECOND,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let key = Args::from(request, 2).take()?;
    let db = cx.db();
    let (keys, mut reply) = cx.keys_and_reply();
    let stream = keys.stream(db, key)?.ok_or(NO_SUCH_KEY)?;
    reply.array(stream.groups().len());
    for (name, group) in stream.groups().iter() {
        reply.map(6);
        reply.bulk(b"name");
        reply.bulk(name);
        number(&mut reply, "consumers", group.consumers.len() as u64);
        number(&mut reply, "pending", group.pending.len() as u64);
        id(&mut reply, "last-delivered-id", group.last_delivered);
        number_or_null(&mut reply, "entries-read", group.entries_read);
        number_or_null(&mut reply, "lag", lag(stream, group));
    }
    Ok(())
}

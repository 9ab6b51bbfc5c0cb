//! XINFO CONSUMERS: the consumers of a group.

use firth_resp::Request;

use super::super::group_error::no_group_of_key;
use super::number;
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::{NO_SUCH_KEY, ReplyError};
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "xinfo|consumers",
    syntax: "key group",
    summary: "Returns the consumers of a group.",
    since: "5.0.0",
    group: Group::Stream,
    arity: 4,
    flags: Flags::READONLY,
    keys: Keys::SECOND,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 2);
    let (key, name) = (args.take()?, args.take()?);
    let (db, now_ms) = (cx.db(), cx.now_ms());
    let (keys, mut reply) = cx.keys_and_reply();
    let stream = keys.stream(db, key)?.ok_or(NO_SUCH_KEY)?;
    let group = stream.groups().get(name).ok_or_else(|| no_group_of_key(key, name))?;
    reply.array(group.consumers.len());
    for (no, consumer) in group.consumers.iter() {
        let inactive_ms = consumer.active_ms.map(|active_ms| now_ms.saturating_sub(active_ms));
        reply.map(4);
        reply.bulk(b"name");
        reply.bulk(consumer.name());
        number(&mut reply, "pending", group.pending.len_of(no) as u64);
        number(&mut reply, "idle", now_ms.saturating_sub(consumer.seen_ms));
        reply.bulk(b"inactive");
        reply.integer(inactive_ms.map_or(-1, u64::cast_signed));
    }
    Ok(())
}

//! MSET and MSETNX: set several strings at once.

use firth_engine::Deadline;
use firth_resp::Request;

use crate::args::Args;
use crate::context::Context;
use crate::reply_error::{ReplyError, wrong_arity};
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const MSET: Spec = Spec {
    name: "mset",
    syntax: "key value [key value ...]",
    summary: "Sets several keys to strings at once.",
    since: "1.0.1",
    complexity: "O(N) where N is the number of keys",
    group: Group::String,
    arity: -3,
    flags: Flags::WRITE.union(Flags::DENYOOM),
    keys: Keys::Range { first: 1, last: -1, step: 2 },
    run: set_all,
    ..Spec::BASE
};

pub(super) const MSETNX: Spec = Spec {
    name: "msetnx",
    summary: "Sets several keys to strings at once, if none of the keys exists.",
    run: set_all_if_absent,
    ..MSET
};

fn set_all(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    set_pairs(cx, pairs(cx.spec, request)?)?;
    cx.reply().ok();
    Ok(())
}

fn set_all_if_absent(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let pairs = pairs(cx.spec, request)?;
    let db = cx.db();
    let is_free = pairs.rest().step_by(2).all(|key| cx.keys.peek(db, key).is_none());
    if is_free {
        set_pairs(cx, pairs)?;
    }
    cx.reply().integer(is_free.into());
    Ok(())
}

fn pairs<'a>(spec: &Spec, request: Request<'a>) -> Result<Args<'a>, ReplyError> {
    let pairs = Args::from(request, 1);
    if pairs.left().is_multiple_of(2) { Ok(pairs) } else { Err(wrong_arity(spec.name)) }
}

fn set_pairs(cx: &mut Context<'_, '_>, mut pairs: Args<'_>) -> Result<(), ReplyError> {
    let db = cx.db();
    while pairs.left() > 0 {
        let (key, value) = (pairs.take()?, pairs.take()?);
        cx.keys.set_string(db, key, value, Deadline::Clear, None);
    }
    Ok(())
}

//! INCR, INCRBY, DECR and DECRBY: count in a string that holds an integer.

use firth_engine::StringForm;
use firth_resp::Request;

use crate::args::{Args, integer};
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const INCR: Spec = Spec {
    name: "incr",
    syntax: "key",
    summary: "Adds one to the integer that a key holds and returns the result.",
    group: Group::String,
    arity: 2,
    flags: Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST),
    keys: Keys::FIRST,
    run: |cx, request| add(cx, request, 1),
    ..Spec::BASE
};

pub(super) const DECR: Spec = Spec {
    name: "decr",
    summary: "Subtracts one from the integer that a key holds and returns the result.",
    run: |cx, request| add(cx, request, -1),
    ..INCR
};

pub(super) const INCRBY: Spec = Spec {
    name: "incrby",
    syntax: "key increment",
    summary: "Adds to the integer that a key holds and returns the result.",
    arity: 3,
    run: |cx, request| {
        let increment = Args::from(request, 2).take_integer()?;
        add(cx, request, increment)
    },
    ..INCR
};

pub(super) const DECRBY: Spec = Spec {
    name: "decrby",
    syntax: "key decrement",
    summary: "Subtracts from the integer that a key holds and returns the result.",
    run: |cx, request| {
        let decrement = Args::from(request, 2).take_integer()?;
        add(cx, request, decrement.checked_neg().ok_or(DECREMENT_OVERFLOW)?)
    },
    ..INCRBY
};

const OVERFLOW: ReplyError = ReplyError::fixed("ERR increment or decrement would overflow");
const DECREMENT_OVERFLOW: ReplyError = ReplyError::fixed("ERR decrement would overflow");

fn add(cx: &mut Context<'_, '_>, request: Request<'_>, by: i64) -> Result<(), ReplyError> {
    let key = Args::from(request, 1).take()?;
    let db = cx.db();
    let old = cx.keys.string_to_change(db, key)?.map_or(Ok(0), integer)?;
    let sum = old.checked_add(by).ok_or(OVERFLOW)?;
    let text = itoa::Buffer::new().format(sum).to_owned();
    cx.keys.replace_string(db, key, text.as_bytes(), StringForm::Whole, "incrby")?;
    cx.reply().integer(sum);
    Ok(())
}

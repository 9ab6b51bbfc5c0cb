//! INCRBYFLOAT: adds to a string that holds a number with a fraction.

use firth_engine::StringForm;
use firth_resp::Request;

use super::decimal;
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "incrbyfloat",
    syntax: "key increment",
    summary: "Adds to the number that a key holds and returns the result.",
    since: "2.6.0",
    group: Group::String,
    arity: 3,
    flags: Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST),
    keys: Keys::FIRST,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let (key, increment) = (args.take()?, args.take()?);
    let db = cx.db();
    let old = cx.keys.string_to_change(db, key)?.unwrap_or(b"0");
    let sum = decimal::add(old, increment)?;
    cx.keys.replace_string(db, key, sum.as_bytes(), StringForm::Text, "incrbyfloat")?;
    cx.reply().bulk(sum.as_bytes());
    Ok(())
}

//! APPEND: adds to the end of a string.

use firth_engine::StringForm;
use firth_resp::Request;

use super::STRING_TOO_LONG;
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "append",
    syntax: "key value",
    summary: "Adds to the end of the string that a key holds and returns its length.",
    since: "2.0.0",
    complexity: "O(1), amortized",
    group: Group::String,
    arity: 3,
    flags: Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST),
    keys: Keys::FIRST,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let (key, value) = (args.take()?, args.take()?);
    let (db, bytes_max) = (cx.db(), cx.local.config.bulk_bytes_max);
    let len = match cx.keys.string_to_change(db, key)? {
        None => {
            cx.keys.replace_string(db, key, value, StringForm::Whole, "append")?;
            value.len()
        }
        Some(text) if text.len().saturating_add(value.len()) > bytes_max => {
            return Err(STRING_TOO_LONG);
        }
        Some(text) => {
            let end = text.len();
            cx.keys.write_string_at(db, key, end, value, "append")?
        }
    };
    cx.reply().integer(i64::try_from(len).unwrap_or(i64::MAX));
    Ok(())
}

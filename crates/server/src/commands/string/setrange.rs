//! SETRANGE: writes into a string.

use firth_resp::Request;

use super::STRING_TOO_LONG;
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "setrange",
    syntax: "key offset value",
    summary: "Writes into the string that a key holds, at a place, and returns its length; a gap \
              before that place is filled with zero bytes.",
    since: "2.2.0",
    complexity: "O(N) where N is the length of what is written",
    group: Group::String,
    arity: 4,
    flags: Flags::WRITE.union(Flags::DENYOOM),
    keys: Keys::FIRST,
    run,
    ..Spec::BASE
};

const OFFSET_OUT_OF_RANGE: ReplyError = ReplyError::fixed("ERR offset is out of range");

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let (key, offset, value) = (args.take()?, args.take_integer()?, args.take()?);
    let offset = usize::try_from(offset).map_err(|_| OFFSET_OUT_OF_RANGE)?;
    let (db, bytes_max) = (cx.db(), cx.local.config.bulk_bytes_max);
    let old_len = cx.keys.string_to_change(db, key)?.map_or(0, <[u8]>::len);
    let len = if value.is_empty() {
        old_len
    } else if offset.saturating_add(value.len()) > bytes_max {
        return Err(STRING_TOO_LONG);
    } else {
        cx.check_room((offset + value.len()).saturating_sub(old_len))?;
        cx.keys.write_string_at(db, key, offset, value, "setrange")?
    };
    cx.reply().integer(i64::try_from(len).unwrap_or(i64::MAX));
    Ok(())
}

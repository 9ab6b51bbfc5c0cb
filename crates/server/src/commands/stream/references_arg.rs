//! What becomes of the references that groups hold to deleted entries, and lists of counted ids,
//! as arguments.

use firth_engine::stream::References;

use super::id_arg::{self, Ids};
use crate::args::{Args, parse_integer};
use crate::reply_error::{ReplyError, SYNTAX};

const NUMIDS_NOT_POSITIVE: ReplyError =
    ReplyError::fixed("ERR Number of IDs must be a positive integer");
const NUMIDS_MISMATCH: ReplyError =
    ReplyError::fixed("ERR The `numids` parameter must match the number of arguments");
const IDS_REQUIRED: ReplyError = ReplyError::fixed("ERR IDS option is required");

/// Takes KEEPREF, DELREF or ACKED, if that comes next.
pub(super) fn take_references(args: &mut Args<'_>) -> Option<References> {
    const WORDS: [(&str, References); 3] = [
        ("KEEPREF", References::Keep),
        ("DELREF", References::Delete),
        ("ACKED", References::Acked),
    ];
    WORDS.into_iter().find(|(word, _)| args.take_word(word)).map(|(_, references)| references)
}

/// Takes `[KEEPREF|DELREF|ACKED] IDS numids id [id ...]`, in either order, up to the end.
///
/// # Errors
/// Something is missing, is given twice or does not belong there.
pub(super) fn references_and_ids(mut args: Args<'_>) -> Result<(References, Ids), ReplyError> {
    let mut references = None;
    let mut ids: Option<Ids> = None;
    while args.left() > 0 {
        if let Some(given) = take_references(&mut args) {
            if references.replace(given).is_some() {
                return Err(SYNTAX);
            }
        } else if args.take_word("IDS") {
            if ids.replace(counted_ids(&mut args)?).is_some() {
                return Err(SYNTAX);
            }
        } else {
            return Err(SYNTAX);
        }
    }
    Ok((references.unwrap_or_default(), ids.ok_or(IDS_REQUIRED)?))
}

fn counted_ids(args: &mut Args<'_>) -> Result<Ids, ReplyError> {
    let count = args.take().ok().and_then(parse_integer).filter(|count| *count > 0);
    let count = count.ok_or(NUMIDS_NOT_POSITIVE)?;
    let count = usize::try_from(count).ok().filter(|count| *count <= args.left());
    let count = count.ok_or(NUMIDS_MISMATCH)?;
    (0..count).map(|_| id_arg::id(args.take()?)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use firth_resp::OwnedRequest;

    use super::*;
    use crate::reply_error::INVALID_STREAM_ID;

    #[test]
    fn ids_and_policy_come_in_either_order() {
        use References::{Acked, Delete, Keep};
        for (text, expect) in [
            ("IDS 2 1-1 2", Ok((Keep, 2))),
            ("ids 1 1-1 acked", Ok((Acked, 1))),
            ("DELREF IDS 1 1-1", Ok((Delete, 1))),
            ("IDS 3 1-1 2-1", Err(NUMIDS_MISMATCH)),
            ("IDS 1 1-1 2-1", Err(SYNTAX)),
            ("IDS 0 1-1", Err(NUMIDS_NOT_POSITIVE)),
            ("IDS x 1-1", Err(NUMIDS_NOT_POSITIVE)),
            ("IDS", Err(NUMIDS_NOT_POSITIVE)),
            ("IDS 9223372036854775807 1-1", Err(NUMIDS_MISMATCH)),
            ("IDS 1 x", Err(INVALID_STREAM_ID)),
            ("KEEPREF", Err(IDS_REQUIRED)),
            ("KEEPREF ACKED IDS 1 1-1", Err(SYNTAX)),
            ("IDS 1 1-1 IDS 1 1-1", Err(SYNTAX)),
        ] {
            let arguments: Vec<_> = text.split_ascii_whitespace().map(str::as_bytes).collect();
            let request = OwnedRequest::from_slices(&arguments);
            let found = references_and_ids(Args::from(request.as_request(), 0));
            let found = found.map(|(references, ids)| (references, ids.len()));
            assert_eq!(found, expect, "{text}");
        }
    }
}

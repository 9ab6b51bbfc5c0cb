//! Ids of entries, and ends of ranges, as arguments.

use firth_engine::stream::EntryId;
use smallvec::SmallVec;

use crate::args::Args;
use crate::reply_error::{INVALID_STREAM_ID, ReplyError};

/// The ids of a command that takes several. Most take few, which cost no allocation.
pub(super) type Ids = SmallVec<[EntryId; 8]>;

const INVALID_START: ReplyError = ReplyError::fixed("ERR invalid start ID for the interval");
const INVALID_END: ReplyError = ReplyError::fixed("ERR invalid end ID for the interval");

/// Reads an id; a missing sequence number is 0.
///
/// # Errors
/// It is none.
pub(super) fn id(argument: &[u8]) -> Result<EntryId, ReplyError> {
    EntryId::parse(argument, 0).ok_or(INVALID_STREAM_ID)
}

/// Takes all arguments that are left as ids.
///
/// # Errors
/// One of them is none.
pub(super) fn ids(args: Args<'_>) -> Result<Ids, ReplyError> {
    args.rest().map(id).collect()
}

/// Reads the first id of a range: `-`, `+`, an id, or `(` and an id that is outside.
///
/// # Errors
/// It is none, or nothing can follow on an id that is outside.
pub(super) fn range_start(argument: &[u8]) -> Result<EntryId, ReplyError> {
    match argument.strip_prefix(b"(") {
        Some(outside) => id(outside)?.next().ok_or(INVALID_START),
        None => range_end_or(argument, 0),
    }
}

/// Reads the last id of a range, as [`range_start`] does; a missing sequence number is the greatest.
///
/// # Errors
/// It is none, or nothing can precede an id that is outside.
pub(super) fn range_end(argument: &[u8]) -> Result<EntryId, ReplyError> {
    match argument.strip_prefix(b"(") {
        Some(outside) => {
            let outside = EntryId::parse(outside, u64::MAX).ok_or(INVALID_STREAM_ID)?;
            outside.prev().ok_or(INVALID_END)
        }
        None => range_end_or(argument, u64::MAX),
    }
}

fn range_end_or(argument: &[u8], missing_seq: u64) -> Result<EntryId, ReplyError> {
    match argument {
        b"-" => Ok(EntryId::MIN),
        b"+" => Ok(EntryId::MAX),
        _ => EntryId::parse(argument, missing_seq).ok_or(INVALID_STREAM_ID),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    #[test]
    fn ends_of_ranges() {
        const MAX: u64 = u64::MAX;
        let new = |ms, seq| Ok(EntryId::new(ms, seq));
        for (text, start, end) in [
            ("-", new(0, 0), new(0, 0)),
            ("+", new(MAX, MAX), new(MAX, MAX)),
            ("5", new(5, 0), new(5, MAX)),
            ("5-3", new(5, 3), new(5, 3)),
            ("(5", new(5, 1), new(5, MAX - 1)),
            ("(5-3", new(5, 4), new(5, 2)),
            ("(5-0", new(5, 1), new(4, MAX)),
            ("(0-0", new(0, 1), Err(INVALID_END)),
            ("(18446744073709551615-18446744073709551615", Err(INVALID_START), new(MAX, MAX - 1)),
            ("(-", Err(INVALID_STREAM_ID), Err(INVALID_STREAM_ID)),
            ("(+", Err(INVALID_STREAM_ID), Err(INVALID_STREAM_ID)),
            ("(", Err(INVALID_STREAM_ID), Err(INVALID_STREAM_ID)),
            ("$", Err(INVALID_STREAM_ID), Err(INVALID_STREAM_ID)),
            ("", Err(INVALID_STREAM_ID), Err(INVALID_STREAM_ID)),
            ("1-2-3", Err(INVALID_STREAM_ID), Err(INVALID_STREAM_ID)),
        ] {
            assert_eq!(range_start(text.as_bytes()), start, "{text}");
            assert_eq!(range_end(text.as_bytes()), end, "{text}");
        }
    }
}

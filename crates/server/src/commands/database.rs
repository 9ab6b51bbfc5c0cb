//! Numbers of databases among a command's arguments.

use firth_engine::DATABASES;

use crate::args::integer;
use crate::reply_error::{DB_OUT_OF_RANGE, ReplyError};

const NOT_32_BITS: ReplyError =
    ReplyError::fixed("ERR value is out of range, value must between -2147483648 and 2147483647");

/// COPY and MOVE were told to put a key where it is.
pub(super) const SAME_OBJECT: ReplyError =
    ReplyError::fixed("ERR source and destination objects are the same");

/// Reads the number of a database.
///
/// # Errors
/// `not_a_number`, or else what Redis says of it, if it is no integer of 32 bits;
/// `ERR DB index is out of range` if there is no such database.
pub(super) fn number(argument: &[u8], not_a_number: Option<&ReplyError>) -> Result<u8, ReplyError> {
    let refuse = |otherwise: ReplyError| not_a_number.cloned().unwrap_or(otherwise);
    let number = integer(argument).map_err(refuse)?;
    let number = i32::try_from(number).map_err(|_| refuse(NOT_32_BITS))?;
    let database = u8::try_from(number).ok().filter(|database| *database < DATABASES);
    database.ok_or(DB_OUT_OF_RANGE)
}

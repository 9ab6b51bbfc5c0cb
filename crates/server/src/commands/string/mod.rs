//! Commands on strings.

mod append;
mod decimal;
pub(super) mod expiry;
mod get;
mod getdel;
mod getex;
mod getrange;
mod getset;
mod incr;
mod incrbyfloat;
mod mget;
mod mset;
mod set;
mod setex;
mod setnx;
mod setrange;
mod strlen;
#[cfg(test)]
mod tests;

use crate::reply_error::ReplyError;
use crate::spec::Spec;

/// The commands of this family.
pub(super) const COMMANDS: &[Spec] = &[
    append::SPEC,
    get::SPEC,
    getdel::SPEC,
    getex::SPEC,
    getrange::GETRANGE,
    getrange::SUBSTR,
    getset::SPEC,
    incr::DECR,
    incr::DECRBY,
    incr::INCR,
    incr::INCRBY,
    incrbyfloat::SPEC,
    mget::SPEC,
    mset::MSET,
    mset::MSETNX,
    set::SPEC,
    setex::PSETEX,
    setex::SETEX,
    setnx::SPEC,
    setrange::SPEC,
    strlen::SPEC,
];

const STRING_TOO_LONG: ReplyError =
    ReplyError::fixed("ERR string exceeds maximum allowed size (proto-max-bulk-len)");

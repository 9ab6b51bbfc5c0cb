//! Commands on keys of any type.

mod copy;
mod dbsize;
mod del;
mod exists;
mod expire;
mod flush;
mod key_type;
mod keys;
mod move_key;
mod object;
mod pattern;
mod persist;
mod randomkey;
mod rename;
mod scan;
mod swapdb;
#[cfg(test)]
mod tests;
mod touch;
mod ttl;

use crate::spec::Spec;

/// The commands of this family.
pub(super) const COMMANDS: &[Spec] = &[
    copy::SPEC,
    dbsize::SPEC,
    del::DEL,
    del::UNLINK,
    exists::SPEC,
    expire::EXPIRE,
    expire::EXPIREAT,
    expire::PEXPIRE,
    expire::PEXPIREAT,
    flush::FLUSHALL,
    flush::FLUSHDB,
    key_type::SPEC,
    keys::SPEC,
    move_key::SPEC,
    object::SPEC,
    persist::SPEC,
    randomkey::SPEC,
    rename::RENAME,
    rename::RENAMENX,
    scan::SPEC,
    swapdb::SPEC,
    touch::SPEC,
    ttl::EXPIRETIME,
    ttl::PEXPIRETIME,
    ttl::PTTL,
    ttl::TTL,
];

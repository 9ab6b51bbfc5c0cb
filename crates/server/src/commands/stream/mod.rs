//! Commands on streams.

use crate::spec::Spec;

mod entries_reply;
mod entry_reply;
mod firth_retain;
mod group_error;
mod group_reading;
mod id_arg;
mod read_args;
mod read_budget;
mod read_layout;
mod references_arg;
#[cfg(test)]
mod tests;
mod trim_args;
mod xack;
mod xackdel;
mod xadd;
mod xautoclaim;
mod xcfgset;
mod xclaim;
mod xdel;
mod xdelex;
mod xgroup;
mod xidmprecord;
mod xinfo;
mod xlen;
mod xnack;
mod xpending;
mod xrange;
mod xread;
mod xreadgroup;
mod xsetid;
mod xtrim;

/// The commands of this family.
pub(super) const COMMANDS: &[Spec] = &[
    firth_retain::SPEC,
    xack::SPEC,
    xackdel::SPEC,
    xadd::SPEC,
    xautoclaim::SPEC,
    xcfgset::SPEC,
    xclaim::SPEC,
    xdel::SPEC,
    xdelex::SPEC,
    xgroup::SPEC,
    xidmprecord::SPEC,
    xinfo::SPEC,
    xlen::SPEC,
    xnack::SPEC,
    xpending::SPEC,
    xrange::SPEC,
    xrange::REVERSE_SPEC,
    xread::SPEC,
    xreadgroup::SPEC,
    xsetid::SPEC,
    xtrim::SPEC,
];

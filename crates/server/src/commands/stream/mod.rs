//! Commands on streams.

use crate::spec::Spec;

mod entry_reply;
mod group_error;
mod id_arg;
mod read_args;
mod read_budget;
mod references_arg;
mod trim_args;
mod xadd;
mod xcfgset;
mod xdel;
mod xdelex;
mod xidmprecord;
mod xinfo;
mod xlen;
mod xrange;
mod xread;
mod xsetid;
mod xtrim;

/// The commands of this family.
pub(super) const COMMANDS: &[Spec] = &[
    xadd::SPEC,
    xcfgset::SPEC,
    xdel::SPEC,
    xdelex::SPEC,
    xidmprecord::SPEC,
    xinfo::SPEC,
    xlen::SPEC,
    xrange::SPEC,
    xrange::REVERSE_SPEC,
    xread::SPEC,
    xsetid::SPEC,
    xtrim::SPEC,
];

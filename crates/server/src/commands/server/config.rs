//! CONFIG: the settings.

mod get;
mod resetstat;
mod rewrite;
mod set;

use crate::help;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "config",
    syntax: "subcommand [argument ...]",
    summary: "Tells and changes the settings.",
    since: "2.0.0",
    complexity: "Depends on the subcommand",
    group: Group::Server,
    arity: -2,
    subcommands: &[
        get::SPEC,
        help::spec("config|help", Group::Server),
        resetstat::SPEC,
        rewrite::SPEC,
        set::SPEC,
    ],
    ..Spec::BASE
};

/// The flags of all subcommands.
const FLAGS: Flags = Flags::ADMIN.union(Flags::NOSCRIPT).union(Flags::LOADING).union(Flags::STALE);

//! Transactions.

mod discard;
mod exec;
mod multi;
#[cfg(test)]
mod tests;
mod unwatch;
mod watch;

use crate::spec::Spec;

/// The commands of this family.
pub(super) const COMMANDS: &[Spec] =
    &[discard::SPEC, exec::SPEC, multi::SPEC, unwatch::SPEC, watch::SPEC];

//! Commands about the connection itself.

mod ping;

use crate::spec::Spec;

/// The commands of this family.
pub(super) const COMMANDS: &[Spec] = &[ping::SPEC];

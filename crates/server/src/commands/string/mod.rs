//! Commands on strings.

mod get;

use crate::spec::Spec;

/// The commands of this family.
pub(super) const COMMANDS: &[Spec] = &[get::SPEC];

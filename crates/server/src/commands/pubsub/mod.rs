//! Publish and subscribe.

mod publish;

use crate::spec::Spec;

/// The commands of this family.
pub(super) const COMMANDS: &[Spec] = &[publish::SPEC];

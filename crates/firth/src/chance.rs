//! Texts that nobody else has.

use std::hash::{BuildHasher as _, RandomState};

/// Returns sixteen hexadecimal digits that nobody has had before.
pub(crate) fn token() -> String {
    format!("{:016x}", RandomState::new().hash_one(0))
}

/// Returns a name that begins with the number of this process, for those who read it.
pub(crate) fn name() -> String {
    format!("{}-{}", std::process::id(), token())
}

//! A position in the log.

use std::fmt;

/// A position in the log: the number of a committed batch, counted from 1.
///
/// Positions only grow. `Lsn::ZERO` stands for "nothing", which is always durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(pub u64);

impl Lsn {
    /// The position before the first batch.
    pub const ZERO: Lsn = Lsn(0);
    /// A position behind every batch.
    pub const MAX: Lsn = Lsn(u64::MAX);

    /// Returns the position behind this one; behind the last one it is that again.
    #[must_use]
    pub fn next(self) -> Lsn {
        Lsn(self.0.saturating_add(1))
    }

    /// Returns the position before this one; before zero it is zero again.
    #[must_use]
    pub fn previous(self) -> Lsn {
        Lsn(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

//! What a backend can do beyond what every backend must.

use std::fmt;

/// Something that not every backend can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Feature {
    /// One batch may change any keys. On a Cluster they must share a hash slot.
    AtomicAcrossKeys,
    /// Publishing counts everybody who receives the message. A Cluster counts only those who are
    /// connected to the same node.
    CountsReceivers,
    /// An append is recognized when it comes again.
    IdempotentAppend,
    /// A stream retains by itself what its policy says.
    Retention,
}

/// A set of features.
///
/// ```
/// use firth::backend::{Feature, Features};
///
/// let features = Features::none().with(Feature::AtomicAcrossKeys);
/// assert!(features.has(Feature::AtomicAcrossKeys));
/// assert!(!features.has(Feature::IdempotentAppend));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features(u32);

impl Features {
    /// Returns the empty set.
    pub const fn none() -> Self {
        Features(0)
    }

    /// Returns the set with one feature more.
    #[must_use]
    pub const fn with(self, feature: Feature) -> Self {
        Features(self.0 | feature.bit())
    }

    /// Says whether a feature is in the set.
    pub const fn has(self, feature: Feature) -> bool {
        self.0 & feature.bit() != 0
    }
}

impl Feature {
    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Feature::AtomicAcrossKeys => "changing any keys in one step",
            Feature::CountsReceivers => "counting all who receive a message",
            Feature::IdempotentAppend => "recognizing a repeated append",
            Feature::Retention => "retaining by a policy",
        })
    }
}

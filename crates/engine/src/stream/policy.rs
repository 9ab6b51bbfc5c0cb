//! What a stream retains by itself: a policy that is set once and holds from then on.

/// What becomes of entries that the policy would let go and that some group still wants: that it
/// has not been delivered, or has not acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Unacknowledged {
    /// They stay, and with them all entries behind the first of them.
    #[default]
    Kept,
    /// They go like the others. What is pending stays so, for entries that are no more.
    Removed,
}

/// How much of a stream is retained: what exceeds any of the limits goes, the oldest first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Retention {
    /// For how many milliseconds from the time in its id an entry stays; `None`: for ever.
    pub age_ms: Option<u64>,
    /// How many bytes of packed entries stay; `None`: any number.
    pub bytes_max: Option<u64>,
    /// How many entries stay; `None`: any number.
    pub len_max: Option<u64>,
    /// What becomes of entries that a group still wants.
    pub unacknowledged: Unacknowledged,
}

impl Retention {
    /// Says whether there is no limit: then there is no policy.
    #[must_use]
    pub fn is_unlimited(&self) -> bool {
        self.age_ms.is_none() && self.bytes_max.is_none() && self.len_max.is_none()
    }
}

/// The time at which nothing is due.
pub(crate) const NOT_DUE: u64 = u64::MAX;

/// A stream's policy, and what is known of its observance. Only the policy is state.
#[derive(Clone, Debug)]
pub(crate) struct Retained {
    pub(crate) policy: Retention,
    /// When the stream is to be looked at next, in Unix milliseconds; [`NOT_DUE`]: at the next
    /// entry.
    pub(crate) due_ms: u64,
    /// Since when groups have kept entries that should go.
    pub(crate) held_since_ms: Option<u64>,
}

impl Retained {
    /// Returns a policy that has not been observed yet; `None` if it has no limit.
    pub(crate) fn new(policy: Retention) -> Option<Box<Retained>> {
        let retained = Retained { policy, due_ms: 0, held_since_ms: None };
        (!policy.is_unlimited()).then(|| Box::new(retained))
    }
}

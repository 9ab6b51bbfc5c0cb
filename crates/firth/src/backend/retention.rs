//! What a stream retains by itself.

use std::time::Duration;

/// How much of a stream is retained: what exceeds any of the limits goes by itself, the oldest entries
/// first.
///
/// Whole blocks of about a hundred entries go at a time, so that a stream may exceed a limit by one of
/// them. What some group has not been delivered or has not acknowledged stays, and everything behind
/// it, unless [`even_unacknowledged`](Retention::even_unacknowledged) says otherwise.
///
/// ```
/// use std::time::Duration;
/// use firth::backend::Retention;
///
/// let week = Retention::unlimited().age(Duration::from_secs(7 * 86_400)).entries(1_000_000);
/// assert_eq!(week.len_max, Some(1_000_000));
/// assert!(!week.is_unlimited());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

/// What becomes of entries that exceed a limit and that some group has not been delivered or has not
/// acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unacknowledged {
    /// They stay, and with them all entries behind the first of them.
    #[default]
    Kept,
    /// They go like the others. What is pending stays so, for entries that are no more.
    Removed,
}

impl Retention {
    /// Returns the policy without a limit, which is none.
    #[must_use]
    pub fn unlimited() -> Self {
        Retention::default()
    }

    /// Lets entries stay for so long, counted from the time in their ids; zero is no limit.
    #[must_use]
    pub fn age(self, age: Duration) -> Self {
        let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        Retention { age_ms: limit(age_ms), ..self }
    }

    /// Lets so many bytes of packed entries stay; zero is no limit.
    #[must_use]
    pub fn bytes(self, bytes: u64) -> Self {
        Retention { bytes_max: limit(bytes), ..self }
    }

    /// Lets so many entries stay, the newest; zero is no limit.
    #[must_use]
    pub fn entries(self, entries: u64) -> Self {
        Retention { len_max: limit(entries), ..self }
    }

    /// Lets entries go that a group still wants.
    #[must_use]
    pub fn even_unacknowledged(self) -> Self {
        Retention { unacknowledged: Unacknowledged::Removed, ..self }
    }

    /// Says whether there is no limit: then there is no policy.
    pub fn is_unlimited(&self) -> bool {
        self.age_ms.is_none() && self.bytes_max.is_none() && self.len_max.is_none()
    }
}

fn limit(limit: u64) -> Option<u64> {
    // A server takes signed numbers.
    Some(limit.min(i64::MAX.cast_unsigned())).filter(|limit| *limit > 0)
}

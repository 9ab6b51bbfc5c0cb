//! The identity of an entry in a stream.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The identity of an entry in a stream: usually the millisecond at which it was added, and its
/// number among the entries of that millisecond.
///
/// Entries of a stream are ordered by it. Its text is `ms-seq`, which is also how it is serialized.
///
/// ```
/// use firth::EntryId;
///
/// let id: EntryId = "1703001234567-0".parse()?;
/// assert_eq!(id, EntryId::new(1_703_001_234_567, 0));
/// assert!(id > EntryId::MIN);
/// assert_eq!(id.to_string(), "1703001234567-0");
/// # Ok::<(), firth::ParseIdError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// Usually the Unix time of the entry in milliseconds.
    pub ms: u64,
    /// The number of the entry within its millisecond.
    pub seq: u64,
}

/// The text is not an id: two decimal numbers with a `-` between, or one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form ms-seq")]
pub struct ParseIdError;

impl EntryId {
    /// The smallest id, `0-0`, which no entry has.
    pub const MIN: EntryId = EntryId::new(0, 0);

    /// The greatest id.
    pub const MAX: EntryId = EntryId::new(u64::MAX, u64::MAX);

    /// Makes an id of its two numbers.
    pub const fn new(ms: u64, seq: u64) -> Self {
        EntryId { ms, seq }
    }

    /// Returns the id directly after this one; `None` after [`EntryId::MAX`].
    pub const fn next(self) -> Option<Self> {
        match (self.seq.checked_add(1), self.ms.checked_add(1)) {
            (Some(seq), _) => Some(EntryId::new(self.ms, seq)),
            (None, Some(ms)) => Some(EntryId::new(ms, 0)),
            (None, None) => None,
        }
    }

    /// Returns the id directly before this one; `None` before [`EntryId::MIN`].
    pub const fn prev(self) -> Option<Self> {
        match (self.seq.checked_sub(1), self.ms.checked_sub(1)) {
            (Some(seq), _) => Some(EntryId::new(self.ms, seq)),
            (None, Some(ms)) => Some(EntryId::new(ms, u64::MAX)),
            (None, None) => None,
        }
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

impl FromStr for EntryId {
    type Err = ParseIdError;

    /// Reads `ms-seq`, or `ms` alone for the first id of that millisecond.
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let number = |text: &str| {
            let is_decimal = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            is_decimal.then(|| text.parse().ok()).flatten().ok_or(ParseIdError)
        };
        match text.split_once('-') {
            None => Ok(EntryId::new(number(text)?, 0)),
            Some((ms, seq)) => Ok(EntryId::new(number(ms)?, number(seq)?)),
        }
    }
}

impl Serialize for EntryId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EntryId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(feature = "embedded")]
impl From<firth_engine::stream::EntryId> for EntryId {
    fn from(id: firth_engine::stream::EntryId) -> Self {
        EntryId::new(id.ms, id.seq)
    }
}

#[cfg(feature = "embedded")]
impl From<EntryId> for firth_engine::stream::EntryId {
    fn from(id: EntryId) -> Self {
        firth_engine::stream::EntryId::new(id.ms, id.seq)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    #[test]
    fn texts() {
        for (text, expect) in [
            ("5", Ok(EntryId::new(5, 0))),
            ("5-3", Ok(EntryId::new(5, 3))),
            ("18446744073709551615-18446744073709551615", Ok(EntryId::MAX)),
            ("18446744073709551616-0", Err(ParseIdError)),
            ("", Err(ParseIdError)),
            ("-", Err(ParseIdError)),
            ("5-", Err(ParseIdError)),
            ("+5-1", Err(ParseIdError)),
            ("5-1-1", Err(ParseIdError)),
            ("5-*", Err(ParseIdError)),
        ] {
            assert_eq!(text.parse(), expect, "{text}");
        }
    }

    #[test]
    fn neighbours() {
        assert_eq!(EntryId::new(5, u64::MAX).next(), Some(EntryId::new(6, 0)));
        assert_eq!(EntryId::MAX.next(), None);
        assert_eq!(EntryId::new(6, 0).prev(), Some(EntryId::new(5, u64::MAX)));
        assert_eq!(EntryId::MIN.prev(), None);
    }

    #[test]
    fn json() {
        let json = serde_json::to_string(&EntryId::new(5, 3)).unwrap();
        assert_eq!(json, "\"5-3\"");
        assert_eq!(serde_json::from_str::<EntryId>(&json).unwrap(), EntryId::new(5, 3));
        assert!(serde_json::from_str::<EntryId>("\"x\"").is_err());
    }
}

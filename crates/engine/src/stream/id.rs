//! `EntryId`: the identity of a stream entry, `ms-seq`.
//!
//! An id is a pair of unsigned 64-bit numbers: usually the millisecond at which the entry was added, and a sequence
//! number among the entries of that millisecond. Ids are ordered by `ms`, then by `seq`; every id has exactly one
//! canonical text, both numbers in decimal with a `-` between.

use std::fmt;
use std::ops::Deref;

/// The length of the longest canonical text: two numbers of 20 digits and the `-`.
const TEXT_MAX: usize = 41;

/// The longest text that [`EntryId::parse`] looks at; Redis reads ids through a buffer of this size.
const PARSE_MAX: usize = 127;

/// The identity of a stream entry; entries of a stream are ordered by it.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct EntryId {
    /// Usually the wall-clock time of the entry in milliseconds.
    pub ms: u64,
    /// The number of the entry within its millisecond.
    pub seq: u64,
}

impl EntryId {
    /// The smallest id, `0-0`; never the id of an entry.
    pub const MIN: Self = Self::new(0, 0);

    /// The greatest id, both numbers `u64::MAX`.
    pub const MAX: Self = Self::new(u64::MAX, u64::MAX);

    /// Makes an id of its two numbers.
    #[must_use]
    pub const fn new(ms: u64, seq: u64) -> Self {
        Self { ms, seq }
    }

    /// Returns the id directly after this one; `None` after [`EntryId::MAX`].
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match (self.seq.checked_add(1), self.ms.checked_add(1)) {
            (Some(seq), _) => Some(Self::new(self.ms, seq)),
            (None, Some(ms)) => Some(Self::new(ms, 0)),
            (None, None) => None,
        }
    }

    /// Returns the id directly before this one; `None` before [`EntryId::MIN`].
    #[must_use]
    pub const fn prev(self) -> Option<Self> {
        match (self.seq.checked_sub(1), self.ms.checked_sub(1)) {
            (Some(seq), _) => Some(Self::new(self.ms, seq)),
            (None, Some(ms)) => Some(Self::new(ms, u64::MAX)),
            (None, None) => None,
        }
    }

    /// Parses `ms` or `ms-seq`; without `-seq` the sequence number is `missing_seq`.
    ///
    /// Both numbers are one or more decimal digits, leading zeros and one leading `+` allowed, as C reads numbers.
    /// `None` for anything else: another sign, a space, a number above `u64::MAX`, or a text of more than 127 bytes.
    #[must_use]
    pub fn parse(text: &[u8], missing_seq: u64) -> Option<Self> {
        if text.len() > PARSE_MAX {
            return None;
        }
        match memchr::memchr(b'-', text).and_then(|dash| text.split_at_checked(dash)) {
            None => Some(Self::new(parse_decimal(text)?, missing_seq)),
            Some((ms, rest)) => Some(Self::new(parse_decimal(ms)?, parse_decimal(rest.get(1..)?)?)),
        }
    }

    /// Appends the canonical text to `out`.
    pub fn write_to(self, out: &mut Vec<u8>) {
        let mut digits = itoa::Buffer::new();
        out.extend_from_slice(digits.format(self.ms).as_bytes());
        out.push(b'-');
        out.extend_from_slice(digits.format(self.seq).as_bytes());
    }

    /// Returns the canonical text in a buffer of its own, without allocation.
    #[must_use]
    pub fn text(self) -> IdText {
        let mut text = IdText { bytes: [0; TEXT_MAX], len: 0 };
        let mut digits = itoa::Buffer::new();
        text.push(digits.format(self.ms).as_bytes());
        text.push(b"-");
        text.push(digits.format(self.seq).as_bytes());
        text
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// The canonical text of an id; dereferences to its bytes, at most 41.
#[derive(Copy, Clone)]
pub struct IdText {
    bytes: [u8; TEXT_MAX],
    len: u8,
}

impl IdText {
    fn push(&mut self, part: &[u8]) {
        let start = usize::from(self.len);
        if let Some(room) = self.bytes.get_mut(start..start + part.len()) {
            room.copy_from_slice(part);
            self.len += part.len() as u8;
        }
    }
}

impl Deref for IdText {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl AsRef<[u8]> for IdText {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for IdText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self))
    }
}

/// Parses one or more decimal digits, which may follow a `+`; `None` above `u64::MAX`.
fn parse_decimal(text: &[u8]) -> Option<u64> {
    let digits = text.strip_prefix(b"+").unwrap_or(text);
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;
    use proptest::prelude::*;

    const TOP: u64 = u64::MAX;

    #[test]
    fn parses_what_redis_parses() {
        let check = |text: &str, expect: Option<(u64, u64)>| {
            let expect = expect.map(|(ms, seq)| EntryId::new(ms, seq));
            assert_eq!(EntryId::parse(text.as_bytes(), 7), expect, "{text:?}");
        };
        check("0", Some((0, 7)));
        check("0-0", Some((0, 0)));
        check("1526919030474-55", Some((1_526_919_030_474, 55)));
        check("007-0010", Some((7, 10)));
        check("+1", Some((1, 7)));
        check("+1-+02", Some((1, 2)));
        check("18446744073709551615-18446744073709551615", Some((TOP, TOP)));
        check("18446744073709551616", None);
        check("1-18446744073709551616", None);
        for text in [
            "", "-", "1-", "-1", "--", "1--2", "1-2-3", "+", "++1", "+-1", "1-+", " 1", "1 ",
            "1- 1", "1a", "a", "1-*", "*", "$", ">",
        ] {
            check(text, None);
        }
        check(&format!("{}1-2", "0".repeat(124)), Some((1, 2)));
        check(&format!("{}1-2", "0".repeat(125)), None);
    }

    #[test]
    fn steps_over_the_edges() {
        let check = |before: (u64, u64), after: (u64, u64)| {
            let (before, after) =
                (EntryId::new(before.0, before.1), EntryId::new(after.0, after.1));
            assert_eq!(before.next(), Some(after));
            assert_eq!(after.prev(), Some(before));
        };
        check((0, 0), (0, 1));
        check((5, TOP), (6, 0));
        check((TOP, TOP - 1), (TOP, TOP));
        assert_eq!(EntryId::MAX.next(), None);
        assert_eq!(EntryId::MIN.prev(), None);
    }

    proptest! {
        #[test]
        fn text_round_trips(ms: u64, seq: u64) {
            let id = EntryId::new(ms, seq);
            let text = id.text();
            let shown = id.to_string();
            prop_assert_eq!(&*text, shown.as_bytes());
            let mut written = b"x".to_vec();
            id.write_to(&mut written);
            prop_assert_eq!(written.get(1..), Some(&*text));
            prop_assert_eq!(EntryId::parse(&text, 0), Some(id));
        }

        #[test]
        fn order_is_that_of_the_pair(a: (u64, u64), b: (u64, u64)) {
            prop_assert_eq!(EntryId::new(a.0, a.1).cmp(&EntryId::new(b.0, b.1)), a.cmp(&b));
        }
    }
}

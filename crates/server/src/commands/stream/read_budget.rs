//! How much XREAD and XREADGROUP may still return, over all streams together.

use firth_engine::stream::Entry;

/// What an entry takes in a reply besides the bytes of its names and values: its own header, its
/// id and the header of its fields.
const ENTRY_OVERHEAD_BYTES: usize = 48;
/// What a name or a value takes besides its bytes: its header and its end.
const PART_OVERHEAD_BYTES: usize = 8;

/// What is left of MAXCOUNT and MAXSIZE. The first entry is always allowed, whatever its size.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadBudget {
    entries_left: usize,
    bytes_left: Option<usize>,
    is_untouched: bool,
}

impl ReadBudget {
    /// Returns a budget of so many entries and so many bytes; `None` for no limit.
    pub(super) fn new(entries_max: Option<usize>, bytes_max: Option<usize>) -> Self {
        let entries_left = entries_max.unwrap_or(usize::MAX);
        ReadBudget { entries_left, bytes_left: bytes_max, is_untouched: true }
    }

    /// Says whether nothing more may be returned.
    pub(super) fn is_spent(&self) -> bool {
        self.entries_left == 0
    }

    /// Pays for one more entry if it can be afforded. After the first one that cannot, none can.
    #[inline]
    pub(super) fn admit(&mut self, entry: &Entry<'_>) -> bool {
        if self.entries_left == 0 {
            return false;
        }
        if let Some(bytes_left) = self.bytes_left {
            let bytes = reply_bytes(entry);
            if bytes > bytes_left && !self.is_untouched {
                self.entries_left = 0;
                return false;
            }
            self.bytes_left = Some(bytes_left.saturating_sub(bytes));
        }
        self.is_untouched = false;
        self.entries_left -= 1;
        true
    }
}

/// Returns about how many bytes an entry takes in a reply.
fn reply_bytes(entry: &Entry<'_>) -> usize {
    entry.byte_len() + 2 * entry.field_count() * PART_OVERHEAD_BYTES + ENTRY_OVERHEAD_BYTES
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use firth_engine::stream::{Entries, EntryId, Node};

    use super::*;

    #[test]
    fn the_tighter_limit_wins_and_one_entry_always_fits() {
        let mut entries = Entries::new();
        for (ms, len) in [(1, 100), (2, 10), (3, 1)] {
            let value = vec![b'v'; len];
            entries.append(EntryId::new(ms, 0), &[b"f", &value], Node::Last);
        }
        let check = |entries_max, bytes_max, expect: usize| {
            let mut budget = ReadBudget::new(entries_max, bytes_max);
            let all = entries.range(EntryId::MIN, EntryId::MAX);
            let admitted = all.filter(|entry| budget.admit(entry)).count();
            assert_eq!(admitted, expect, "{entries_max:?} {bytes_max:?}");
            assert_eq!(budget.is_spent(), expect < 3);
        };
        check(None, None, 3);
        check(Some(2), None, 2);
        check(None, Some(1), 1);
        check(None, Some(170), 1);
        check(None, Some(240), 2);
        check(Some(1), Some(240), 1);
        check(None, Some(10_000), 3);
    }
}

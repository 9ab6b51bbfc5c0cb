//! Which notifications of an inbox have been read.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::EntryId;

/// Which notifications of an inbox have been read, as `{notifications:<user>}:read` holds it.
///
/// All up to an id have been read, and behind it some more. As JSON: `{"upTo":"5-0","more":["7-0"]}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Marks {
    /// Up to which id all have been read.
    pub up_to: EntryId,
    #[serde(default)]
    more: BTreeSet<EntryId>,
}

impl Marks {
    /// Says whether a notification has been read.
    pub fn is_read(&self, id: EntryId) -> bool {
        id <= self.up_to || self.more.contains(&id)
    }

    /// Marks some, of all that are in the inbox behind [`up_to`](Self::up_to) in their order. Returns how many were
    /// not marked before.
    pub(super) fn mark(&mut self, present: &[EntryId], is_meant: impl Fn(EntryId) -> bool) -> u64 {
        let unread = present.iter().filter(|id| !self.is_read(**id) && is_meant(**id));
        let fresh: Vec<EntryId> = unread.copied().collect();
        self.more.extend(&fresh);
        // Those at the front need not be listed, and those that are gone from the inbox neither.
        let first_unread = present.iter().find(|id| !self.is_read(**id));
        let read = |id: &&EntryId| first_unread.is_none_or(|first| *id < first);
        if let Some(last) = present.iter().rfind(read) {
            self.up_to = self.up_to.max(*last);
        }
        let up_to = self.up_to;
        self.more.retain(|id| *id > up_to && present.binary_search(id).is_ok());
        fresh.len() as u64
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    fn ids(numbers: &[u64]) -> Vec<EntryId> {
        numbers.iter().map(|&n| EntryId::new(n, 0)).collect()
    }

    /// Marks ids in an inbox that has 1 to 6 behind what is read, and looks at what is kept.
    #[track_caller]
    fn check(marks: &mut Marks, mark: &[u64], fresh: u64, expect: &str) {
        let present: Vec<u64> = (1..=6).filter(|&n| EntryId::new(n, 0) > marks.up_to).collect();
        let meant = ids(mark);
        assert_eq!(marks.mark(&ids(&present), |id| meant.contains(&id)), fresh);
        assert_eq!(serde_json::to_string(marks).unwrap(), expect);
    }

    #[test]
    fn marks_are_kept_short() {
        let mut marks = Marks::default();
        check(&mut marks, &[], 0, r#"{"upTo":"0-0","more":[]}"#);
        check(&mut marks, &[3, 9], 1, r#"{"upTo":"0-0","more":["3-0"]}"#);
        check(&mut marks, &[3, 5], 1, r#"{"upTo":"0-0","more":["3-0","5-0"]}"#);
        check(&mut marks, &[1], 1, r#"{"upTo":"1-0","more":["3-0","5-0"]}"#);
        check(&mut marks, &[2], 1, r#"{"upTo":"3-0","more":["5-0"]}"#);
        check(&mut marks, &[6, 4], 2, r#"{"upTo":"6-0","more":[]}"#);
    }

    #[test]
    fn what_is_gone_is_not_kept() {
        let mut marks = Marks::default();
        marks.mark(&ids(&[1, 2, 3, 4]), |id| id == EntryId::new(2, 0));
        assert_eq!(marks.mark(&ids(&[3, 4]), |id| id == EntryId::new(4, 0)), 1);
        assert_eq!(marks, Marks { up_to: EntryId::MIN, more: ids(&[4]).into_iter().collect() });
    }
}

//! Who did what with dead letters.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::DeadLetter;
use crate::backend::{Append, Exactness, Keep, Trim, Write};
use crate::{EntryId, Error, clock, flat};

/// How many records are kept, or a few more.
const RECORDS_MAX: u64 = 10_000;

/// What was done with dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Deed {
    /// A letter was brought back.
    Redrive,
    /// Letters were removed.
    Purge,
}

/// A record of what somebody did with dead letters: of each letter that is brought back, and of each
/// step of a purge, which removes several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuditRecord {
    /// What was done.
    pub deed: Deed,
    /// Who did it.
    pub by: String,
    /// When, in Unix milliseconds.
    pub at_ms: u64,
    /// How many letters it was about.
    pub count: u64,
    /// The letter, or the first of them.
    pub letter: EntryId,
    /// The stream that the entry was brought back to.
    pub to: Option<String>,
    /// The entry's identity before it was a dead letter.
    pub original_id: Option<EntryId>,
    /// The group that could not handle it.
    pub original_group: Option<String>,
    /// Why it could not.
    pub reason: Option<String>,
    /// How often it has been brought back now.
    pub redriven: Option<u32>,
}

impl AuditRecord {
    pub(super) fn purge(by: &str, letters: &[EntryId]) -> Self {
        AuditRecord {
            deed: Deed::Purge,
            by: by.to_owned(),
            at_ms: clock::now_ms(),
            count: letters.len() as u64,
            letter: letters.first().copied().unwrap_or_default(),
            to: None,
            original_id: None,
            original_group: None,
            reason: None,
            redriven: None,
        }
    }

    pub(super) fn redrive<T>(by: &str, letter: &DeadLetter<T>, to: &str) -> Self {
        AuditRecord {
            deed: Deed::Redrive,
            count: 1,
            to: Some(to.to_owned()),
            original_id: Some(letter.original_id),
            original_group: Some(letter.original_group.to_string()),
            reason: Some(letter.reason.clone()),
            redriven: Some(letter.redriven.saturating_add(1)),
            ..AuditRecord::purge(by, &[letter.id])
        }
    }

    /// Returns the write that keeps the record.
    pub(super) fn write(&self, stream: &Arc<str>) -> Result<Write, Error> {
        let mut append = Append::new(Arc::clone(stream), flat::encode(self)?);
        let keep = Keep::Newest(RECORDS_MAX);
        append.trim = Some(Trim { keep, exactness: Exactness::Approximate });
        Ok(Write::Append(append))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    #[test]
    fn records_are_read_as_they_are_written() {
        let record = AuditRecord::purge("alice", &[EntryId::new(5, 0), EntryId::new(6, 0)]);
        let fields = flat::encode(&record).unwrap();
        assert_eq!(fields.text("deed"), Some("purge"));
        assert_eq!(fields.text("letter"), Some("5-0"));
        assert_eq!(flat::decode::<AuditRecord>(&fields).unwrap(), record);
    }
}

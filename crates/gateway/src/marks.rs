//! Which notifications of an inbox have been read, as `{notifications:<user>}:read` holds it.

use std::collections::BTreeSet;

use firth::EntryId;
use serde::Deserialize;

/// All up to an id have been read, and behind it some more: `{"upTo":"5-0","more":["7-0"]}`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Marks {
    #[serde(default)]
    pub(crate) up_to: EntryId,
    #[serde(default)]
    more: BTreeSet<EntryId>,
}

impl Marks {
    pub(crate) fn is_read(&self, id: EntryId) -> bool {
        id <= self.up_to || self.more.contains(&id)
    }
}

//! Dead letters: entries that could not be handled, kept for somebody to look at.
//!
//! A dead letter is an entry of a stream of its own: first where it is from and why it is dead
//! (`original_stream`, `original_id`, `original_group`, `reason`, `moved_at` in Unix milliseconds,
//! `deliveries`), then the fields of the entry as they were.

use std::sync::Arc;

use crate::backend::{Append, Fields};
use crate::{EntryId, clock};

/// Why an entry is dead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Death<'d> {
    pub(crate) stream: &'d str,
    pub(crate) group: &'d str,
    pub(crate) id: EntryId,
    pub(crate) reason: &'d str,
    pub(crate) deliveries: u64,
}

/// Returns the append of a dead letter.
pub(crate) fn letter(dead_letters: &Arc<str>, death: &Death<'_>, fields: &Fields) -> Append {
    let mut letter = Fields::from([
        ("original_stream", death.stream.to_owned()),
        ("original_id", death.id.to_string()),
        ("original_group", death.group.to_owned()),
        ("reason", death.reason.to_owned()),
        ("moved_at", clock::now_ms().to_string()),
        ("deliveries", death.deliveries.to_string()),
    ]);
    letter.extend(fields.iter().cloned());
    Append::new(Arc::clone(dead_letters), letter)
}

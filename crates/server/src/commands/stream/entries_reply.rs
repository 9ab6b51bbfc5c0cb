//! Entries that are named by their ids, as a reply.

use firth_engine::stream::{EntryId, Stream};
use firth_resp::Reply;

use super::entry_reply::{EntryWriter, write_id};

/// Writes an array of entries, all of which are in the stream.
pub(super) fn write_entries(reply: &mut Reply<'_>, stream: &Stream, ids: &[EntryId]) {
    let mut entries = stream.entries().cursor();
    let mut writer = EntryWriter::new();
    reply.array(ids.len());
    for &id in ids {
        match entries.seek(id) {
            Some(entry) => writer.write(reply.out(), &entry),
            None => reply.null_array(),
        }
    }
}

/// Writes an array of ids.
pub(super) fn write_ids(reply: &mut Reply<'_>, ids: &[EntryId]) {
    reply.array(ids.len());
    for &id in ids {
        write_id(reply.out(), id);
    }
}

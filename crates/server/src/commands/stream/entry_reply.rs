//! Entries as replies, encoded straight from the packed blocks that hold them.
//!
//! An entry is `[id, [name, value, ...]]`, in RESP3 as well. Consecutive entries mostly have the
//! same field names, so these are rendered once, lengths and all, and then copied.

use firth_engine::stream::{Entry, EntryId};
use firth_resp::{write_array_header, write_bulk, write_bulk_id};
use smallvec::SmallVec;

/// Writes entries of one stream, which is not changed meanwhile.
#[derive(Debug, Default)]
pub(super) struct EntryWriter {
    /// The key of the shape that is rendered in `names`.
    shape: Option<usize>,
    /// The header of the fields and the first name, then the other names, as they are sent.
    names: SmallVec<[u8; 128]>,
    /// Where each of them ends.
    ends: SmallVec<[u32; 16]>,
}

impl EntryWriter {
    /// Returns a writer for one stream.
    pub(super) fn new() -> Self {
        EntryWriter::default()
    }

    /// Appends `[id, fields]`.
    #[inline]
    pub(super) fn write(&mut self, out: &mut Vec<u8>, entry: &Entry<'_>) {
        write_array_header(out, 2);
        self.write_id_and_fields(out, entry);
    }

    /// Appends the id and the fields, for replies that add something to them.
    #[inline]
    pub(super) fn write_id_and_fields(&mut self, out: &mut Vec<u8>, entry: &Entry<'_>) {
        write_id(out, entry.id);
        if self.shape != Some(entry.shape_key()) {
            self.render_names(entry);
        }
        let mut start = 0;
        for (value, end) in entry.values().zip(&self.ends) {
            let end = *end as usize;
            out.extend_from_slice(self.names.get(start..end).unwrap_or_default());
            write_bulk(out, value);
            start = end;
        }
    }

    #[cold]
    fn render_names(&mut self, entry: &Entry<'_>) {
        let mut text = Vec::with_capacity(128);
        self.ends.clear();
        write_array_header(&mut text, entry.field_count() * 2);
        for name in entry.names() {
            write_bulk(&mut text, name);
            self.ends.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
        }
        self.names.clear();
        self.names.extend_from_slice(&text);
        self.shape = Some(entry.shape_key());
    }
}

/// Appends an id.
#[inline]
pub(super) fn write_id(out: &mut Vec<u8>, id: EntryId) {
    write_bulk_id(out, id.ms, id.seq);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use firth_engine::stream::{Entries, NodeLimits};

    use super::*;

    /// What a plain writer would send.
    fn plain(entry: &Entry<'_>) -> String {
        let id = entry.id.to_string();
        let mut text = format!("*2\r\n${}\r\n{id}\r\n*{}\r\n", id.len(), entry.field_count() * 2);
        for part in entry.fields().flat_map(|(name, value)| [name, value]) {
            let part = String::from_utf8_lossy(part);
            text.push_str(&format!("${}\r\n{part}\r\n", part.len()));
        }
        text
    }

    #[test]
    fn names_are_rendered_anew_when_the_shape_changes() {
        let mut entries = Entries::new();
        let limits = NodeLimits { entries_max: 4, bytes_max: 0 };
        let shapes: [&[&[u8]]; 4] = [
            &[b"a", b"1"],
            &[b"a", b"2"],
            &[b"a", b"3", b"", b""],
            &[b"longer name", b"4", b"a", b"5", b"a", b"6"],
        ];
        for n in 0..100 {
            let fields = shapes[(n % 7).min(3)];
            entries.append(EntryId::new(n as u64 / 3 + 1, n as u64), fields, limits);
        }
        let (mut out, mut expect) = (Vec::new(), String::new());
        let mut writer = EntryWriter::new();
        for entry in entries.range(EntryId::MIN, EntryId::MAX) {
            writer.write(&mut out, &entry);
            expect.push_str(&plain(&entry));
        }
        assert_eq!(String::from_utf8(out).unwrap(), expect);
    }

    #[test]
    #[ignore = "prints nanoseconds, for the eye"]
    #[expect(clippy::disallowed_methods, reason = "this measures time")]
    fn speed() {
        let mut entries = Entries::new();
        for n in 0..10_000 {
            let fields: [&[u8]; 4] = [b"sensor", b"42", b"temperature", b"19.8"];
            let id = EntryId::new(1_700_000_000_000 + n / 3, n % 3);
            entries.append(id, &fields, NodeLimits::default());
        }
        for count in [1, 10, 100, 10_000] {
            let mut out = Vec::new();
            let rounds = 2_000_000 / count;
            let started = std::time::Instant::now();
            for _ in 0..rounds {
                out.clear();
                let mut writer = EntryWriter::new();
                for entry in entries.range(EntryId::MIN, EntryId::MAX).take(count) {
                    writer.write(&mut out, &entry);
                }
            }
            let ns = started.elapsed().as_nanos() / (rounds * count) as u128;
            println!("{count} entries: {ns} ns each, {} bytes", out.len() / count);
        }
    }
}

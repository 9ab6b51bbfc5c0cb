//! Entries as replies, encoded straight from the packed blocks that hold them.
//!
//! An entry is `[id, [name, value, ...]]`, in RESP3 as well. Consecutive entries mostly have the
//! same field names and often the same millisecond. What they share is rendered once, with lengths
//! and line ends, and then copied from where the last entry has it in the buffer:
//!
//! ```text
//! $15 CRLF 1526919030474- 5 CRLF *4 CRLF $1 CRLF a CRLF $1 CRLF 7 CRLF $1 CRLF b CRLF $1 CRLF 8 CRLF
//! ^^^^^^^^^^^^^^^^^^^^^^^^   ^^^^^^^^^^^^^^^^^^^^^^^^^^           ^^^^^^^^^^^^^^^^^^
//! head                      name                                 name
//! ```

use std::ops::Range;

use firth_engine::stream::{Entry, EntryId};
use firth_resp::{write_array_header, write_bulk_header, write_bulk_id};
use smallvec::SmallVec;

/// Writes entries of one stream, which is not changed meanwhile, to one buffer, which only grows
/// meanwhile.
#[derive(Debug, Default)]
pub(super) struct EntryWriter {
    /// The key of the shape whose names were written last.
    shape: Option<usize>,
    /// Where those names are in the buffer, each with what precedes it.
    names: SmallVec<[Range<usize>; 8]>,
    /// The millisecond of the last head, whose sequence number is to have one digit.
    head_ms: Option<u64>,
    /// Where that head is.
    head: Range<usize>,
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
        self.begin_id(out, entry.id);
        if self.shape == Some(entry.shape_key()) {
            for (value, name) in entry.values().zip(&self.names) {
                out.extend_from_within(name.clone());
                begin_value(out, value);
            }
        } else {
            self.begin_fields(out, entry);
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Appends the id without its line end.
    #[inline]
    fn begin_id(&mut self, out: &mut Vec<u8>, id: EntryId) {
        let digit = u8::try_from(id.seq).ok().filter(|seq| *seq < 10);
        match digit {
            Some(digit) if self.head_ms == Some(id.ms) => {
                out.extend_from_within(self.head.clone());
                out.push(b'0' + digit);
            }
            _ => {
                let start = out.len();
                write_id(out, id);
                out.truncate(out.len() - 2);
                self.head_ms = digit.map(|_| id.ms);
                self.head = start..out.len() - 1;
            }
        }
    }

    /// Appends the fields without the last line end, and remembers where their names are.
    fn begin_fields(&mut self, out: &mut Vec<u8>, entry: &Entry<'_>) {
        self.shape = Some(entry.shape_key());
        self.names.clear();
        let mut start = out.len();
        out.extend_from_slice(b"\r\n");
        write_array_header(out, entry.field_count() * 2);
        for (name, value) in entry.fields() {
            write_bulk_header(out, name.len());
            out.extend_from_slice(name);
            out.extend_from_slice(b"\r\n");
            self.names.push(start..out.len());
            begin_value(out, value);
            start = out.len();
            out.extend_from_slice(b"\r\n");
        }
        out.truncate(start);
    }
}

/// Appends a value without its line end.
#[inline]
fn begin_value(out: &mut Vec<u8>, value: &[u8]) {
    write_bulk_header(out, value.len());
    out.extend_from_slice(value);
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
            let node = entries.node_for(fields, limits);
            entries.append(EntryId::new(n as u64 / 13 + 1, n as u64 % 13), fields, node);
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
    #[expect(clippy::disallowed_methods, clippy::print_stdout, reason = "this measures time")]
    fn speed() {
        let mut entries = Entries::new();
        for n in 0..10_000 {
            let fields: [&[u8]; 4] = [b"sensor", b"42", b"temperature", b"19.8"];
            let id = EntryId::new(1_700_000_000_000 + n / 3, n % 3);
            entries.append(id, &fields, entries.node_for(&fields, NodeLimits::default()));
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

//! How many bytes Redis would spend on a node of a stream: it decides where nodes end.
//!
//! Redis keeps the entries of a node in one listpack: a header of 6 bytes, elements, and a
//! terminator. `MAXLEN ~`, `MINID ~` and the node count of `XINFO STREAM` depend on where its nodes
//! end, so this module counts what its encoding would take, without making it:
//!
//! ```text
//! node    := header(6) master entry* end(1)
//! master  := count deleted field-count name* 0
//! entry   := flags ms-delta seq-delta [field-count name*] value* element-count
//! element := encoding [data] back-length
//! ```
//!
//! Names are spelled out only where they differ from those of the master, the node's first entry.
//! A text that is the canonical decimal form of a signed 64-bit number is stored as a number.

use super::id::EntryId;

/// The longest text that can be a canonical signed 64-bit number.
const DIGITS_MAX: usize = 20;

/// Returns the bytes of a node without entries whose master has the given field names.
pub(super) fn node_bytes<'a>(names: impl ExactSizeIterator<Item = &'a [u8]>) -> u64 {
    let frame = 6 + 1;
    let counters = 2 * number_bytes(0);
    frame + counters + names_bytes(names) + number_bytes(0)
}

/// Returns the bytes of a field count and the names that follow it.
pub(super) fn names_bytes<'a>(names: impl ExactSizeIterator<Item = &'a [u8]>) -> u64 {
    number_bytes(count_of(names.len())) + names.map(text_bytes).sum::<u64>()
}

/// Returns the bytes of the entry `id`, without names, in a node whose first id is `master`.
pub(super) fn entry_bytes<'a>(
    master: EntryId,
    id: EntryId,
    values: impl ExactSizeIterator<Item = &'a [u8]>,
) -> u64 {
    let flags = number_bytes(0);
    let ms = number_bytes(id.ms.wrapping_sub(master.ms).cast_signed());
    let seq = number_bytes(id.seq.wrapping_sub(master.seq).cast_signed());
    let elements = number_bytes(count_of(values.len()).saturating_add(3));
    flags + ms + seq + values.map(text_bytes).sum::<u64>() + elements
}

fn count_of(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}

/// Returns the bytes of an element that holds a number.
fn number_bytes(number: i64) -> u64 {
    let back_length = 1;
    let encoded = match number {
        0..=127 => 1,
        -0x1000..=0xfff => 2,
        -0x8000..=0x7fff => 3,
        -0x80_0000..=0x7f_ffff => 4,
        -0x8000_0000..=0x7fff_ffff => 5,
        _ => 9,
    };
    encoded + back_length
}

/// Returns the bytes of an element that holds a text.
fn text_bytes(text: &[u8]) -> u64 {
    if let Some(number) = canonical_number(text) {
        return number_bytes(number);
    }
    let len = text.len() as u64;
    let encoded = match len {
        ..64 => 1 + len,
        64..4096 => 2 + len,
        _ => 5 + len,
    };
    encoded + back_length_bytes(encoded)
}

/// Returns how many bytes the length of an element takes at the element's end.
fn back_length_bytes(encoded: u64) -> u64 {
    match encoded {
        ..128 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

/// Returns the number of which `text` is the canonical decimal form, if it fits into 64 bits.
fn canonical_number(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    match digits {
        b"0" if digits.len() == text.len() => return Some(0),
        [b'1'..=b'9', ..] if text.len() <= DIGITS_MAX => {}
        _ => return None,
    }
    str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_bytes_of_texts() {
        let check = |text: &[u8], expect: u64| assert_eq!(text_bytes(text), expect, "{text:?}");
        check(b"", 2);
        check(b"0", 2);
        check(b"127", 2);
        check(b"128", 3);
        check(b"-1", 3);
        check(b"-4096", 3);
        check(b"4096", 4);
        check(b"-32769", 5);
        check(b"8388608", 6);
        check(b"2147483648", 10);
        check(b"-9223372036854775808", 10);
        check(b"9223372036854775808", 21);
        check(b"-0", 4);
        check(b"007", 5);
        check(b"1.5", 5);
        check(&[b'x'; 63], 65);
        check(&[b'x'; 64], 67);
        check(&[b'x'; 125], 128);
        check(&[b'x'; 126], 130);
        check(&[b'x'; 4096], 4103);
    }

    #[test]
    fn counts_the_bytes_of_a_node() {
        let names: [&[u8]; 2] = [b"sensor", b"1234"];
        assert_eq!(node_bytes(names.into_iter()), 7 + 4 + 2 + 8 + 3 + 2);
        let values: [&[u8]; 2] = [b"a", b"200"];
        let (master, id) = (EntryId::new(1000, 5), EntryId::new(1128, 0));
        assert_eq!(entry_bytes(master, id, values.into_iter()), 2 + 3 + 3 + 3 + 3 + 2);
    }
}

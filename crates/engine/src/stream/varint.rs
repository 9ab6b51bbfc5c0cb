//! Variable-length numbers (LEB128): seven bits a byte, the low ones first, the high bit set on all bytes but the last.

/// Appends `number` to `out`.
#[inline]
pub(crate) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Returns how many bytes [`put`] appends for `number`, 1 to 10.
#[inline]
pub(crate) fn width(number: u64) -> usize {
    (number | 1).ilog2() as usize / 7 + 1
}

/// Takes a number off the front of `rest`; `None` when the bytes end early or hold more than 64 bits.
#[inline]
pub(crate) fn read(rest: &mut &[u8]) -> Option<u64> {
    let (&first, after) = rest.split_first()?;
    *rest = after;
    if first < 0x80 { Some(u64::from(first)) } else { read_long(first, rest) }
}

/// Takes the number off that begins with `first`, a byte with its high bit set.
fn read_long(first: u8, rest: &mut &[u8]) -> Option<u64> {
    let mut number = u64::from(first & 0x7f);
    for shift in (7..64).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        let bits = u64::from(byte & 0x7f);
        if bits > u64::MAX >> shift {
            return None;
        }
        number |= bits << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// Takes a number off the front of `rest` that has to fit into memory.
#[inline]
pub(crate) fn read_len(rest: &mut &[u8]) -> Option<usize> {
    usize::try_from(read(rest)?).ok()
}

/// Takes `len` bytes off the front of `rest`.
#[inline]
pub(crate) fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(taken)
}

/// Takes a byte string off the front of `rest` that is preceded by its length.
#[inline]
pub(crate) fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = read_len(rest)?;
    take(rest, len)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn refuses_what_is_not_a_number() {
        let check = |bytes: &[u8]| assert_eq!(read(&mut &*bytes), None, "{bytes:?}");
        check(b"");
        check(&[0x80]);
        check(&[0xff; 9]);
        check(&[0xff; 11]);
        check(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]);
    }

    proptest! {
        #[test]
        fn round_trips(number: u64, shift in 0_u32..64) {
            let number = number >> shift;
            let mut bytes = Vec::new();
            put(&mut bytes, number);
            prop_assert_eq!(bytes.len(), width(number));
            bytes.push(b'x');
            let mut rest = &*bytes;
            prop_assert_eq!(read(&mut rest), Some(number));
            prop_assert_eq!(rest, b"x");
        }
    }
}

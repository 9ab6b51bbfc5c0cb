//! Decimal digits, written backwards into a buffer on the stack.

/// "00", "01", ... "99", one after the other.
static PAIRS: [u8; 200] = pairs();

const fn pairs() -> [u8; 200] {
    let mut table = [0; 200];
    let mut n = 0;
    while n < 100 {
        table[n * 2] = b'0' + (n / 10) as u8;
        table[n * 2 + 1] = b'0' + (n % 10) as u8;
        n += 1;
    }
    table
}

/// A short text that grows at its front. It has room for the longest text of this crate: the
/// bulk string of two 20 digit numbers with a dash, `$41 CR LF ... CR LF`, 48 bytes.
pub(crate) struct Tail {
    bytes: [u8; CAPACITY],
    start: usize,
}

const CAPACITY: usize = 64;

impl Tail {
    #[inline]
    pub(crate) fn new() -> Self {
        Self { bytes: [0; CAPACITY], start: CAPACITY }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        CAPACITY - self.start
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn push(&mut self, byte: u8) {
        self.start -= 1;
        self.bytes[self.start] = byte;
    }

    #[inline]
    pub(crate) fn push_crlf(&mut self) {
        self.push(b'\n');
        self.push(b'\r');
    }

    #[inline]
    pub(crate) fn push_unsigned(&mut self, mut value: u64) {
        while value >= 100 {
            self.push_pair((value % 100) as usize);
            value /= 100;
        }
        if value >= 10 {
            self.push_pair(value as usize);
        } else {
            self.push(b'0' + value as u8);
        }
    }

    #[inline]
    pub(crate) fn push_signed(&mut self, value: i64) {
        self.push_unsigned(value.unsigned_abs());
        if value < 0 {
            self.push(b'-');
        }
    }

    #[inline]
    fn push_pair(&mut self, pair: usize) {
        self.start -= 2;
        self.bytes[self.start] = PAIRS[pair * 2];
        self.bytes[self.start + 1] = PAIRS[pair * 2 + 1];
    }
}

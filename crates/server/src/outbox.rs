//! What is on its way to a client.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::ops::Range;
use std::sync::Arc;

use firth_engine::Lsn;

/// Own bytes gather in pieces of up to this many. A piece is freed when all of it has been sent, so
/// a client that is always a little behind keeps no more than one that was sent already.
const PIECE_BYTES_MAX: usize = 64 * 1024;

/// A shared range is copied rather than kept when it is less than this part of what it keeps alive.
const KEEP_PART: usize = 4;

/// The bytes that wait to be sent to one client, in order.
///
/// Replies are the client's own bytes. Messages that go to many are ranges of the worker's shared
/// buffer, which holds each of them once; a range that cannot be sent within the tick keeps the
/// buffer alive, or is copied if it is only a small part of it.
#[derive(Debug, Default)]
pub struct Outbox {
    segments: VecDeque<Segment>,
    /// How much of the first segment has been sent.
    sent: usize,
    bytes: usize,
    /// How many bytes were sent before those that wait.
    sent_before: u64,
    /// Which bytes have to wait for which position; both ascend.
    marks: VecDeque<Mark>,
    /// The position that the last byte here depends on, and with it all that follow.
    lsn: Lsn,
}

/// A place from which on bytes depend on a position being settled.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// The place, counted from the first byte that was ever put here.
    start: u64,
    lsn: Lsn,
}

#[derive(Debug)]
enum Segment {
    Own(Vec<u8>),
    /// A range of the worker's buffer of this tick.
    Tick(Range<usize>),
    /// A range of the buffer of an earlier tick.
    Kept(Arc<Vec<u8>>, Range<usize>),
}

impl Segment {
    fn len(&self) -> usize {
        match self {
            Segment::Own(bytes) => bytes.len(),
            Segment::Tick(range) | Segment::Kept(_, range) => range.len(),
        }
    }

    fn bytes<'a>(&'a self, tick: &'a [u8]) -> &'a [u8] {
        match self {
            Segment::Own(bytes) => bytes,
            Segment::Tick(range) => tick.get(range.clone()).unwrap_or_default(),
            Segment::Kept(buffer, range) => buffer.get(range.clone()).unwrap_or_default(),
        }
    }
}

impl Outbox {
    /// Returns how many bytes wait.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Says whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Returns how many pieces wait.
    pub fn segments(&self) -> usize {
        self.segments.len()
    }

    /// Returns the position that must be settled before all of this may be sent.
    pub fn lsn(&self) -> Lsn {
        self.lsn
    }

    /// Returns how many bytes may be sent when everything up to this position is settled.
    #[inline]
    pub fn sendable(&self, settled: Lsn) -> usize {
        if self.lsn <= settled {
            return self.bytes;
        }
        let held = self.marks.iter().find(|mark| mark.lsn > settled);
        held.map_or(self.bytes, |mark| {
            usize::try_from(mark.start - self.sent_before).unwrap_or(usize::MAX)
        })
    }

    /// Notes that what is put here next depends on a position.
    #[inline]
    fn depend(&mut self, lsn: Lsn) {
        // What a mark stood for may have been sent before it was on the disk, while that was not asked
        // for; whatever comes behind it needs a mark of its own.
        if lsn > self.marks.back().map_or(Lsn::ZERO, |mark| mark.lsn) {
            self.lsn = self.lsn.max(lsn);
            self.marks.push_back(Mark { start: self.sent_before + self.bytes as u64, lsn });
        }
    }

    /// Adds the client's own bytes; `spare` is an empty buffer to put them in if one is needed.
    pub fn push(&mut self, bytes: &[u8], lsn: Lsn, spare: impl FnOnce() -> Vec<u8>) {
        self.depend(lsn);
        self.bytes += bytes.len();
        if let Some(Segment::Own(own)) = self.segments.back_mut()
            && own.len() + bytes.len() <= PIECE_BYTES_MAX
        {
            own.extend_from_slice(bytes);
            return;
        }
        let mut own = spare();
        own.extend_from_slice(bytes);
        self.segments.push_back(Segment::Own(own));
    }

    /// Adds many of the client's own bytes without a copy.
    pub fn push_whole(&mut self, bytes: Vec<u8>, lsn: Lsn) {
        self.depend(lsn);
        self.bytes += bytes.len();
        self.segments.push_back(Segment::Own(bytes));
    }

    /// Adds a range of the worker's buffer of this tick.
    #[inline]
    pub fn push_tick(&mut self, range: Range<usize>, lsn: Lsn) {
        self.depend(lsn);
        self.bytes += range.len();
        if let Some(Segment::Tick(last)) = self.segments.back_mut()
            && last.end == range.start
        {
            last.end = range.end;
            return;
        }
        self.segments.push_back(Segment::Tick(range));
    }

    /// Returns the bytes that may be sent when everything up to this position is settled, in order,
    /// as far as the slices reach.
    pub fn slices<'a>(&'a self, tick: &'a [u8], settled: Lsn, slices: &mut [IoSlice<'a>]) -> usize {
        let mut left = self.sendable(settled);
        let mut skip = self.sent;
        let mut used = 0;
        for (slot, segment) in slices.iter_mut().zip(&self.segments) {
            if left == 0 {
                break;
            }
            let bytes = segment.bytes(tick).get(skip..).unwrap_or_default();
            let bytes = bytes.get(..left).unwrap_or(bytes);
            *slot = IoSlice::new(bytes);
            left -= bytes.len();
            skip = 0;
            used += 1;
        }
        used
    }

    /// Takes note that this many bytes were sent; `recycle` gets the buffers that are free now.
    pub fn advance(&mut self, mut bytes: usize, mut recycle: impl FnMut(Vec<u8>)) {
        self.bytes = self.bytes.saturating_sub(bytes);
        self.sent_before += bytes as u64;
        while self.marks.front().is_some_and(|mark| mark.start < self.sent_before) {
            self.marks.pop_front();
        }
        while let Some(first) = self.segments.front() {
            let left = first.len() - self.sent;
            if bytes < left {
                self.sent += bytes;
                return;
            }
            bytes -= left;
            self.sent = 0;
            if let Some(Segment::Own(own)) = self.segments.pop_front() {
                recycle(own);
            }
        }
    }

    /// Says whether anything here is in the worker's buffer of this tick.
    pub fn holds_tick(&self) -> bool {
        self.segments.iter().any(|segment| matches!(segment, Segment::Tick(_)))
    }

    /// Makes this independent of the buffer of the tick, which is about to be used again.
    pub fn keep(&mut self, buffer: &Arc<Vec<u8>>) {
        for segment in &mut self.segments {
            if let Segment::Tick(range) = segment {
                *segment = if range.len() * KEEP_PART < buffer.len() {
                    Segment::Own(buffer.get(range.clone()).unwrap_or_default().to_vec())
                } else {
                    Segment::Kept(buffer.clone(), range.clone())
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(outbox: &Outbox, tick: &[u8]) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 16];
        let used = outbox.slices(tick, Lsn::MAX, &mut slices);
        slices[..used].iter().flat_map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn own_bytes_and_shared_ranges_keep_their_order() {
        let tick = b"one two three ".to_vec();
        let mut outbox = Outbox::default();
        outbox.push(b"<a>", Lsn(1), Vec::new);
        outbox.push_tick(0..4, Lsn(0));
        outbox.push_tick(4..8, Lsn(3));
        outbox.push(b"<b>", Lsn(2), Vec::new);
        outbox.push_tick(8..14, Lsn(0));
        assert_eq!(content(&outbox, &tick), b"<a>one two <b>three ");
        assert_eq!((outbox.len(), outbox.segments(), outbox.lsn()), (20, 4, Lsn(3)));
    }

    #[test]
    fn what_is_settled_is_sent_though_more_is_to_come() {
        let tick = b"event".to_vec();
        let mut outbox = Outbox::default();
        let sendable = |outbox: &Outbox, settled: u64| {
            let mut slices = [IoSlice::new(&[]); 16];
            let used = outbox.slices(&tick, Lsn(settled), &mut slices);
            slices[..used].iter().map(|slice| String::from_utf8_lossy(slice)).collect::<String>()
        };
        outbox.push(b"a", Lsn::ZERO, Vec::new);
        assert_eq!(sendable(&outbox, 0), "a");
        outbox.push(b"bc", Lsn(5), Vec::new);
        outbox.push(b"d", Lsn(3), Vec::new);
        outbox.push_tick(0..5, Lsn(7));
        outbox.push(b"e", Lsn(7), Vec::new);
        let all = ["a", "a", "a", "a", "a", "abcd", "abcd", "abcdevente"];
        for (settled, expect) in (0..).zip(all) {
            assert_eq!(sendable(&outbox, settled), expect, "settled {settled}");
        }
        for (bytes, rest) in [(1, "bcd"), (1, "cd"), (2, "")] {
            outbox.advance(bytes, drop);
            assert_eq!(sendable(&outbox, 5), rest);
        }
        assert_eq!(sendable(&outbox, 7), "evente");
        outbox.advance(6, drop);
        assert_eq!(outbox.marks.len(), 0, "marks go with what they stand for");
        outbox.push(b"f", Lsn(9), Vec::new);
        assert_eq!((outbox.sendable(Lsn(8)), outbox.sendable(Lsn(9))), (0, 1));
    }

    #[test]
    fn what_was_sent_too_early_lets_nothing_else_go() {
        // The durability was `never`, and is `always` from the second reply on.
        let mut outbox = Outbox::default();
        outbox.push(b"added", Lsn(6), Vec::new);
        assert_eq!(outbox.sendable(Lsn::MAX), 5);
        outbox.advance(5, drop);
        outbox.push(b"read", Lsn(6), Vec::new);
        assert_eq!((outbox.sendable(Lsn(3)), outbox.sendable(Lsn(6))), (0, 4));
    }

    #[test]
    fn what_was_sent_is_forgotten_at_any_cut() {
        let tick = b"one two three ".to_vec();
        for cut in 0..=20 {
            let mut outbox = Outbox::default();
            outbox.push(b"<a>", Lsn(0), Vec::new);
            outbox.push_tick(0..8, Lsn(0));
            outbox.push(b"<b>", Lsn(0), Vec::new);
            outbox.push_tick(8..14, Lsn(0));
            outbox.advance(cut, drop);
            assert_eq!(content(&outbox, &tick), &b"<a>one two <b>three "[cut..]);
            let buffer = Arc::new(tick.clone());
            outbox.keep(&buffer);
            assert!(!outbox.holds_tick());
            assert_eq!(content(&outbox, b""), &b"<a>one two <b>three "[cut..], "cut {cut}");
        }
    }

    #[test]
    fn what_was_sent_does_not_stay_although_something_always_waits() {
        let mut outbox = Outbox::default();
        for _ in 0..1000 {
            outbox.push(&[7; 1000], Lsn(0), Vec::new);
            if outbox.len() > 2000 {
                outbox.advance(1000, drop);
            }
        }
        let kept: usize = outbox.segments.iter().map(Segment::len).sum();
        assert!(outbox.len() == 2000 && kept <= 2 * PIECE_BYTES_MAX, "{kept}");
    }

    #[test]
    fn a_small_part_of_a_large_buffer_is_copied() {
        let buffer = Arc::new(vec![7; 1000]);
        let mut outbox = Outbox::default();
        outbox.push_tick(10..20, Lsn(0));
        outbox.keep(&buffer);
        assert_eq!(Arc::strong_count(&buffer), 1);
        let mut outbox = Outbox::default();
        outbox.push_tick(0..500, Lsn(0));
        outbox.keep(&buffer);
        assert_eq!(Arc::strong_count(&buffer), 2);
    }
}

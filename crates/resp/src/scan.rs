//! Finding where replies end, without building them.
//!
//! A frame needs no stack: it ends when no element is outstanding. A line of text settles one
//! element, the header of an array of `n` settles one and adds `n`, and the header of an attribute
//! of `n` pairs adds `2n`.

use memchr::memchr;

use crate::error::ProtocolError;
use crate::line::short_number;

/// Counts the replies in a stream of bytes, whole or in any pieces.
///
/// It skips over the bodies of strings without a look, and keeps a few words of state.
#[derive(Debug, Default)]
pub struct ReplyScanner {
    frame: FrameScanner,
    replies: u64,
    errors: u64,
    pushes: u64,
}

impl ReplyScanner {
    /// A scanner at the start of a reply.
    pub fn new() -> Self {
        Self::default()
    }

    /// Scans the next bytes of the stream and returns how many replies ended in them.
    ///
    /// Errors are replies; pushes are not, as they answer no request.
    ///
    /// # Errors
    ///
    /// The bytes are not RESP. Nothing useful can be learned from the stream any more.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<usize, ProtocolError> {
        let mut rest = chunk;
        let mut replies = 0;
        while !rest.is_empty() {
            let (used, ended) = self.frame.advance(rest)?;
            rest = rest.get(used..).unwrap_or_default();
            match ended {
                Some(b'>') => self.pushes += 1,
                Some(kind) => {
                    replies += 1;
                    self.errors += u64::from(matches!(kind, b'-' | b'!'));
                }
                None => {}
            }
        }
        self.replies += replies as u64;
        Ok(replies)
    }

    /// How many replies have ended so far, errors among them.
    pub fn replies(&self) -> u64 {
        self.replies
    }

    /// How many of the replies were errors.
    pub fn errors(&self) -> u64 {
        self.errors
    }

    /// How many pushes have ended so far.
    pub fn pushes(&self) -> u64 {
        self.pushes
    }
}

/// Finds the end of one frame after the other.
#[derive(Debug, Default)]
pub(crate) struct FrameScanner {
    part: Part,
    /// The kind of the frame as a whole; none before its first byte.
    frame: Option<u8>,
    /// The elements that the frame still lacks.
    outstanding: u64,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, Default)]
enum Part {
    /// The kind of an element.
    #[default]
    Kind,
    /// A line of text.
    Text,
    /// The body of a string with its line end: so many bytes are left.
    Body(u64),
    /// A line with a length that the bytes at hand did not hold whole.
    Length(Length),
}

/// A length whose line is cut in two.
#[derive(Clone, Copy, Debug)]
struct Length {
    kind: u8,
    negative: bool,
    digits: u8,
    value: u64,
    ending: bool,
}

/// What a length line announces.
#[derive(Clone, Copy)]
enum Announced {
    Null,
    Count(u64),
}

impl FrameScanner {
    /// Advances to the end of a frame or of `bytes`: how many were used, and which kind of frame
    /// has ended.
    #[inline]
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> Result<(usize, Option<u8>), ProtocolError> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match self.part {
                Part::Kind => at = self.kind(bytes, at, byte)?,
                Part::Text => at = self.text(bytes, at),
                Part::Body(left) => at = self.body(bytes, at, left),
                Part::Length(length) => {
                    at += 1;
                    self.length(length, byte)?;
                }
            }
            if self.outstanding == 0
                && matches!(self.part, Part::Kind)
                && let Some(kind) = self.frame.take()
            {
                return Ok((at, Some(kind)));
            }
        }
        Ok((at, None))
    }

    #[inline]
    fn kind(&mut self, bytes: &[u8], at: usize, kind: u8) -> Result<usize, ProtocolError> {
        // The last element that a frame lacks while it has shown nothing but attributes is the
        // reply itself.
        if self.outstanding <= 1 && matches!(self.frame, None | Some(b'|')) {
            self.frame = Some(kind);
            self.outstanding = 1;
        }
        match kind {
            b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => {
                self.part = Part::Text;
                Ok(self.text(bytes, at + 1))
            }
            b'$' | b'*' | b'%' | b'>' | b'~' | b'=' | b'!' | b'|' => {
                if let Some((value, next)) = short_number(bytes, at + 1)
                    && bytes.get(next - 1) == Some(&b'\n')
                {
                    self.announced(kind, Announced::Count(u64::from(value)))?;
                    return Ok(match self.part {
                        Part::Body(left) => self.body(bytes, next, left),
                        _ => next,
                    });
                }
                let length = Length { kind, negative: false, digits: 0, value: 0, ending: false };
                self.part = Part::Length(length);
                Ok(at + 1)
            }
            other => Err(ProtocolError::UnknownReplyType(other)),
        }
    }

    #[inline]
    fn text(&mut self, bytes: &[u8], at: usize) -> usize {
        match bytes.get(at..).and_then(|rest| memchr(b'\n', rest)) {
            Some(offset) => {
                self.settle();
                at + offset + 1
            }
            None => bytes.len(),
        }
    }

    #[inline]
    fn body(&mut self, bytes: &[u8], at: usize, left: u64) -> usize {
        let here = bytes.len().saturating_sub(at);
        match usize::try_from(left) {
            Ok(left) if left <= here => {
                self.settle();
                at + left
            }
            _ => {
                self.part = Part::Body(left - here as u64);
                bytes.len()
            }
        }
    }

    /// Takes one more byte of a length line.
    fn length(&mut self, mut length: Length, byte: u8) -> Result<(), ProtocolError> {
        match byte {
            b'\n' if length.ending => {
                let announced = length.announced()?;
                return self.announced(length.kind, announced);
            }
            _ if length.ending => return Err(ProtocolError::InvalidReplyLength),
            b'\r' => length.ending = true,
            b'-' if length.digits == 0 && !length.negative => length.negative = true,
            b'0'..=b'9' if length.digits < 18 => {
                length.digits += 1;
                length.value = length.value * 10 + u64::from(byte - b'0');
            }
            _ => return Err(ProtocolError::InvalidReplyLength),
        }
        self.part = Part::Length(length);
        Ok(())
    }

    #[inline]
    fn announced(&mut self, kind: u8, announced: Announced) -> Result<(), ProtocolError> {
        let count = match announced {
            Announced::Null if matches!(kind, b'$' | b'*') => {
                self.settle();
                return Ok(());
            }
            Announced::Null => return Err(ProtocolError::InvalidReplyLength),
            Announced::Count(count) => count,
        };
        let elements = match kind {
            b'$' | b'=' | b'!' => {
                self.part = Part::Body(count + 2);
                return Ok(());
            }
            b'%' => count * 2,
            // An attribute precedes an element and is none itself.
            b'|' => count * 2 + 1,
            _ => count,
        };
        self.settle();
        let outstanding = self.outstanding.checked_add(elements);
        self.outstanding = outstanding.ok_or(ProtocolError::InvalidReplyLength)?;
        Ok(())
    }

    /// Counts an element as complete.
    #[inline]
    fn settle(&mut self) {
        self.part = Part::Kind;
        self.outstanding = self.outstanding.saturating_sub(1);
    }
}

impl Length {
    fn announced(self) -> Result<Announced, ProtocolError> {
        match (self.negative, self.digits, self.value) {
            (false, 1.., count) => Ok(Announced::Count(count)),
            (true, 1, 1) => Ok(Announced::Null),
            _ => Err(ProtocolError::InvalidReplyLength),
        }
    }
}

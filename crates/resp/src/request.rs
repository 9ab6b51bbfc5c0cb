//! A request: the name of a command and its arguments, all of them bytes.

use std::fmt;

/// The place of one argument in the bytes that hold it. Such bytes are below 4 GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// Positions past 4 GiB are cut to the largest one, which no bytes reach.
    #[inline]
    pub(crate) fn new(start: usize, end: usize) -> Self {
        let cut = |position| u32::try_from(position).unwrap_or(u32::MAX);
        Self { start: cut(start), end: cut(end) }
    }

    /// The spanned part of `bytes`, empty if they are not the bytes that the span was made for.
    #[inline]
    pub(crate) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    fn len(self) -> usize {
        (self.end - self.start) as usize
    }
}

/// A request, borrowed from the bytes in which it arrived. Copying it copies no argument.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    bytes: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Request<'a> {
    pub(crate) fn new(bytes: &'a [u8], spans: &'a [Span]) -> Self {
        Self { bytes, spans }
    }

    /// The number of arguments, the command's name included.
    #[inline]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is nothing to run: a blank line or an array of no arguments.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The argument at `index`; the command's name is at 0.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        self.spans.get(index).map(|span| span.of(self.bytes))
    }

    /// All arguments in order, the command's name first.
    #[inline]
    pub fn iter(&self) -> Arguments<'a> {
        Arguments { bytes: self.bytes, spans: self.spans.iter() }
    }

    /// The request without its first `from` arguments; empty if it has no more than those.
    #[inline]
    pub fn slice(&self, from: usize) -> Self {
        Self { bytes: self.bytes, spans: self.spans.get(from..).unwrap_or_default() }
    }

    /// A copy that outlives the bytes in which the request arrived.
    pub fn to_owned_request(&self) -> OwnedRequest {
        let mut owned = OwnedRequest {
            bytes: Vec::with_capacity(self.spans.iter().map(|span| span.len()).sum()),
            spans: Vec::with_capacity(self.len()),
        };
        owned.extend(self.iter());
        owned
    }
}

impl<'a> IntoIterator for Request<'a> {
    type Item = &'a [u8];
    type IntoIter = Arguments<'a>;

    fn into_iter(self) -> Arguments<'a> {
        self.iter()
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = self.iter().map(|argument| argument.escape_ascii().to_string());
        f.debug_list().entries(texts).finish()
    }
}

/// Iterates over the arguments of a [`Request`].
#[derive(Clone, Debug)]
pub struct Arguments<'a> {
    bytes: &'a [u8],
    spans: std::slice::Iter<'a, Span>,
}

impl<'a> Iterator for Arguments<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        self.spans.next().map(|span| span.of(self.bytes))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.spans.size_hint()
    }
}

impl DoubleEndedIterator for Arguments<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.spans.next_back().map(|span| span.of(self.bytes))
    }
}

impl ExactSizeIterator for Arguments<'_> {}

/// A request that owns its bytes, for commands that are queued or wait and run later.
///
/// Its arguments together stay below 4 GiB.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct OwnedRequest {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

impl OwnedRequest {
    /// Builds a request from its arguments, the command's name first.
    pub fn from_slices(arguments: &[&[u8]]) -> Self {
        let mut owned = Self::default();
        owned.extend(arguments.iter().copied());
        owned
    }

    /// The request in its borrowed form.
    pub fn as_request(&self) -> Request<'_> {
        Request::new(&self.bytes, &self.spans)
    }

    /// How many bytes of memory the request holds, for limits on what clients may queue.
    pub fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.spans.capacity() * size_of::<Span>()
    }

    fn extend<'a>(&mut self, arguments: impl Iterator<Item = &'a [u8]>) {
        for argument in arguments {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(argument);
            self.spans.push(Span::new(start, self.bytes.len()));
        }
    }
}

impl From<Request<'_>> for OwnedRequest {
    fn from(request: Request<'_>) -> Self {
        request.to_owned_request()
    }
}

impl fmt::Debug for OwnedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_request().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    #[test]
    fn slices_and_copies_keep_their_arguments() {
        let owned = OwnedRequest::from_slices(&[b"XADD", b"key", b"", b"v\r\n"]);
        let request = owned.as_request();
        assert_eq!((request.len(), request.is_empty()), (4, false));
        assert_eq!(request.get(1), Some(b"key".as_slice()));
        assert_eq!(request.get(4), None);
        assert_eq!(request.iter().len(), 4);
        assert_eq!(request.iter().next_back(), Some(b"v\r\n".as_slice()));

        let tail = request.slice(2);
        assert_eq!(tail.iter().collect::<Vec<_>>(), [b"".as_slice(), b"v\r\n"]);
        assert!(request.slice(4).is_empty() && request.slice(5).is_empty());
        assert_eq!(OwnedRequest::from(tail), OwnedRequest::from_slices(&[b"", b"v\r\n"]));
        assert_eq!(format!("{request:?}"), r#"["XADD", "key", "", "v\\r\\n"]"#);
    }
}

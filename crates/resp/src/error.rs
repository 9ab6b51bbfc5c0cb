//! What can be wrong with the bytes of a peer.

use thiserror::Error;

/// Bytes that are not RESP. The connection cannot go on: where the next frame starts is unknown.
///
/// For requests, `Display` is the whole text of the error reply without its leading `-`, in
/// Redis's own words. The text never holds CR or LF.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// An inline request without a line end within the limit.
    #[error("ERR Protocol error: too big inline request")]
    TooBigInline,
    /// A `*` line without an end within the limit.
    #[error("ERR Protocol error: too big mbulk count string")]
    TooBigMultibulkCount,
    /// A `*` line that is not a count, or counts more arguments than allowed.
    #[error("ERR Protocol error: invalid multibulk length")]
    InvalidMultibulkLength,
    /// More than 10 arguments from a client that has yet to authenticate.
    #[error("ERR Protocol error: unauthenticated multibulk length")]
    UnauthenticatedMultibulkLength,
    /// An argument above 16 KiB from a client that has yet to authenticate.
    #[error("ERR Protocol error: unauthenticated bulk length")]
    UnauthenticatedBulkLength,
    /// A `$` line without an end within the limit.
    #[error("ERR Protocol error: too big bulk count string")]
    TooBigBulkCount,
    /// Another byte where an argument had to start.
    #[error("ERR Protocol error: expected '$', got '{}'", printable(*.0))]
    ExpectedBulk(u8),
    /// A `$` line that is not a length, or a length above the limit.
    #[error("ERR Protocol error: invalid bulk length")]
    InvalidBulkLength,
    /// An inline request with a quote that is never closed, or closed in the middle of a word.
    #[error("ERR Protocol error: unbalanced quotes in request")]
    UnbalancedQuotes,
    /// A reply of a type that neither RESP2 nor RESP3 knows.
    #[error("unknown reply type '{}'", printable(*.0))]
    UnknownReplyType(u8),
    /// A reply whose length line is not a length.
    #[error("invalid length in reply")]
    InvalidReplyLength,
    /// A reply whose content does not fit its type.
    #[error("malformed reply of type '{}'", printable(*.0))]
    MalformedReply(u8),
    /// A reply nested more deeply than the decoder allows.
    #[error("reply nested too deeply")]
    TooDeep,
}

/// Makes a foreign byte safe to show: line ends become spaces as in Redis, whatever else is not
/// printable ASCII becomes a question mark.
fn printable(byte: u8) -> char {
    match byte {
        b'\r' | b'\n' => ' ',
        b' '..=b'~' => char::from(byte),
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_byte_never_reaches_the_text_unprintable() {
        for byte in 0..=u8::MAX {
            let text = ProtocolError::ExpectedBulk(byte).to_string();
            assert!(text.bytes().all(|b| (b' '..=b'~').contains(&b)), "{text:?}");
        }
        let text = |byte| ProtocolError::ExpectedBulk(byte).to_string();
        assert_eq!(text(b'+'), "ERR Protocol error: expected '$', got '+'");
        assert_eq!(text(b'\r'), "ERR Protocol error: expected '$', got ' '");
        assert_eq!(text(0xff), "ERR Protocol error: expected '$', got '?'");
    }
}

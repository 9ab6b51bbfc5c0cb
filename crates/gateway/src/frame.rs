//! What is written to a socket: encoded once, and shared by all sockets that are sent it.
//!
//! A frame of a WebSocket, as the server sends it, without a mask and always whole:
//!
//! ```text
//! byte 0: 0x81 text, 0x82 binary
//! byte 1: the length, up to 125; or 126 and two bytes of length; or 127 and eight (big-endian)
//! the content
//! ```

use bytes::{BufMut as _, Bytes, BytesMut};

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const HEADER_BYTES_MAX: usize = 10;

/// A frame of a WebSocket, or a piece of an event stream. Cloning it is cheap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame(Bytes);

impl Frame {
    /// Makes a text message of a WebSocket.
    pub(crate) fn text(text: &str) -> Self {
        message(TEXT, text.as_bytes())
    }

    /// Makes a binary message of a WebSocket.
    pub(crate) fn binary(bytes: &[u8]) -> Self {
        message(BINARY, bytes)
    }

    /// Takes what is to be written as it is.
    pub(crate) fn raw(bytes: impl Into<Bytes>) -> Self {
        Frame(bytes.into())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        self.0
    }

    /// Returns the content of a short message, or of a piece.
    #[cfg(test)]
    pub(crate) fn content(&self) -> &str {
        let header = match self.0[..] {
            [TEXT | BINARY, 126, ..] => 4,
            [TEXT | BINARY, ..] => 2,
            _ => 0,
        };
        std::str::from_utf8(&self.0[header..]).unwrap_or("not text")
    }
}

fn message(kind: u8, content: &[u8]) -> Frame {
    let mut bytes = BytesMut::with_capacity(HEADER_BYTES_MAX + content.len());
    bytes.put_u8(kind);
    match (u8::try_from(content.len()), u16::try_from(content.len())) {
        (Ok(length @ ..126), _) => bytes.put_u8(length),
        (_, Ok(length)) => {
            bytes.put_u8(126);
            bytes.put_u16(length);
        }
        _ => {
            bytes.put_u8(127);
            bytes.put_u64(content.len() as u64);
        }
    }
    bytes.extend_from_slice(content);
    Frame(bytes.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(length: usize, header: &[u8]) {
        let content = "a".repeat(length);
        let frame = Frame::text(&content);
        assert_eq!(&frame.as_bytes()[..header.len()], header);
        assert_eq!(&frame.as_bytes()[header.len()..], content.as_bytes());
    }

    #[test]
    fn the_header_tells_the_length() {
        check(0, &[0x81, 0]);
        check(125, &[0x81, 125]);
        check(126, &[0x81, 126, 0, 126]);
        check(65_535, &[0x81, 126, 0xff, 0xff]);
        check(65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!(Frame::binary(b"\xff").as_bytes(), b"\x82\x01\xff");
    }
}

//! Replies of both protocols, decoded without the server's own crate: a fault in `firth-resp`
//! must not cancel itself out by sitting on both ends of the wire.

use std::fmt;

use crate::command::quoted;

/// One frame of RESP2 or RESP3. The shapes that only differ by protocol version stay apart
/// (`$-1`, `*-1` and `_` are three nulls), because the comparison is about exactly that.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Reply {
    Simple(String),
    Error(String),
    Integer(i64),
    Bulk(Vec<u8>),
    NullBulk,
    NullArray,
    Null,
    Bool(bool),
    Double(String),
    Big(String),
    Verbatim(Vec<u8>),
    Array(Vec<Reply>),
    Set(Vec<Reply>),
    Push(Vec<Reply>),
    /// Keys and values in turn.
    Map(Vec<Reply>),
    /// Nothing came in time.
    Silence,
    /// The server closed the connection.
    Closed,
}

impl Reply {
    /// Reads one frame from the front of `bytes`: the frame and its length, `None` while it is
    /// incomplete. Panics on bytes that no protocol allows.
    pub(crate) fn decode(bytes: &[u8]) -> Option<(Reply, usize)> {
        let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
        let line = String::from_utf8_lossy(&bytes[1..end]).into_owned();
        let after = end + 2;
        let number = || line.parse::<i64>().unwrap_or_else(|_| panic!("bad length {line:?}"));
        let reply = match bytes[0] {
            b'+' => Reply::Simple(line),
            b'-' => Reply::Error(line),
            b':' => Reply::Integer(number()),
            b'_' => Reply::Null,
            b'#' => Reply::Bool(line == "t"),
            b',' => Reply::Double(line),
            b'(' => Reply::Big(line),
            b'$' if line == "-1" => Reply::NullBulk,
            b'*' if line == "-1" => Reply::NullArray,
            b'$' | b'=' => return blob(bytes[0], bytes, after, number() as usize),
            b'*' | b'~' | b'>' => return list(bytes[0], bytes, after, number() as usize),
            b'%' => return list(b'%', bytes, after, 2 * number() as usize),
            other => panic!("no RESP type starts with {:?}: {line:?}", other as char),
        };
        Some((reply, after))
    }

    /// The frames inside, empty for everything that is not a collection.
    pub(crate) fn items(&self) -> &[Reply] {
        match self {
            Self::Array(items) | Self::Set(items) | Self::Push(items) | Self::Map(items) => items,
            _ => &[],
        }
    }

    /// The frames inside, to be changed.
    pub(crate) fn items_mut(&mut self) -> Option<&mut Vec<Reply>> {
        match self {
            Self::Array(items) | Self::Set(items) | Self::Push(items) | Self::Map(items) => {
                Some(items)
            }
            _ => None,
        }
    }

    /// The bytes of a bulk or simple string, empty for everything else.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Bulk(bytes) | Self::Verbatim(bytes) => bytes,
            Self::Simple(text) => text.as_bytes(),
            _ => &[],
        }
    }

    /// Whether this is an error that starts with `text`.
    pub(crate) fn is_error(&self, text: &str) -> bool {
        matches!(self, Self::Error(message) if message.starts_with(text))
    }
}

fn blob(kind: u8, bytes: &[u8], start: usize, len: usize) -> Option<(Reply, usize)> {
    let content = bytes.get(start..start + len)?.to_vec();
    let tail = bytes.get(start + len..start + len + 2)?;
    assert_eq!(tail, b"\r\n", "a bulk string of {len} bytes has no line break behind it");
    let reply = if kind == b'$' { Reply::Bulk(content) } else { Reply::Verbatim(content) };
    Some((reply, start + len + 2))
}

fn list(kind: u8, bytes: &[u8], mut at: usize, len: usize) -> Option<(Reply, usize)> {
    let mut items = Vec::new();
    for _ in 0..len {
        let (item, used) = Reply::decode(bytes.get(at..).filter(|rest| !rest.is_empty())?)?;
        items.push(item);
        at += used;
    }
    let reply = match kind {
        b'*' => Reply::Array(items),
        b'~' => Reply::Set(items),
        b'>' => Reply::Push(items),
        _ => Reply::Map(items),
    };
    Some((reply, at))
}

impl fmt::Display for Reply {
    /// Writes the frame on one line with its type in front.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simple(text) => write!(f, "+{text}"),
            Self::Error(text) => write!(f, "-{text}"),
            Self::Integer(number) => write!(f, ":{number}"),
            Self::Bulk(bytes) => write!(f, "{}", quoted(bytes)),
            Self::Verbatim(bytes) => write!(f, "={}", quoted(bytes)),
            Self::NullBulk => write!(f, "$-1"),
            Self::NullArray => write!(f, "*-1"),
            Self::Null => write!(f, "_"),
            Self::Bool(yes) => write!(f, "#{yes}"),
            Self::Double(text) => write!(f, ",{text}"),
            Self::Big(text) => write!(f, "({text}"),
            Self::Silence => write!(f, "<no reply>"),
            Self::Closed => write!(f, "<connection closed>"),
            Self::Array(items) => write_list(f, "*", items),
            Self::Set(items) => write_list(f, "~", items),
            Self::Push(items) => write_list(f, ">", items),
            Self::Map(items) => write_list(f, "%", items),
        }
    }
}

fn write_list(f: &mut fmt::Formatter<'_>, kind: &str, items: &[Reply]) -> fmt::Result {
    write!(f, "{kind}[")?;
    for (index, item) in items.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(f, "{comma}{item}")?;
    }
    write!(f, "]")
}

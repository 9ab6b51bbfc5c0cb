//! A decoded reply, for clients and tests.

use std::fmt;

/// One reply with all that it holds.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// `+`: a short text.
    Simple(Vec<u8>),
    /// `-` or `!`: an error, its code first.
    Error(Vec<u8>),
    /// `:`
    Integer(i64),
    /// `$`
    Bulk(Vec<u8>),
    /// `$-1`: nothing, in the place of a bulk string (RESP2).
    NullBulk,
    /// `*-1`: nothing, in the place of an array (RESP2).
    NullArray,
    /// `_`: nothing (RESP3).
    Null,
    /// `*`
    Array(Vec<Value>),
    /// `%`: keys with their values, in the order in which they were sent (RESP3).
    Map(Vec<(Value, Value)>),
    /// `~`: values in no meaningful order (RESP3).
    Set(Vec<Value>),
    /// `>`: a message that answers no request (RESP3).
    Push(Vec<Value>),
    /// `#t` or `#f` (RESP3).
    Boolean(bool),
    /// `,`: a number with a fraction, `inf`, `-inf` or `nan` (RESP3).
    Double(f64),
    /// `(`: the digits of an integer of any size (RESP3).
    BigNumber(Vec<u8>),
    /// `=`: a text for people, with the name of its format (RESP3).
    Verbatim {
        /// `txt` or `mkd`.
        format: [u8; 3],
        /// The text itself.
        text: Vec<u8>,
    },
}

impl Value {
    /// The bytes of a string of any kind, an error among them.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Simple(bytes) | Self::Error(bytes) | Self::Bulk(bytes) => Some(bytes),
            Self::BigNumber(bytes) | Self::Verbatim { text: bytes, .. } => Some(bytes),
            _ => None,
        }
    }

    /// The text of a string of any kind, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()?).ok()
    }

    /// The number of an integer.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            _ => None,
        }
    }

    /// The text of an error.
    pub fn as_error(&self) -> Option<&[u8]> {
        match self {
            Self::Error(text) => Some(text),
            _ => None,
        }
    }

    /// The elements of an array, a set or a push.
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(values) | Self::Set(values) | Self::Push(values) => Some(values),
            _ => None,
        }
    }

    /// The elements of an array, a set or a push.
    pub fn into_array(self) -> Option<Vec<Self>> {
        match self {
            Self::Array(values) | Self::Set(values) | Self::Push(values) => Some(values),
            _ => None,
        }
    }

    /// The pairs of a map, or of the flat array that stands for a map in RESP2.
    pub fn into_map(self) -> Option<Vec<(Self, Self)>> {
        match self {
            Self::Map(pairs) => Some(pairs),
            Self::Array(values) if values.len().is_multiple_of(2) => {
                let mut values = values.into_iter();
                let mut pairs = Vec::with_capacity(values.len() / 2);
                while let (Some(key), Some(value)) = (values.next(), values.next()) {
                    pairs.push((key, value));
                }
                Some(pairs)
            }
            _ => None,
        }
    }

    /// Whether this is nothing, in either protocol.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null | Self::NullBulk | Self::NullArray)
    }

    /// Whether this is an error.
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Error(_))
    }
}

/// One line that tells every type apart: `["bulk", +simple, 1, {"key": nil}, -ERR text]`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simple(text) => write!(f, "+{}", text.escape_ascii()),
            Self::Error(text) => write!(f, "-{}", text.escape_ascii()),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Bulk(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
            Self::NullBulk => f.write_str("nil($)"),
            Self::NullArray => f.write_str("nil(*)"),
            Self::Null => f.write_str("nil"),
            Self::Array(values) => list(f, "[", values, "]"),
            Self::Set(values) => list(f, "~[", values, "]"),
            Self::Push(values) => list(f, ">[", values, "]"),
            Self::Map(pairs) => map(f, pairs),
            Self::Boolean(value) => write!(f, "#{value}"),
            Self::Double(value) => write!(f, ",{value}"),
            Self::BigNumber(digits) => write!(f, "({}", digits.escape_ascii()),
            Self::Verbatim { format, text } => {
                write!(f, "={}:\"{}\"", format.escape_ascii(), text.escape_ascii())
            }
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // With `{:#?}` every element has a line of its own, as differences need it.
            Self::Array(values) if f.alternate() => f.debug_list().entries(values).finish(),
            Self::Set(values) if f.alternate() => f.debug_set().entries(values).finish(),
            Self::Map(pairs) if f.alternate() => {
                f.debug_map().entries(pairs.iter().map(|(key, value)| (key, value))).finish()
            }
            Self::Push(values) if f.alternate() => f.debug_tuple("Push").field(values).finish(),
            _ => fmt::Display::fmt(self, f),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, open: &str, values: &[Value], close: &str) -> fmt::Result {
    f.write_str(open)?;
    for (index, value) in values.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(f, "{comma}{value}")?;
    }
    f.write_str(close)
}

fn map(f: &mut fmt::Formatter<'_>, pairs: &[(Value, Value)]) -> fmt::Result {
    f.write_str("{")?;
    for (index, (key, value)) in pairs.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(f, "{comma}{key}: {value}")?;
    }
    f.write_str("}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::Bulk(text.as_bytes().to_vec())
    }

    #[test]
    fn accessors() {
        assert_eq!(bulk("a").as_str(), Some("a"));
        assert_eq!(Value::Bulk(vec![0xff]).as_str(), None);
        assert_eq!(Value::Integer(5).as_int(), Some(5));
        assert_eq!(bulk("5").as_int(), None);
        assert_eq!(Value::Error(b"ERR".to_vec()).as_error(), Some(b"ERR".as_slice()));
        assert_eq!(Value::Set(vec![Value::Null]).into_array(), Some(vec![Value::Null]));
        assert!(Value::NullArray.is_null() && !bulk("").is_null());
    }

    #[test]
    fn maps_of_both_protocols_are_alike() {
        let pairs = vec![(bulk("a"), Value::Integer(1)), (bulk("b"), Value::Null)];
        let flat = pairs.iter().cloned().flat_map(|(key, value)| [key, value]).collect();
        assert_eq!(Value::Array(flat).into_map(), Some(pairs.clone()));
        assert_eq!(Value::Map(pairs.clone()).into_map(), Some(pairs));
        assert_eq!(Value::Array(vec![Value::Null]).into_map(), None);
    }

    #[test]
    fn debug_is_one_line_or_many() {
        let value = Value::Array(vec![bulk("a\r"), Value::Map(vec![(bulk("k"), Value::Null)])]);
        assert_eq!(format!("{value:?}"), r#"["a\r", {"k": nil}]"#);
        assert_eq!(format!("{value:#?}").lines().count(), 6);
    }
}

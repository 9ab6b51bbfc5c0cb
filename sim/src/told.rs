//! Replies in a form that is the same for both versions of the protocol.

use std::fmt;

use firth_resp::Value;

/// What a client was told, or should be.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Told {
    Nil,
    Integer(i64),
    Text(Vec<u8>),
    /// An error, of which what is compared is its code.
    Error(String),
    List(Vec<Told>),
}

impl Told {
    pub(crate) fn ok() -> Self {
        Told::text(b"OK")
    }

    pub(crate) fn text(text: &[u8]) -> Self {
        Told::Text(text.to_vec())
    }

    pub(crate) fn number(number: usize) -> Self {
        Told::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// Says whether this is what it should be; of errors their codes are compared.
    pub(crate) fn agrees(&self, expect: &Told) -> bool {
        match (self, expect) {
            (Told::Error(text), Told::Error(code)) => text.split(' ').next() == Some(code),
            (Told::List(told), Told::List(expect)) => {
                told.len() == expect.len() && told.iter().zip(expect).all(|(a, b)| a.agrees(b))
            }
            _ => self == expect,
        }
    }

    pub(crate) fn list(&self) -> &[Told] {
        match self {
            Told::List(list) => list,
            _ => &[],
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Told::Text(text) => text,
            _ => &[],
        }
    }

    pub(crate) fn integer(&self) -> Option<i64> {
        match self {
            Told::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// Returns what stands behind a name in a flat list of names and values.
    pub(crate) fn field(&self, name: &str) -> Option<&Told> {
        self.list().chunks(2).find_map(|pair| match pair {
            [key, value] if key.bytes() == name.as_bytes() => Some(value),
            _ => None,
        })
    }
}

impl From<Value> for Told {
    fn from(value: Value) -> Self {
        match value {
            Value::Error(text) => Told::Error(String::from_utf8_lossy(&text).into_owned()),
            Value::Integer(number) => Told::Integer(number),
            Value::Array(values) | Value::Set(values) | Value::Push(values) => {
                Told::List(values.into_iter().map(Told::from).collect())
            }
            Value::Map(pairs) => {
                let flat = pairs.into_iter().flat_map(|(key, value)| [key, value]);
                Told::List(flat.map(Told::from).collect())
            }
            other => other.as_bytes().map_or(Told::Nil, Told::text),
        }
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Told::Nil => f.write_str("nil"),
            Told::Integer(number) => write!(f, "{number}"),
            Told::Text(text) => write!(f, "{}", text.escape_ascii()),
            Told::Error(text) => write!(f, "!{text}"),
            Told::List(list) => f.debug_list().entries(list).finish(),
        }
    }
}

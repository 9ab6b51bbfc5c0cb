//! What a key holds.

use crate::key::KeyHash;
use crate::stream::Stream;
use crate::strings::StringForm;

/// The types of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// A string of bytes.
    String,
    /// A stream.
    Stream,
}

impl Type {
    /// Returns the name that TYPE answers.
    pub fn name(self) -> &'static str {
        match self {
            Type::String => "string",
            Type::Stream => "stream",
        }
    }
}

/// A value of one of the types.
#[derive(Clone, Debug)]
pub enum Value {
    /// A string of bytes.
    String(Vec<u8>),
    /// A stream.
    Stream(Box<Stream>),
}

impl Value {
    /// Returns the value's type.
    pub fn kind(&self) -> Type {
        match self {
            Value::String(_) => Type::String,
            Value::Stream(_) => Type::Stream,
        }
    }

    /// Returns about how many bytes of memory the value takes.
    pub fn memory_bytes(&self) -> usize {
        match self {
            Value::String(bytes) => bytes.capacity(),
            Value::Stream(stream) => stream.memory_bytes(),
        }
    }
}

/// A key with its value and what is known about it.
#[derive(Clone, Debug)]
pub struct Entry {
    pub(crate) hash: KeyHash,
    pub(crate) key: Box<[u8]>,
    pub(crate) value: Value,
    /// When the key expires, in Unix milliseconds; `u64::MAX` for never.
    pub(crate) expires_at_ms: u64,
    /// When the key was last used, in Unix seconds.
    pub(crate) used_at_s: u32,
    /// How the string came to be, if it is one.
    pub(crate) form: StringForm,
    /// The last capture of its shard that has the key, or that the key came too late for.
    pub(crate) epoch: u8,
}

const _: () = assert!(size_of::<Entry>() <= 64);

/// The deadline of a key that never expires.
pub(crate) const NEVER: u64 = u64::MAX;

impl Entry {
    pub(crate) fn new(hash: KeyHash, key: &[u8], value: Value) -> Self {
        let form = StringForm::default();
        let (expires_at_ms, used_at_s, epoch) = (NEVER, 0, 0);
        Entry { hash, key: key.into(), value, expires_at_ms, used_at_s, form, epoch }
    }

    /// Returns the key.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// Returns the value.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Returns when the key expires, in Unix milliseconds.
    pub fn expires_at_ms(&self) -> Option<u64> {
        (self.expires_at_ms != NEVER).then_some(self.expires_at_ms)
    }

    /// Returns when the key was last used, in Unix seconds.
    pub fn used_at_s(&self) -> u64 {
        self.used_at_s.into()
    }

    /// Returns how many bytes of memory the key takes, with its string if it holds one: what is
    /// counted as it changes.
    pub(crate) fn counted_bytes(&self) -> usize {
        let text_bytes = match &self.value {
            Value::String(bytes) => bytes.capacity(),
            Value::Stream(_) => 0,
        };
        size_of::<Entry>() + self.key.len() + text_bytes
    }

    /// Returns about how many bytes of memory the key and its value take.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Entry>() + self.key.len() + self.value.memory_bytes()
    }
}

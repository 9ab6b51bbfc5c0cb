//! How values become entries, and entries values.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backend::{Entry, Fields};
use crate::payload::{from_json, to_json};
use crate::{EntryId, Error, flat};

/// The field that a value in JSON is kept in.
const PAYLOAD: &str = "payload";

/// How values become entries, and entries values.
pub(crate) struct Format<T> {
    pub(crate) encode: fn(&T) -> Result<Fields, Error>,
    pub(crate) decode: fn(&Fields) -> Result<T, Error>,
}

impl<T> Clone for Format<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Format<T> {}

impl<T> fmt::Debug for Format<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Format").finish_non_exhaustive()
    }
}

impl<T: Serialize + DeserializeOwned> Format<T> {
    /// One field with the whole value in JSON.
    pub(crate) fn json() -> Self {
        Format {
            encode: |value| Ok(Fields::from([(PAYLOAD, to_json(value)?)])),
            decode: |fields| match fields.get(PAYLOAD) {
                Some(json) => from_json(json),
                None => Err(Error::payload("there is no field `payload`")),
            },
        }
    }

    /// A field for each member.
    pub(crate) fn flat() -> Self {
        Format { encode: flat::encode, decode: flat::decode }
    }
}

impl Format<Fields> {
    /// The fields as they are.
    pub(crate) fn raw() -> Self {
        Format { encode: |fields| Ok(fields.clone()), decode: |fields| Ok(fields.clone()) }
    }
}

impl<T> Format<T> {
    pub(crate) fn item(self, entry: Entry) -> Item<T> {
        let value = (self.decode)(&entry.fields)
            .map_err(|error| Unreadable { fields: entry.fields, reason: error.to_string() });
        Item { id: entry.id, value }
    }
}

/// An entry of a stream, as the value that it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<T> {
    /// The entry's identity.
    pub id: EntryId,
    /// The value, or the entry as it is if it does not stand for one.
    pub value: Result<T, Unreadable>,
}

/// An entry that does not stand for a value of the type that was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the entry cannot be read: {reason}")]
pub struct Unreadable {
    /// The content of the entry.
    pub fields: Fields,
    /// Why it cannot be read.
    pub reason: String,
}

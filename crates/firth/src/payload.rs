//! Payloads: values as JSON.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;

/// The field of an entry that has a payload.
pub(crate) const FIELD: &str = "payload";

/// Returns a value as JSON.
pub(crate) fn to_json(value: &(impl Serialize + ?Sized)) -> Result<Bytes, Error> {
    serde_json::to_vec(value).map(Bytes::from).map_err(|error| Error::payload(&error))
}

/// Reads a value from JSON.
pub(crate) fn from_json<T: DeserializeOwned>(json: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(json).map_err(|error| Error::payload(&error))
}

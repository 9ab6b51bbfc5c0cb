//! Values as flat fields: each member a field, in the order of the type's members, its value a text.
//!
//! Texts are written as they are; numbers, booleans and whatever is nested as JSON; what is absent
//! is left out. Reading goes by what the type expects, so that `"99.99"` is a number for a number
//! and a text for a text.

use bytes::Bytes;
use serde::de::value::{Error as DeError, MapDeserializer};
use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use crate::Error;
use crate::backend::Fields;

/// Writes a value that has named members.
pub(crate) fn encode<T: serde::Serialize>(value: &T) -> Result<Fields, Error> {
    let json = serde_json::to_value(value).map_err(|error| Error::payload(&error))?;
    let Value::Object(members) = json else {
        return Err(Error::payload("only a value with named members has flat fields"));
    };
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let present = members.into_iter().filter(|(_, value)| !value.is_null());
    Ok(present.map(|(name, value)| (name, text(value))).collect())
}

/// Reads a value; of a name that comes more than once the last value counts.
pub(crate) fn decode<T: DeserializeOwned>(fields: &Fields) -> Result<T, Error> {
    let mut members: Vec<(&str, Text<'_>)> = Vec::with_capacity(fields.len());
    for (name, value) in fields.iter() {
        let (name, value) = (text(name)?, Text(text(value)?));
        match members.iter_mut().find(|(known, _)| *known == name) {
            Some(member) => member.1 = value,
            None => members.push((name, value)),
        }
    }
    let members = MapDeserializer::new(members.into_iter());
    T::deserialize(members).map_err(|error: DeError| Error::payload(&error))
}

fn text(bytes: &Bytes) -> Result<&str, Error> {
    std::str::from_utf8(bytes).map_err(|_| Error::payload("a field is not a text"))
}

/// A text that is read as whatever is expected.
#[derive(Clone, Copy)]
struct Text<'de>(&'de str);

impl<'de> IntoDeserializer<'de, DeError> for Text<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Text<'de> {
    /// Reads the text as JSON.
    fn json(self) -> Result<Value, DeError> {
        serde_json::from_str(self.0).map_err(de::Error::custom)
    }
}

/// Makes methods that read the text as a number or a boolean.
macro_rules! parsed {
    ($($method:ident $visit:ident $type:ty),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
            match self.0.parse::<$type>() {
                Ok(value) => visitor.$visit(value),
                Err(_) => Err(de::Error::invalid_value(de::Unexpected::Str(self.0), &visitor)),
            }
        }
    )*};
}

/// Makes methods that read the text as JSON.
macro_rules! nested {
    ($($method:ident ($($argument:ident: $type:ty),*)),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, DeError> {
            self.json()?.$method($($argument,)* visitor).map_err(de::Error::custom)
        }
    )*};
}

impl<'de> Deserializer<'de> for Text<'de> {
    type Error = DeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        if self.0.starts_with('{') {
            let value = self.json()?;
            return value.deserialize_enum(name, variants, visitor).map_err(de::Error::custom);
        }
        visitor.visit_enum(self.0.into_deserializer())
    }

    parsed! {
        deserialize_bool visit_bool bool,
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
        deserialize_f32 visit_f32 f32,
        deserialize_f64 visit_f64 f64,
    }

    nested! {
        deserialize_seq(),
        deserialize_map(),
        deserialize_tuple(len: usize),
        deserialize_tuple_struct(name: &'static str, len: usize),
        deserialize_struct(name: &'static str, fields: &'static [&'static str]),
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Kind {
        Purchase,
        Refund { reason: String },
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Event {
        kind: Kind,
        user_id: String,
        amount: f64,
        count: u32,
        is_new: bool,
        note: Option<String>,
        limit: Option<u8>,
        tags: Vec<String>,
    }

    fn event(kind: Kind) -> Event {
        Event {
            kind,
            user_id: "123".into(),
            amount: 99.99,
            count: 3,
            is_new: true,
            note: None,
            limit: Some(7),
            tags: vec!["a".into()],
        }
    }

    #[test]
    fn members_are_fields() {
        let fields = encode(&event(Kind::Purchase)).unwrap();
        let expect = [
            ("kind", "Purchase"),
            ("userId", "123"),
            ("amount", "99.99"),
            ("count", "3"),
            ("isNew", "true"),
            ("limit", "7"),
            ("tags", "[\"a\"]"),
        ];
        let fields: Vec<_> = fields.iter().cloned().collect();
        assert_eq!(fields, expect.map(|(name, value)| (name.into(), value.into())));
    }

    #[test]
    fn what_is_written_is_read() {
        for kind in [Kind::Purchase, Kind::Refund { reason: "late".into() }] {
            let event = event(kind);
            assert_eq!(decode::<Event>(&encode(&event).unwrap()).unwrap(), event);
        }
    }

    #[test]
    fn entries_of_others_are_read_by_type() {
        let fields = Fields::from([
            ("kind", "Purchase"),
            ("userId", "007"),
            ("amount", "1"),
            ("count", "2"),
            ("isNew", "false"),
            ("note", "12"),
            ("tags", "[]"),
            ("more", "unknown"),
            ("count", "5"),
        ]);
        let event: Event = decode(&fields).unwrap();
        assert_eq!((event.user_id.as_str(), event.count), ("007", 5));
        assert_eq!(event.note.as_deref(), Some("12"));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        assert!(encode(&5).is_err());
        let wrong = Fields::from([("kind", "Gift")]);
        assert!(matches!(decode::<Event>(&wrong), Err(Error::Payload { .. })));
        let binary = Fields::from([("kind", Bytes::from_static(b"\xff"))]);
        assert!(matches!(decode::<Event>(&binary), Err(Error::Payload { .. })));
    }
}

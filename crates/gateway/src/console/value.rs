//! Names, values and entries as the application gets and gives them.
//!
//! A text is a string; what is no text is `{"base64": "..."}`. In lists, long values are cut, and say so.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use firth::backend::{Entry, Fields};
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Problem;

/// Longer values are cut in lists.
const VALUE_BYTES_MAX: usize = 4096;

/// How much of a value is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Its beginning, if it is long.
    Beginning,
    Whole,
}

/// A value as it is given.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Given {
    Text(String),
    Bytes { base64: String },
}

/// Tells a name or a value.
pub(crate) fn value(bytes: &[u8], extent: Extent) -> Value {
    let text = str::from_utf8(bytes);
    if extent == Extent::Whole || bytes.len() <= VALUE_BYTES_MAX {
        return text.map_or_else(|_| json!({"base64": STANDARD.encode(bytes)}), Value::from);
    }
    match text {
        Ok(text) => {
            let beginning = &text[..text.floor_char_boundary(VALUE_BYTES_MAX)];
            json!({"text": beginning, "bytes": bytes.len(), "cut": true})
        }
        Err(_) => {
            let beginning = bytes.get(..VALUE_BYTES_MAX).unwrap_or(bytes);
            json!({"base64": STANDARD.encode(beginning), "bytes": bytes.len(), "cut": true})
        }
    }
}

/// Tells fields, in their order.
pub(crate) fn fields<'f>(
    pairs: impl IntoIterator<Item = &'f (Bytes, Bytes)>,
    extent: Extent,
) -> Value {
    let pair =
        |(name, content): &(Bytes, Bytes)| json!([value(name, extent), value(content, extent)]);
    pairs.into_iter().map(pair).collect()
}

/// Tells an entry.
pub(crate) fn entry(entry: &Entry, extent: Extent) -> Value {
    let fields = fields(entry.fields.iter(), extent);
    json!({"id": entry.id, "ms": entry.id.ms, "fields": fields})
}

impl Given {
    pub(crate) fn bytes(&self) -> Result<Bytes, Problem> {
        match self {
            Given::Text(text) => Ok(text.clone().into()),
            Given::Bytes { base64 } => {
                let bytes = STANDARD.decode(base64).map(Bytes::from);
                bytes.map_err(|error| Problem::malformed(format!("base64: {error}")))
            }
        }
    }
}

/// Returns the fields that are given.
pub(crate) fn given_fields(given: &[(Given, Given)]) -> Result<Fields, Problem> {
    let pairs = given.iter().map(|(name, value)| Ok((name.bytes()?, value.bytes()?)));
    let fields = pairs.collect::<Result<Vec<_>, Problem>>()?;
    Ok(fields.into_iter().collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    #[test]
    fn values_are_texts_or_bytes_and_long_ones_are_cut() {
        assert_eq!(value(b"a", Extent::Beginning), json!("a"));
        assert_eq!(value(b"\xff", Extent::Beginning), json!({"base64": "/w=="}));
        let long = "\u{e4}".repeat(3000);
        let cut = value(long.as_bytes(), Extent::Beginning);
        assert_eq!((&cut["bytes"], &cut["cut"]), (&json!(6000), &json!(true)));
        assert_eq!(cut["text"].as_str().unwrap().len(), 4096);
        assert_eq!(value(long.as_bytes(), Extent::Whole), json!(long));
    }

    #[test]
    fn what_is_given_comes_back() {
        let given: Vec<(Given, Given)> =
            serde_json::from_str(r#"[["a", "1"], ["a", {"base64": "/w=="}]]"#).unwrap();
        let given = given_fields(&given).unwrap();
        let told = fields(given.iter(), Extent::Whole);
        assert_eq!(told, json!([["a", "1"], ["a", {"base64": "/w=="}]]));
        assert!(Given::Bytes { base64: "?".to_owned() }.bytes().is_err());
    }
}

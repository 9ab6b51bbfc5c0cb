//! An entry as it is printed.

use std::str::FromStr;

use firth::EntryId;
use firth::backend::Fields;
use serde::Serialize;
use serde_json::{Map, Value};

use super::output::Line;

/// An entry of a stream. What is not UTF-8 in it is shown as far as it is.
#[derive(Debug, Serialize)]
pub(super) struct EntryLine {
    pub(super) stream: String,
    pub(super) id: EntryId,
    pub(super) fields: Map<String, Value>,
}

/// A field as it is given to the program.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) value: String,
}

impl FromStr for Field {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let (name, value) = text.split_once('=').ok_or("it must be NAME=VALUE")?;
        Ok(Field { name: name.to_owned(), value: value.to_owned() })
    }
}

impl EntryLine {
    pub(super) fn new(stream: &str, id: EntryId, fields: &Fields) -> Self {
        EntryLine { stream: stream.to_owned(), id, fields: members(fields) }
    }

    /// Says whether a field's name or value holds a text.
    pub(super) fn contains(&self, text: &str) -> bool {
        self.fields.iter().any(|(name, value)| {
            name.contains(text) || value.as_str().is_some_and(|value| value.contains(text))
        })
    }

    /// Says whether a field has a value.
    pub(super) fn has(&self, name: &str, value: &str) -> bool {
        self.fields.get(name).and_then(Value::as_str) == Some(value)
    }
}

impl Line for EntryLine {
    fn text(&self) -> String {
        format!("{} {}", self.id, in_one_line(&self.fields))
    }
}

/// Returns fields as members of a JSON object; of a name that comes again, the last value.
pub(super) fn members(fields: &Fields) -> Map<String, Value> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    fields.iter().map(|(name, value)| (text(name), Value::String(text(value)))).collect()
}

/// Returns fields as `name=value`, values with blanks in quotation marks.
pub(super) fn in_one_line(fields: &Map<String, Value>) -> String {
    let pair = |(name, value): (&String, &Value)| {
        let value = value.as_str().unwrap_or_default();
        if value.is_empty() || value.contains([' ', '"']) {
            format!("{name}={value:?}")
        } else {
            format!("{name}={value}")
        }
    };
    fields.iter().map(pair).collect::<Vec<String>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_line() {
        let fields = Fields::from([("type", "paid"), ("note", "two \"teas\""), ("empty", "")]);
        let line = EntryLine::new("orders", EntryId::new(5, 1), &fields);
        assert_eq!(line.text(), r#"5-1 type=paid note="two \"teas\"" empty="""#);
        assert!(line.contains("teas") && line.contains("note") && !line.contains("coffee"));
        assert!(line.has("type", "paid") && !line.has("type", "pai") && !line.has("other", ""));
    }

    #[test]
    fn a_field_has_a_name() {
        let found = Field::from_str("a=b=c").map(|field| (field.name, field.value));
        assert_eq!(found, Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(Field::from_str("type").is_err());
    }

    #[test]
    fn what_is_not_text_is_shown_all_the_same() {
        let mut fields = Fields::new();
        fields.push("a", vec![b'x', 0xff]);
        assert_eq!(in_one_line(&members(&fields)), "a=x\u{fffd}");
    }
}

//! Operations on strings.

use crate::effect::Effect;
use crate::error::WrongType;
use crate::event::EventClass;
use crate::keys::Presence;
use crate::locked::Locked;
use crate::value::{Entry, NEVER, Value};

/// What happens to the deadline of a key whose value is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// The key lives for ever.
    Clear,
    /// The deadline stays as it is.
    Keep,
    /// The key expires at this time, in Unix milliseconds.
    At(u64),
}

/// How a string came to be, of which only OBJECT ENCODING tells.
///
/// It is no part of the state: a copy keeps it, a restart forgets it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StringForm {
    /// It was set as a whole, and is a number if it looks like one.
    #[default]
    Whole,
    /// It was computed as a text, whatever it looks like.
    Text,
    /// It was changed in place.
    Changed,
}

/// The encodings of values that Redis tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// A string that is a number of 64 bits in its shortest form.
    Integer,
    /// A short string.
    Embedded,
    /// A long string, or one that was changed in place.
    Raw,
    /// A stream.
    Stream,
}

/// The longest string that Redis keeps in one piece with its header.
const EMBEDDED_BYTES_MAX: usize = 44;

impl Encoding {
    /// Returns the name that OBJECT ENCODING answers.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Integer => "int",
            Encoding::Embedded => "embstr",
            Encoding::Raw => "raw",
            Encoding::Stream => "stream",
        }
    }
}

impl Entry {
    /// Returns the encoding that Redis would have chosen for the value.
    pub fn encoding(&self) -> Encoding {
        match &self.value {
            Value::Stream(_) => Encoding::Stream,
            Value::String(_) if self.form == StringForm::Changed => Encoding::Raw,
            Value::String(text) if self.form == StringForm::Whole && is_integer(text) => {
                Encoding::Integer
            }
            Value::String(text) if text.len() <= EMBEDDED_BYTES_MAX => Encoding::Embedded,
            Value::String(_) => Encoding::Raw,
        }
    }
}

/// Says whether a text is what a number of 64 bits is written as.
fn is_integer(text: &[u8]) -> bool {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok());
    number.is_some_and(|number| itoa::Buffer::new().format(number).as_bytes() == text)
}

impl Locked<'_> {
    /// Returns the string that the key holds.
    ///
    /// # Errors
    /// The key holds a value of another type.
    pub fn string(&mut self, db: u8, key: &[u8]) -> Result<Option<&[u8]>, WrongType> {
        match self.read(db, key).map(Entry::value) {
            None => Ok(None),
            Some(Value::String(bytes)) => Ok(Some(bytes)),
            Some(Value::Stream(_)) => Err(WrongType),
        }
    }

    /// Returns the string that the key holds, for deciding how to change it: the look counts
    /// neither as a hit nor as a miss.
    ///
    /// # Errors
    /// The key holds a value of another type.
    pub fn string_to_change(&mut self, db: u8, key: &[u8]) -> Result<Option<&[u8]>, WrongType> {
        match self.peek(db, key).map(Entry::value) {
            None => Ok(None),
            Some(Value::String(bytes)) => Ok(Some(bytes)),
            Some(Value::Stream(_)) => Err(WrongType),
        }
    }

    /// Lets the key hold this string, whatever it held before, if `presence` allows it; returns
    /// whether it was done. A deadline that has passed leaves a key that is overdue.
    pub fn set_string(
        &mut self,
        db: u8,
        key: &[u8],
        value: &[u8],
        deadline: Deadline,
        presence: Option<Presence>,
    ) -> bool {
        let old = self.peek(db, key).map(|entry| entry.expires_at_ms);
        match presence {
            Some(Presence::Absent) if old.is_some() => return false,
            Some(Presence::Present) if old.is_none() => return false,
            _ => {}
        }
        let expires_at_ms = match deadline {
            Deadline::Clear => NEVER,
            Deadline::Keep => old.unwrap_or(NEVER),
            Deadline::At(at_ms) => at_ms,
        };
        self.commit(db, &Effect::SetString { key, value, expires_at_ms });
        self.event(db, EventClass::String, "set", key);
        if matches!(deadline, Deadline::At(_)) {
            self.event(db, EventClass::Generic, "expire", key);
        }
        true
    }

    /// Replaces a string and keeps its deadline; `event` names what was done.
    ///
    /// # Errors
    /// The key holds a value of another type.
    pub fn replace_string(
        &mut self,
        db: u8,
        key: &[u8],
        value: &[u8],
        form: StringForm,
        event: &'static str,
    ) -> Result<(), WrongType> {
        if let Some(Value::Stream(_)) = self.peek(db, key).map(Entry::value) {
            return Err(WrongType);
        }
        self.commit(db, &Effect::ReplaceString { key, value });
        self.set_form(db, key, form);
        self.event(db, EventClass::String, event, key);
        Ok(())
    }

    /// Writes bytes into a string at an offset and returns its length then; `event` names what was
    /// done.
    ///
    /// # Errors
    /// The key holds a value of another type.
    pub fn write_string_at(
        &mut self,
        db: u8,
        key: &[u8],
        offset: usize,
        bytes: &[u8],
        event: &'static str,
    ) -> Result<usize, WrongType> {
        let len = match self.peek(db, key).map(Entry::value) {
            None => 0,
            Some(Value::String(text)) => text.len(),
            Some(Value::Stream(_)) => return Err(WrongType),
        };
        self.commit(db, &Effect::WriteString { key, offset, bytes });
        self.set_form(db, key, StringForm::Changed);
        self.event(db, EventClass::String, event, key);
        Ok(len.max(offset.saturating_add(bytes.len())))
    }
    pub(crate) fn form(&mut self, db: u8, key: &[u8]) -> StringForm {
        self.peek(db, key).map(|entry| entry.form).unwrap_or_default()
    }

    pub(crate) fn set_form(&mut self, db: u8, key: &[u8], form: StringForm) {
        if let Some(entry) = self.look_to_change(db, key) {
            entry.form = form;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;
    use crate::stream::testing::{self, lock, lock_after};

    fn events(keys: &mut Locked<'_>) -> Vec<&'static str> {
        keys.take_signals().events.iter().map(|event| event.name).collect()
    }

    fn encoding(keys: &mut Locked<'_>, key: &[u8]) -> &'static str {
        keys.peek(0, key).map_or("none", |entry| entry.encoding().name())
    }

    #[test]
    fn encodings_follow_what_was_done() {
        let engine = testing::engine();
        let mut keys = lock(&engine, 1);
        let check = |keys: &mut Locked<'_>, value: &[u8], expect: &str| {
            assert!(keys.set_string(0, b"k", value, Deadline::Clear, None));
            assert_eq!(encoding(keys, b"k"), expect, "{value:?}");
        };
        check(&mut keys, b"", "embstr");
        check(&mut keys, b"0", "int");
        check(&mut keys, b"-9223372036854775808", "int");
        check(&mut keys, b"9223372036854775808", "embstr");
        check(&mut keys, b"+1", "embstr");
        check(&mut keys, b"-0", "embstr");
        check(&mut keys, b"01", "embstr");
        check(&mut keys, &[b'x'; 44], "embstr");
        check(&mut keys, &[b'x'; 45], "raw");
        check(&mut keys, b"1", "int");
        keys.write_string_at(0, b"k", 1, b"2", "append").unwrap();
        assert_eq!(encoding(&mut keys, b"k"), "raw");
        keys.copy(0, b"k", 0, b"copy", crate::Overwrite::Allowed);
        keys.rename(0, b"k", b"other", crate::Overwrite::Allowed);
        assert_eq!(encoding(&mut keys, b"copy"), "raw");
        assert_eq!(encoding(&mut keys, b"other"), "raw");
        keys.replace_string(0, b"other", b"12.5", StringForm::Text, "incrbyfloat").unwrap();
        assert_eq!(encoding(&mut keys, b"other"), "embstr");
        keys.replace_string(0, b"other", b"13", StringForm::Text, "incrbyfloat").unwrap();
        assert_eq!(encoding(&mut keys, b"other"), "embstr");
        keys.replace_string(0, b"other", b"14", StringForm::Whole, "incrby").unwrap();
        assert_eq!(encoding(&mut keys, b"other"), "int");
    }

    #[test]
    fn setting_obeys_presence_and_deadlines() {
        let engine = testing::engine();
        let mut keys = lock(&engine, 10);
        let (absent, present) = (Some(Presence::Absent), Some(Presence::Present));
        assert!(!keys.set_string(0, b"k", b"1", Deadline::Clear, present));
        assert!(keys.set_string(0, b"k", b"1", Deadline::At(20), absent));
        assert!(!keys.set_string(0, b"k", b"2", Deadline::Clear, absent));
        assert!(keys.set_string(0, b"k", b"2", Deadline::Keep, present));
        assert_eq!(events(&mut keys), ["new", "set", "expire", "overwritten", "set"]);
        assert_eq!(keys.peek(0, b"k").unwrap().expires_at_ms(), Some(20));
        let mut keys = lock_after(keys, &engine, 20);
        assert_eq!(keys.string(0, b"k"), Ok(None));
        assert!(keys.set_string(0, b"k", b"3", Deadline::At(20), None));
        assert_eq!(keys.string(0, b"k"), Ok(None));
        let expect = ["expired", "keymiss", "new", "set", "expire", "expired", "keymiss"];
        assert_eq!(events(&mut keys), expect);
    }

    #[test]
    fn writing_in_place_fills_gaps_and_keeps_the_deadline() {
        let engine = testing::engine();
        let mut keys = lock(&engine, 10);
        assert_eq!(keys.write_string_at(0, b"k", 2, b"ab", "setrange"), Ok(4));
        assert!(keys.set_deadline(0, b"k", 99, crate::DeadlineRule::default()));
        assert_eq!(keys.write_string_at(0, b"k", 0, b"xyz", "setrange"), Ok(4));
        assert_eq!(keys.string(0, b"k"), Ok(Some(&b"xyzb"[..])));
        assert_eq!(keys.peek(0, b"k").unwrap().expires_at_ms(), Some(99));
        keys.stream_or_create(0, b"s").unwrap();
        assert_eq!(keys.write_string_at(0, b"s", 0, b"x", "append"), Err(WrongType));
        assert_eq!(keys.replace_string(0, b"s", b"x", StringForm::Whole, "incrby"), Err(WrongType));
        assert_eq!(keys.string(0, b"s"), Err(WrongType));
    }
}

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

    /// Lets the key hold this string, whatever it held before, if `presence` allows it; returns
    /// whether it was done. A deadline that has passed deletes the key.
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
        if expires_at_ms <= self.now_ms() {
            self.delete(db, key);
            return true;
        }
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
        event: &'static str,
    ) -> Result<(), WrongType> {
        if let Some(Value::Stream(_)) = self.peek(db, key).map(Entry::value) {
            return Err(WrongType);
        }
        self.commit(db, &Effect::ReplaceString { key, value });
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
        self.event(db, EventClass::String, event, key);
        Ok(len.max(offset.saturating_add(bytes.len())))
    }
}

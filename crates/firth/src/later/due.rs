//! The field of a waiting entry that says when it is due.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::backend::Fields;
use crate::payload::{from_json, to_json};

/// The name of the field, which is the first one.
const NAME: &str = "later";

/// When an entry is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Due {
    /// A Unix time.
    #[serde(rename = "at")]
    pub(super) at_ms: u64,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(super) repeated: Option<Repetition>,
}

/// That it comes again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Repetition {
    #[serde(rename = "every")]
    pub(super) interval_ms: u64,
    pub(super) name: String,
    /// What the value of the repetition begins with, as long as this is it.
    pub(super) token: String,
}

impl Due {
    /// Returns the fields of a waiting entry.
    pub(super) fn before(&self, fields: &Fields) -> Result<Fields, Error> {
        let mut all = Fields::from([(NAME, to_json(self)?)]);
        all.extend(fields.iter().cloned());
        Ok(all)
    }

    /// Takes the fields of a waiting entry apart; whatever else is in the stream is none.
    pub(super) fn split(fields: &Fields) -> Option<(Due, Fields)> {
        let (name, json) = fields.iter().next()?;
        let due = from_json(json).ok().filter(|_| name == NAME.as_bytes())?;
        Some((due, fields.iter().skip(1).cloned().collect()))
    }

    /// Returns when it is due the next time after now, if it is repeated: what was missed is made up for once.
    pub(super) fn next(&self, now_ms: u64) -> Option<Due> {
        let repeated = self.repeated.clone()?;
        let interval_ms = repeated.interval_ms.max(1);
        let passed = now_ms.saturating_sub(self.at_ms) / interval_ms;
        let ahead_ms = passed.saturating_add(1).saturating_mul(interval_ms);
        Some(Due { at_ms: self.at_ms.saturating_add(ahead_ms), repeated: Some(repeated) })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn every(interval_ms: u64, at_ms: u64) -> Due {
        let (name, token) = ("n".to_owned(), "t".to_owned());
        Due { at_ms, repeated: Some(Repetition { interval_ms, name, token }) }
    }

    #[test]
    fn fields_of_the_same_name_are_kept() {
        for due in [Due { at_ms: 7, repeated: None }, every(5, 7)] {
            let fields = Fields::from([("later", "x"), ("later", "y")]);
            let all = due.before(&fields).unwrap();
            assert_eq!(Due::split(&all).unwrap(), (due, fields));
        }
        assert!(Due::split(&Fields::from([("later", "x")])).is_none());
        assert!(Due::split(&Fields::from([("at", "{\"at\":7}")])).is_none());
    }

    #[test]
    fn what_was_missed_is_made_up_for_once() {
        let next = |now_ms| every(10, 100).next(now_ms).unwrap().at_ms;
        assert_eq!([next(100), next(109), next(110), next(155)], [110, 110, 120, 160]);
        // The clock was set back.
        assert_eq!(next(50), 110);
        assert_eq!(every(u64::MAX, 100).next(200).unwrap().at_ms, u64::MAX);
        assert_eq!(Due { at_ms: 1, repeated: None }.next(2), None);
    }
}

//! What is to be dropped, as it travels on the channel `cache:invalidate`.
//!
//! ```text
//! {"keys":["user:1","user:2"]}    these keys
//! {"pattern":"user:*"}            all keys that match, as Redis matches names
//! {"tags":["author:7"]}           all values that have one of these tags
//! ```
//!
//! The first two are those of the document's class. That class looks at the first of `keys` and `pattern` that is
//! there; here all that is named is dropped.

use std::sync::Arc;

use bytes::Bytes;
use firth_engine::pubsub::glob;
use serde::{Deserialize, Serialize};

use crate::{Error, payload};

/// What is to be dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Invalidation {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) keys: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) pattern: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tags: Option<Vec<String>>,
}

impl Invalidation {
    pub(super) fn of_keys(keys: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let keys = Some(keys.into_iter().map(Into::into).collect());
        Invalidation { keys, ..Self::default() }
    }

    pub(super) fn of_pattern(pattern: impl Into<String>) -> Self {
        Invalidation { pattern: Some(pattern.into()), ..Self::default() }
    }

    pub(super) fn of_tags(tags: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let tags = Some(tags.into_iter().map(Into::into).collect());
        Invalidation { tags, ..Self::default() }
    }

    pub(super) fn to_json(&self) -> Result<Bytes, Error> {
        payload::to_json(self)
    }

    /// Reads a message. `None`: it cannot be known what it is about.
    pub(super) fn from_json(json: &[u8]) -> Option<Self> {
        let read: Invalidation = payload::from_json(json).ok()?;
        (read != Invalidation::default()).then_some(read)
    }

    /// Says whether whatever has this key is dropped because of its key.
    pub(super) fn names(&self, key: &str) -> bool {
        let is_named = |keys: &Vec<String>| keys.iter().any(|named| named == key);
        let fits = |pattern: &String| matches(pattern, key);
        self.keys.as_ref().is_some_and(is_named) || self.pattern.as_ref().is_some_and(fits)
    }

    /// Says whether whatever has these tags is dropped because of one of them.
    pub(super) fn names_tag_of(&self, tags: &[Arc<str>]) -> bool {
        self.tags
            .as_ref()
            .is_some_and(|named| named.iter().any(|tag| tags.iter().any(|had| **had == **tag)))
    }

    /// Says whether all that is dropped is named by its key, so that nothing needs to be looked through.
    pub(super) fn is_of_keys_alone(&self) -> bool {
        self.pattern.is_none() && self.tags.is_none()
    }
}

/// Matches as KEYS does.
fn matches(pattern: &str, key: &str) -> bool {
    pattern == "*" || glob::matches(pattern.as_bytes(), key.as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    #[test]
    fn messages_are_those_of_the_document() {
        let json = |what: Invalidation| String::from_utf8(what.to_json().unwrap().into()).unwrap();
        assert_eq!(json(Invalidation::of_keys(["a", "b"])), r#"{"keys":["a","b"]}"#);
        assert_eq!(json(Invalidation::of_pattern("a*")), r#"{"pattern":"a*"}"#);
        assert_eq!(json(Invalidation::of_tags(["t"])), r#"{"tags":["t"]}"#);
    }

    #[test]
    fn messages_are_read_or_not_understood() {
        let read = |json: &str| Invalidation::from_json(json.as_bytes());
        assert_eq!(read(r#"{"keys":["a"]}"#), Some(Invalidation::of_keys(["a"])));
        assert_eq!(read(r#"{"keys":null,"pattern":"a*"}"#), Some(Invalidation::of_pattern("a*")));
        assert_eq!(read(r#"{"keys":["a"],"by":"me"}"#), Some(Invalidation::of_keys(["a"])));
        for strange in ["", "a", "{}", r#"["a"]"#, r#"{"keys":[1]}"#, r#"{"prefix":"a"}"#] {
            assert_eq!(read(strange), None, "{strange}");
        }
    }

    #[test]
    fn names_match_as_on_a_server() {
        let check = |pattern: &str, key: &str| Invalidation::of_pattern(pattern).names(key);
        assert!(check("user:*", "user:1") && !check("user:*", "users:1"));
        // The pattern is the whole name, not a part of it.
        assert!(!check("ser:*", "user:1") && !check("user:", "user:1"));
        assert!(check("user:*:name", "user:1:name") && check("user:*:*", "user:1:2"));
        assert!(check("h[a-c]t", "hbt") && !check("h[^a]t", "hat") && check(r"a\*", "a*"));
        assert!(check("*", "") && check("h?t", "hat") && !check("h.t", "hat"));
    }
}

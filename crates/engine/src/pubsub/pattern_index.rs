//! Patterns with a value each, arranged so that finding those that match a name does not test them
//! all.
//!
//! Every text that a pattern matches begins with the pattern's literal prefix. Patterns are
//! therefore kept in one bucket per prefix, and a name is looked up once for each prefix length
//! that is in use:
//!
//! ```text
//! lengths    buckets (by prefix)                  name "user.7.login"
//! 0       -> ""        : *.login  ?ser.*          looks up ""
//! 7       -> "user.7." : user.7.*                 looks up "user.7."
//!            "user.8." : user.8.* user.8.?        not seen
//! ```
//!
//! Patterns in the buckets found are then tested in full. Patterns that begin with a wildcard share
//! the bucket of the empty prefix, which every name has to look through.

use std::collections::BTreeMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use indexmap::IndexMap;

use super::glob;

type Bucket<V> = IndexMap<Arc<[u8]>, V, RandomState>;

/// A map from patterns to values that finds all patterns matching a name.
///
/// Two patterns are the same if their bytes are, even if others would match the same texts.
#[derive(Clone, Debug)]
pub struct PatternIndex<V> {
    buckets: HashMap<Box<[u8]>, Bucket<V>, RandomState>,
    /// For each prefix length in use, how many buckets have it.
    lengths: BTreeMap<usize, usize>,
    len: usize,
}

impl<V> Default for PatternIndex<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V> PatternIndex<V> {
    /// Creates an index without patterns.
    #[must_use]
    pub fn new() -> Self {
        Self { buckets: HashMap::default(), lengths: BTreeMap::new(), len: 0 }
    }

    /// Returns the number of patterns.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Tells whether there is no pattern.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the value of exactly this pattern.
    #[must_use]
    pub fn get(&self, pattern: &[u8]) -> Option<&V> {
        self.buckets.get(&*glob::literal_prefix(pattern))?.get(pattern)
    }

    /// Returns the value of exactly this pattern, to be changed.
    pub fn get_mut(&mut self, pattern: &[u8]) -> Option<&mut V> {
        self.buckets.get_mut(&*glob::literal_prefix(pattern))?.get_mut(pattern)
    }

    /// Gives `pattern` a value; returns the one it had before.
    pub fn insert(&mut self, pattern: &[u8], value: V) -> Option<V> {
        let prefix = glob::literal_prefix(pattern);
        let bucket = self.buckets.entry(Box::from(&*prefix)).or_insert_with(|| {
            *self.lengths.entry(prefix.len()).or_default() += 1;
            // Most prefixes belong to one pattern only.
            Bucket::with_capacity_and_hasher(1, RandomState::default())
        });
        let before = bucket.insert(Arc::from(pattern), value);
        self.len += usize::from(before.is_none());
        before
    }

    /// Removes exactly this pattern and returns its value.
    pub fn remove(&mut self, pattern: &[u8]) -> Option<V> {
        let prefix = glob::literal_prefix(pattern);
        let bucket = self.buckets.get_mut(&*prefix)?;
        let value = bucket.swap_remove(pattern)?;
        self.len -= 1;
        if bucket.is_empty() {
            self.buckets.remove(&*prefix);
            self.forget_length(prefix.len());
        }
        Some(value)
    }

    /// Iterates over all patterns in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<[u8]>, &V)> {
        self.buckets.values().flatten()
    }

    /// Iterates over the patterns that match `name`, those with the shortest literal prefix first,
    /// and among those in the order of insertion as long as none was removed. Does not allocate.
    pub fn matching(&self, name: &[u8]) -> impl Iterator<Item = (&Arc<[u8]>, &V)> {
        self.candidates(name).filter(move |(pattern, _)| glob::matches(pattern, name))
    }

    /// The patterns whose literal prefix is one of `name`'s.
    fn candidates(&self, name: &[u8]) -> impl Iterator<Item = (&Arc<[u8]>, &V)> {
        self.lengths
            .range(..=name.len())
            .filter_map(move |(&length, _)| self.buckets.get(name.get(..length)?))
            .flatten()
    }

    fn forget_length(&mut self, length: usize) {
        if let Some(count) = self.lengths.get_mut(&length) {
            *count -= 1;
            if *count == 0 {
                self.lengths.remove(&length);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn found(index: &PatternIndex<usize>, name: &[u8]) -> Vec<usize> {
        index.matching(name).map(|(_, &value)| value).collect()
    }

    #[test]
    fn tests_a_handful_of_many() {
        let mut index = PatternIndex::new();
        for n in 0..10_000 {
            index.insert(format!("user.{n}.*").as_bytes(), n);
        }
        index.insert(b"*.login", 10_000);
        assert_eq!(index.len(), 10_001);
        assert_eq!(found(&index, b"user.4711.login"), [10_000, 4711]);
        assert_eq!(index.candidates(b"user.4711.login").count(), 2);
        assert_eq!(index.candidates(b"user.").count(), 1);
    }

    #[test]
    fn order_is_by_prefix_length_then_insertion() {
        let mut index = PatternIndex::new();
        for (value, pattern) in ["ab*", "a*", "*", "a?*", "?*", "ab", r"\ab*"].iter().enumerate() {
            index.insert(pattern.as_bytes(), value);
        }
        assert_eq!(found(&index, b"ab"), [2, 4, 1, 3, 0, 5, 6]);
        assert_eq!(found(&index, b"a"), [2, 4, 1]);
        assert_eq!(found(&index, b""), []);
    }

    #[test]
    fn one_value_per_pattern() {
        let mut index = PatternIndex::new();
        assert_eq!(index.insert(b"a*", 1), None);
        assert_eq!(index.insert(br"\a*", 2), None);
        assert_eq!(index.insert(b"a*", 3), Some(1));
        *index.get_mut(br"\a*").unwrap() += 10;
        assert_eq!(
            (index.get(b"a*"), index.get(br"\a*"), index.get(b"a")),
            (Some(&3), Some(&12), None)
        );
        assert_eq!(index.len(), 2);
        assert_eq!(index.remove(b"a*"), Some(3));
        assert_eq!(index.remove(b"a*"), None);
        assert_eq!(found(&index, b"a"), [12]);
        assert_eq!(index.remove(br"\a*"), Some(12));
        assert!(index.is_empty() && index.buckets.is_empty() && index.lengths.is_empty());
    }

    fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(proptest::sample::select(&b"ab*?[]\\"[..]), 0..=max)
    }

    proptest! {
        #[test]
        fn agrees_with_a_scan(
            changes in proptest::collection::vec((0..4_u8, bytes(4)), 0..120),
            names in proptest::collection::vec(bytes(5), 20),
        ) {
            let mut index = PatternIndex::new();
            let mut model = BTreeMap::new();
            for (value, (kind, pattern)) in changes.into_iter().enumerate() {
                if kind == 0 {
                    prop_assert_eq!(index.remove(&pattern), model.remove(&pattern));
                } else {
                    prop_assert_eq!(index.insert(&pattern, value), model.insert(pattern, value));
                }
            }
            prop_assert_eq!(index.len(), model.len());
            let all: BTreeMap<_, _> = index.iter().map(|(key, &v)| (key.to_vec(), v)).collect();
            prop_assert_eq!(&all, &model);
            for name in names {
                let mut expect: Vec<usize> = model
                    .iter()
                    .filter(|(pattern, _)| glob::matches(pattern, &name))
                    .map(|(_, &value)| value)
                    .collect();
                let mut actual = found(&index, &name);
                expect.sort_unstable();
                actual.sort_unstable();
                prop_assert_eq!(actual, expect);
            }
        }
    }
}

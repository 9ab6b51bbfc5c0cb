//! A set of listener tokens that is small when it holds few and quick when it holds many.
//!
//! Most channels have one listener, some have ten thousand. Up to [`SCANNED`] tokens are a plain
//! list that is searched; beyond that a map from token to position stands beside it. Two tokens fit
//! without an allocation of their own.

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use smallvec::SmallVec;

/// The largest list that is searched from end to end; that is quicker than hashing for so few.
const SCANNED: usize = 16;

/// A set of tokens; its order is the order of insertion as long as nothing was removed.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    list: SmallVec<[u64; 2]>,
    /// Where in the list each token is; present while the list is long.
    positions: Option<Box<HashMap<u64, usize, RandomState>>>,
}

impl Tokens {
    /// Returns the tokens.
    #[must_use]
    pub fn as_slice(&self) -> &[u64] {
        &self.list
    }

    /// Iterates over the tokens.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = u64> + '_ {
        self.list.iter().copied()
    }

    /// Returns the number of tokens.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Tells whether there is no token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Tells whether `token` is in the set.
    #[must_use]
    pub fn contains(&self, token: u64) -> bool {
        self.position(token).is_some()
    }

    /// Adds `token`; false if it was there already.
    pub(super) fn insert(&mut self, token: u64) -> bool {
        if self.contains(token) {
            return false;
        }
        if let Some(positions) = &mut self.positions {
            positions.insert(token, self.list.len());
        }
        self.list.push(token);
        if self.positions.is_none() && self.list.len() > SCANNED {
            let positions = self.list.iter().copied().zip(0..).collect();
            self.positions = Some(Box::new(positions));
        }
        true
    }

    /// Removes `token`, whose place the last one takes; false if it was not there.
    pub(super) fn remove(&mut self, token: u64) -> bool {
        let Some(at) = self.position(token) else {
            return false;
        };
        self.list.swap_remove(at);
        if let Some(positions) = &mut self.positions {
            positions.remove(&token);
            if let Some(&moved) = self.list.get(at) {
                positions.insert(moved, at);
            }
        }
        self.give_back();
        true
    }

    fn position(&self, token: u64) -> Option<usize> {
        match &self.positions {
            Some(positions) => positions.get(&token).copied(),
            None => self.list.iter().position(|&other| other == token),
        }
    }

    /// Gives memory back once a quarter of what the set once held is left. The map goes later than
    /// it came, so that a set that hovers around the limit does not build it over and over.
    fn give_back(&mut self) {
        if self.list.len() <= SCANNED / 2 {
            self.positions = None;
        }
        if self.list.len() < self.list.capacity() / 4 {
            self.list.shrink_to_fit();
            if let Some(positions) = &mut self.positions {
                positions.shrink_to_fit();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_token_takes_one_small_allocation() {
        assert!(size_of::<Tokens>() <= 40);
        let mut tokens = Tokens::default();
        tokens.insert(1);
        tokens.insert(2);
        assert!(!tokens.list.spilled() && tokens.positions.is_none());
    }

    #[test]
    fn memory_is_given_back() {
        let mut tokens = Tokens::default();
        (0..10_000).for_each(|token| assert!(tokens.insert(token)));
        assert!(tokens.positions.is_some());
        (1..10_000).for_each(|token| assert!(tokens.remove(token)));
        assert_eq!(tokens.as_slice(), [0]);
        assert!(tokens.list.capacity() <= 8 && tokens.positions.is_none());
    }

    proptest! {
        #[test]
        fn agrees_with_a_set(
            changes in proptest::collection::vec((any::<bool>(), 0..50_u64), 0..400),
        ) {
            let mut tokens = Tokens::default();
            let mut model = BTreeSet::new();
            for (add, token) in changes {
                if add {
                    prop_assert_eq!(tokens.insert(token), model.insert(token));
                } else {
                    prop_assert_eq!(tokens.remove(token), model.remove(&token));
                }
                prop_assert_eq!(tokens.len(), model.len());
                prop_assert_eq!(&tokens.iter().collect::<BTreeSet<_>>(), &model);
                prop_assert!((0..50).all(|token| tokens.contains(token) == model.contains(&token)));
            }
        }
    }
}

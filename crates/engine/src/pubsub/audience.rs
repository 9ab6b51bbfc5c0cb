//! Everybody who listens to one channel or one pattern, grouped by mailbox.
//!
//! A publisher hands a message to each mailbox once, together with the set of tokens there. The set
//! is shared: whoever still carries a message keeps the set that the message was addressed to, and
//! a change made meanwhile goes to a copy.

use std::sync::Arc;

use smallvec::SmallVec;

use super::Tokens;

/// Where messages for one listener go: the number of a mailbox (one per worker thread) and the
/// listener's token there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Listener {
    /// The mailbox.
    pub mailbox: u16,
    /// The listener within the mailbox.
    pub token: u64,
}

/// The listeners of one mailbox; never an empty set.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) mailbox: u16,
    pub(super) tokens: Arc<Tokens>,
}

/// The listeners of one channel or pattern.
#[derive(Debug, Default)]
pub(super) struct Audience {
    groups: SmallVec<[Group; 1]>,
}

impl Audience {
    /// Adds a listener; false if it was there already.
    pub(super) fn add(&mut self, who: Listener) -> bool {
        if let Some(group) = self.groups.iter_mut().find(|group| group.mailbox == who.mailbox) {
            return !group.tokens.contains(who.token)
                && Arc::make_mut(&mut group.tokens).insert(who.token);
        }
        let mut tokens = Tokens::default();
        tokens.insert(who.token);
        self.groups.push(Group { mailbox: who.mailbox, tokens: Arc::new(tokens) });
        true
    }

    /// Removes a listener; false if it was not there.
    pub(super) fn remove(&mut self, who: Listener) -> bool {
        let Some(at) = self.groups.iter().position(|group| group.mailbox == who.mailbox) else {
            return false;
        };
        let tokens = &mut self.groups[at].tokens;
        if !tokens.contains(who.token) {
            return false;
        }
        if tokens.len() == 1 {
            self.groups.remove(at);
        } else {
            Arc::make_mut(tokens).remove(who.token);
        }
        true
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The number of listeners in all mailboxes.
    pub(super) fn len(&self) -> u64 {
        self.groups.iter().map(|group| group.tokens.len() as u64).sum()
    }

    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(mailbox: u16, token: u64) -> Listener {
        Listener { mailbox, token }
    }

    #[test]
    fn groups_by_mailbox() {
        let mut audience = Audience::default();
        assert!(audience.add(at(0, 7)));
        assert!(audience.add(at(1, 7)));
        assert!(audience.add(at(0, 8)));
        assert!(!audience.add(at(0, 8)));
        let groups: Vec<(u16, &[u64])> = audience
            .groups()
            .iter()
            .map(|group| (group.mailbox, group.tokens.as_slice()))
            .collect();
        assert_eq!(groups, [(0, &[7, 8][..]), (1, &[7][..])]);
        assert_eq!(audience.len(), 3);
    }

    #[test]
    fn a_group_goes_with_its_last_listener() {
        let mut audience = Audience::default();
        audience.add(at(0, 7));
        audience.add(at(1, 7));
        assert!(audience.remove(at(0, 7)));
        assert!(!audience.remove(at(0, 7)));
        assert!(!audience.remove(at(1, 8)));
        assert_eq!(audience.groups().len(), 1);
        assert!(!audience.is_empty());
        assert!(audience.remove(at(1, 7)));
        assert!(audience.is_empty());
    }

    #[test]
    fn a_change_in_vain_copies_nothing() {
        let mut audience = Audience::default();
        audience.add(at(0, 7));
        let kept = Arc::clone(&audience.groups()[0].tokens);
        assert!(!audience.add(at(0, 7)));
        assert!(!audience.remove(at(0, 8)));
        assert!(Arc::ptr_eq(&kept, &audience.groups()[0].tokens));
    }
}

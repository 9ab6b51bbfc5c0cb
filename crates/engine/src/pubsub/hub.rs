//! The registry of all subscriptions.
//!
//! Three kinds, each with names of its own: channels, patterns (which match ordinary channels) and
//! sharded channels (which patterns never match). The hub knows listeners by mailbox and token
//! only; what is delivered, and how, is up to the caller.
//!
//! Lock order: the stripe of a channel, then the patterns. A message holds its channel's stripe
//! from the moment its receivers are looked up until it has been handed to all of them, so that all
//! listeners see the messages of one channel in one order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;

use super::audience::{Audience, Listener};
use super::channels::Channels;
use super::{PatternIndex, Tokens};

/// A name space of channels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Space {
    /// Ordinary channels: `SUBSCRIBE`, `PUBLISH`.
    Channel,
    /// Sharded channels: `SSUBSCRIBE`, `SPUBLISH`.
    Shard,
}

/// Listeners of one mailbox who are to receive a message, all for the same reason.
#[derive(Clone, Copy, Debug)]
pub struct Match<'a> {
    /// The mailbox of all these listeners.
    pub mailbox: u16,
    /// The pattern they subscribed to; None if they subscribed to the channel itself.
    pub pattern: Option<&'a Arc<[u8]>>,
    /// Their tokens, at least one. A clone of the Arc keeps the set as it is now, whoever
    /// subscribes or leaves later; while it is kept, the next change copies the set.
    pub listeners: &'a Arc<Tokens>,
}

/// Who listens to what; shared by all workers.
///
/// Names are any bytes, also none at all. Listeners are forgotten only when they unsubscribe:
/// whoever ends a connection unsubscribes it from everything it was subscribed to.
#[derive(Debug, Default)]
pub struct Hub {
    channels: Channels,
    shards: Channels,
    patterns: RwLock<PatternIndex<Audience>>,
    /// The number of patterns, written under their lock; lets a message pass by the lock when there
    /// are none.
    pattern_count: AtomicUsize,
}

impl Hub {
    /// Creates a hub to which nobody listens.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Subscribes a listener to a channel; false if it was subscribed already.
    pub fn subscribe(&self, space: Space, channel: &[u8], who: Listener) -> bool {
        self.space(space).lock(channel).add(who)
    }

    /// Ends a subscription to a channel; false if there was none.
    pub fn unsubscribe(&self, space: Space, channel: &[u8], who: Listener) -> bool {
        self.space(space).lock(channel).remove(who)
    }

    /// Subscribes a listener to the ordinary channels that a pattern matches; false if it was
    /// subscribed to this pattern already.
    pub fn subscribe_pattern(&self, pattern: &[u8], who: Listener) -> bool {
        let mut patterns = self.patterns.write();
        if let Some(audience) = patterns.get_mut(pattern) {
            return audience.add(who);
        }
        let mut audience = Audience::default();
        audience.add(who);
        patterns.insert(pattern, audience);
        self.pattern_count.store(patterns.len(), Ordering::Release);
        true
    }

    /// Ends a subscription to a pattern; false if there was none.
    pub fn unsubscribe_pattern(&self, pattern: &[u8], who: Listener) -> bool {
        let mut patterns = self.patterns.write();
        let Some(audience) = patterns.get_mut(pattern) else {
            return false;
        };
        let removed = audience.remove(who);
        if audience.is_empty() {
            patterns.remove(pattern);
            self.pattern_count.store(patterns.len(), Ordering::Release);
        }
        removed
    }

    /// Finds everybody who is to receive a message on `channel` and calls `deliver` once for the
    /// channel's own listeners in each mailbox and then, for an ordinary channel, once per matching
    /// pattern and mailbox; returns the number of deliveries.
    ///
    /// A listener who is subscribed to the channel and to N matching patterns is named, and
    /// counted, 1 + N times. `deliver` runs under the channel's lock, so that messages of one
    /// channel have one order for all; it must not call the hub. Does not allocate.
    pub fn publish(&self, space: Space, channel: &[u8], mut deliver: impl FnMut(Match<'_>)) -> u64 {
        let locked = self.space(space).lock(channel);
        let mut deliveries = 0;
        if let Some(audience) = locked.audience() {
            deliveries += address(audience, None, &mut deliver);
        }
        if space == Space::Channel && self.pattern_count.load(Ordering::Acquire) > 0 {
            for (pattern, audience) in self.patterns.read().matching(channel) {
                deliveries += address(audience, Some(pattern), &mut deliver);
            }
        }
        deliveries
    }

    /// Returns the channels that have listeners, all or those that match `pattern`, in no
    /// particular order.
    #[must_use]
    pub fn channels(&self, space: Space, pattern: Option<&[u8]>) -> Vec<Vec<u8>> {
        self.space(space).names(pattern)
    }

    /// Returns the number of channels that have listeners.
    #[must_use]
    pub fn channel_count(&self, space: Space) -> u64 {
        self.space(space).len()
    }

    /// Returns the number of listeners of a channel, not counting those of patterns that match it.
    #[must_use]
    pub fn listener_count(&self, space: Space, channel: &[u8]) -> u64 {
        self.space(space).lock(channel).audience().map_or(0, Audience::len)
    }

    /// Returns the number of distinct patterns that have listeners.
    #[must_use]
    pub fn pattern_count(&self) -> u64 {
        self.pattern_count.load(Ordering::Acquire) as u64
    }

    fn space(&self, space: Space) -> &Channels {
        match space {
            Space::Channel => &self.channels,
            Space::Shard => &self.shards,
        }
    }
}

/// Names an audience to `deliver`, mailbox by mailbox; returns how many listeners that were.
fn address(
    audience: &Audience,
    pattern: Option<&Arc<[u8]>>,
    deliver: &mut impl FnMut(Match<'_>),
) -> u64 {
    for group in audience.groups() {
        deliver(Match { mailbox: group.mailbox, pattern, listeners: &group.tokens });
    }
    audience.len()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use std::thread;

    use parking_lot::Mutex;

    use super::*;

    const A: Listener = Listener { mailbox: 0, token: 1 };
    const B: Listener = Listener { mailbox: 1, token: 1 };

    /// What a publisher is told: mailbox, pattern, tokens.
    type Told = (u16, Option<String>, Vec<u64>);

    fn publish(hub: &Hub, space: Space, channel: &[u8]) -> Vec<Told> {
        let mut told = Vec::new();
        let deliveries = hub.publish(space, channel, |to| {
            let pattern = to.pattern.map(|pattern| String::from_utf8_lossy(pattern).into_owned());
            told.push((to.mailbox, pattern, to.listeners.as_slice().to_vec()));
        });
        let named: usize = told.iter().map(|(_, _, tokens)| tokens.len()).sum();
        assert_eq!(deliveries, named as u64);
        told
    }

    fn own(mailbox: u16, tokens: &[u64]) -> Told {
        (mailbox, None, tokens.to_vec())
    }

    fn by(pattern: &str, mailbox: u16, tokens: &[u64]) -> Told {
        (mailbox, Some(pattern.to_owned()), tokens.to_vec())
    }

    #[test]
    fn subscriptions_are_counted_once() {
        let hub = Hub::new();
        assert!(hub.subscribe(Space::Channel, b"c", A));
        assert!(!hub.subscribe(Space::Channel, b"c", A));
        assert!(hub.subscribe(Space::Channel, b"c", B));
        assert!(hub.subscribe_pattern(b"c*", A));
        assert!(!hub.subscribe_pattern(b"c*", A));
        assert!(hub.subscribe_pattern(b"c*", B));
        assert_eq!(hub.listener_count(Space::Channel, b"c"), 2);
        assert_eq!((hub.channel_count(Space::Channel), hub.pattern_count()), (1, 1));

        assert!(hub.unsubscribe(Space::Channel, b"c", A));
        assert!(!hub.unsubscribe(Space::Channel, b"c", A));
        assert!(hub.unsubscribe_pattern(b"c*", A));
        assert!(!hub.unsubscribe_pattern(b"c*", A));
        assert!(!hub.unsubscribe_pattern(b"c", B));
        assert_eq!(hub.listener_count(Space::Channel, b"c"), 1);
        assert_eq!((hub.channel_count(Space::Channel), hub.pattern_count()), (1, 1));

        assert!(hub.unsubscribe(Space::Channel, b"c", B));
        assert!(hub.unsubscribe_pattern(b"c*", B));
        assert_eq!(hub.listener_count(Space::Channel, b"c"), 0);
        assert_eq!((hub.channel_count(Space::Channel), hub.pattern_count()), (0, 0));
        assert_eq!(publish(&hub, Space::Channel, b"c"), []);
    }

    #[test]
    fn channel_comes_first_then_patterns() {
        let hub = Hub::new();
        hub.subscribe_pattern(b"news.*", A);
        hub.subscribe_pattern(b"*", A);
        hub.subscribe_pattern(b"*", B);
        hub.subscribe_pattern(b"sport.*", A);
        hub.subscribe(Space::Channel, b"news.art", A);
        hub.subscribe(Space::Channel, b"news.art", B);
        hub.subscribe(Space::Channel, b"news.art", Listener { mailbox: 0, token: 2 });
        let told = publish(&hub, Space::Channel, b"news.art");
        let expect = [
            own(0, &[1, 2]),
            own(1, &[1]),
            by("*", 0, &[1]),
            by("*", 1, &[1]),
            by("news.*", 0, &[1]),
        ];
        assert_eq!(told, expect);
    }

    #[test]
    fn shard_channels_are_apart() {
        let hub = Hub::new();
        hub.subscribe(Space::Channel, b"c", A);
        hub.subscribe(Space::Shard, b"c", B);
        hub.subscribe_pattern(b"*", A);
        assert_eq!(publish(&hub, Space::Shard, b"c"), [own(1, &[1])]);
        assert_eq!(publish(&hub, Space::Channel, b"c"), [own(0, &[1]), by("*", 0, &[1])]);
        assert!(hub.unsubscribe(Space::Channel, b"c", A));
        assert_eq!(hub.channel_count(Space::Shard), 1);
        assert_eq!(hub.channel_count(Space::Channel), 0);
    }

    #[test]
    fn names_may_be_empty_or_binary() {
        let hub = Hub::new();
        hub.subscribe(Space::Channel, b"", A);
        hub.subscribe(Space::Channel, b"\0\xff", B);
        hub.subscribe_pattern(b"", A);
        assert_eq!(publish(&hub, Space::Channel, b""), [own(0, &[1]), by("", 0, &[1])]);
        assert_eq!(publish(&hub, Space::Channel, b"\0\xff"), [own(1, &[1])]);
        assert_eq!(hub.channels(Space::Channel, Some(b"\0*")), [b"\0\xff"]);
    }

    #[test]
    fn channels_are_listed_by_pattern() {
        let hub = Hub::new();
        for n in 0..100 {
            hub.subscribe(Space::Channel, format!("c{n}").as_bytes(), A);
        }
        let mut names = hub.channels(Space::Channel, Some(b"c?"));
        names.sort();
        let expect: Vec<Vec<u8>> = (0..10).map(|n| format!("c{n}").into_bytes()).collect();
        assert_eq!(names, expect);
        assert_eq!(hub.channels(Space::Channel, None).len(), 100);
        assert_eq!(hub.channels(Space::Shard, None).len(), 0);
    }

    #[test]
    fn a_kept_set_does_not_change() {
        let hub = Hub::new();
        hub.subscribe(Space::Channel, b"c", A);
        let mut kept = None;
        hub.publish(Space::Channel, b"c", |to| kept = Some(Arc::clone(to.listeners)));
        hub.subscribe(Space::Channel, b"c", Listener { mailbox: 0, token: 2 });
        hub.unsubscribe(Space::Channel, b"c", A);
        assert_eq!(kept.unwrap().as_slice(), [1]);
        assert_eq!(publish(&hub, Space::Channel, b"c"), [own(0, &[2])]);
    }

    #[test]
    fn an_unkept_set_is_changed_in_place() {
        let hub = Hub::new();
        let address = |hub: &Hub| {
            let mut address = std::ptr::null();
            hub.publish(Space::Channel, b"c", |to| address = Arc::as_ptr(to.listeners));
            address
        };
        hub.subscribe(Space::Channel, b"c", A);
        let before = address(&hub);
        (2..100).for_each(|token| {
            hub.subscribe(Space::Channel, b"c", Listener { mailbox: 0, token });
        });
        assert_eq!(address(&hub), before);
    }

    #[test]
    fn many_of_either_kind() {
        let hub = Hub::new();
        for token in 0..10_000 {
            assert!(hub.subscribe(Space::Channel, b"all", Listener { mailbox: 0, token }));
            let channel = format!("one.{token}");
            assert!(hub.subscribe(Space::Channel, channel.as_bytes(), A));
        }
        assert_eq!(hub.listener_count(Space::Channel, b"all"), 10_000);
        assert_eq!(hub.channel_count(Space::Channel), 10_001);
        for token in 0..10_000 {
            assert!(hub.unsubscribe(Space::Channel, b"all", Listener { mailbox: 0, token }));
            let channel = format!("one.{token}");
            assert!(hub.unsubscribe(Space::Channel, channel.as_bytes(), A));
        }
        assert_eq!(hub.channel_count(Space::Channel), 0);
    }

    /// Two publishers number their messages as they are delivered; whoever receives from both must
    /// see one order.
    #[test]
    fn all_listeners_see_one_order() {
        let hub = Hub::new();
        let inboxes = [Mutex::new(Vec::new()), Mutex::new(Vec::new())];
        hub.subscribe(Space::Channel, b"c", A);
        hub.subscribe_pattern(b"c*", B);
        thread::scope(|scope| {
            for publisher in 0..2 {
                let (hub, inboxes) = (&hub, &inboxes);
                scope.spawn(move || {
                    for n in 0..2_000 {
                        let deliveries = hub.publish(Space::Channel, b"c", |to| {
                            inboxes[usize::from(to.mailbox)].lock().push((publisher, n));
                        });
                        assert_eq!(deliveries, 2);
                    }
                });
            }
        });
        let [first, second] = inboxes.map(Mutex::into_inner);
        assert_eq!(first.len(), 4_000);
        assert_eq!(first, second);
    }

    #[test]
    fn threads_leave_nothing_behind() {
        let hub = Hub::new();
        let constant = Listener { mailbox: 9, token: 9 };
        hub.subscribe(Space::Channel, b"c0", constant);
        thread::scope(|scope| {
            for mailbox in 0..4 {
                let hub = &hub;
                scope.spawn(move || {
                    for token in 0..500 {
                        let who = Listener { mailbox, token };
                        let channel = format!("c{}", token % 7);
                        assert!(hub.subscribe(Space::Channel, channel.as_bytes(), who));
                        assert!(hub.subscribe_pattern(b"c[0-3]", who));
                        let mut own = 0;
                        hub.publish(Space::Channel, channel.as_bytes(), |to| {
                            own +=
                                usize::from(to.mailbox == mailbox && to.listeners.contains(token));
                        });
                        assert_eq!(own, 1 + usize::from(token % 7 <= 3));
                        assert!(hub.unsubscribe_pattern(b"c[0-3]", who));
                        assert!(hub.unsubscribe(Space::Channel, channel.as_bytes(), who));
                    }
                });
            }
        });
        assert_eq!(hub.channels(Space::Channel, None), [b"c0"]);
        assert_eq!(hub.pattern_count(), 0);
        assert_eq!(publish(&hub, Space::Channel, b"c0"), [own(9, &[9])]);
    }
}

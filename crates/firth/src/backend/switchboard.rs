//! Which subscriptions of one broker listen to what.
//!
//! A broker listens to each topic once, however many subscriptions it has; this is where a message
//! finds them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::inbox::{Inbox, Message, Topic};

/// The subscriptions of one broker.
#[derive(Debug, Default)]
pub(crate) struct Switchboard(Mutex<Routes>);

#[derive(Debug, Default)]
struct Routes {
    channels: HashMap<Arc<str>, Vec<Line>>,
    patterns: HashMap<Arc<str>, Vec<Line>>,
    /// What each subscription listens to.
    topics: HashMap<u64, Vec<Topic>>,
    next: u64,
}

#[derive(Clone, Debug)]
struct Line {
    id: u64,
    inbox: Arc<Inbox>,
}

impl Switchboard {
    /// Adds a subscription; returns its number, and the topics that nobody listened to before.
    pub(crate) fn add(&self, topics: &[Topic], inbox: &Arc<Inbox>) -> (u64, Vec<Topic>) {
        let mut routes = self.0.lock();
        let id = routes.next;
        routes.next += 1;
        let mut fresh = Vec::new();
        for topic in topics {
            let lines = routes.lines(topic);
            if lines.is_empty() {
                fresh.push(topic.clone());
            }
            if !lines.iter().any(|line| line.id == id) {
                lines.push(Line { id, inbox: Arc::clone(inbox) });
            }
        }
        routes.topics.insert(id, topics.to_vec());
        (id, fresh)
    }

    /// Removes a subscription; returns the topics that nobody listens to any more.
    pub(crate) fn remove(&self, id: u64) -> Vec<Topic> {
        let mut routes = self.0.lock();
        let mut gone = Vec::new();
        for topic in routes.topics.remove(&id).unwrap_or_default() {
            let of_its_kind = routes.of_kind(&topic);
            let Some(lines) = of_its_kind.get_mut(topic.name()) else { continue };
            lines.retain(|line| line.id != id);
            if lines.is_empty() {
                of_its_kind.remove(topic.name());
                gone.push(topic);
            }
        }
        gone
    }

    /// Returns what is listened to.
    pub(crate) fn topics(&self) -> HashSet<Topic> {
        let routes = self.0.lock();
        let channels = routes.channels.keys().cloned().map(Topic::Channel);
        channels.chain(routes.patterns.keys().cloned().map(Topic::Pattern)).collect()
    }

    /// Hands a message to all who listen to its channel, or to the pattern that it matched.
    pub(crate) fn deliver(&self, channel: &str, pattern: Option<&str>, payload: &Bytes) {
        let routes = self.0.lock();
        let found = match pattern {
            None => routes.channels.get_key_value(channel),
            Some(pattern) => routes.patterns.get_key_value(pattern),
        };
        let Some((name, lines)) = found else { return };
        let message = match pattern {
            None => Message { channel: Arc::clone(name), pattern: None, payload: payload.clone() },
            Some(_) => Message {
                channel: channel.into(),
                pattern: Some(Arc::clone(name)),
                payload: payload.clone(),
            },
        };
        for line in lines {
            line.inbox.push(message.clone());
        }
    }

    /// Tells all who listen to one of these topics that messages may have been missed.
    #[cfg(feature = "redis")]
    pub(crate) fn tell_reconnected(&self, topics: &HashSet<Topic>) {
        let routes = self.0.lock();
        let lines = topics.iter().filter_map(|topic| match topic {
            Topic::Channel(name) => routes.channels.get(name),
            Topic::Pattern(name) => routes.patterns.get(name),
        });
        lines.flatten().for_each(|line| line.inbox.push_reconnected());
    }

    /// Ends all subscriptions.
    pub(crate) fn end(&self) {
        let routes = std::mem::take(&mut *self.0.lock());
        let lines = routes.channels.into_values().chain(routes.patterns.into_values());
        lines.flatten().for_each(|line| line.inbox.end());
    }
}

impl Topic {
    fn name(&self) -> &Arc<str> {
        let (Topic::Channel(name) | Topic::Pattern(name)) = self;
        name
    }
}

impl Routes {
    fn lines(&mut self, topic: &Topic) -> &mut Vec<Line> {
        self.of_kind(topic).entry(Arc::clone(topic.name())).or_default()
    }

    fn of_kind(&mut self, topic: &Topic) -> &mut HashMap<Arc<str>, Vec<Line>> {
        match topic {
            Topic::Channel(_) => &mut self.channels,
            Topic::Pattern(_) => &mut self.patterns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::QueueLimits;

    fn channel(name: &str) -> Topic {
        Topic::Channel(name.into())
    }

    #[test]
    fn each_topic_is_fresh_once_and_gone_once() {
        let board = Switchboard::default();
        let inbox = Inbox::new(QueueLimits::default());
        let pattern = Topic::Pattern("a".into());
        let (first, fresh) = board.add(&[channel("a"), channel("a"), pattern.clone()], &inbox);
        assert_eq!(fresh, [channel("a"), pattern.clone()]);
        let (second, fresh) = board.add(&[channel("a"), channel("b")], &inbox);
        assert_eq!(fresh, [channel("b")]);
        assert_eq!(board.remove(first), [pattern]);
        assert_eq!(board.topics(), HashSet::from([channel("a"), channel("b")]));
        assert_eq!(board.remove(second).len(), 2);
        assert!(board.topics().is_empty());
        assert_eq!(board.remove(second), []);
    }
}

//! What a subscription receives, in a queue with a bound and a policy.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::Stream;
use parking_lot::Mutex;

/// What is listened to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Topic {
    /// One channel.
    Channel(Arc<str>),
    /// All channels whose names match: `*` stands for any text, `?` for any character, `[ab]` for one
    /// of those.
    Pattern(Arc<str>),
}

/// A message as it was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The channel.
    pub channel: Arc<str>,
    /// The pattern that matched, for those who listen to a pattern.
    pub pattern: Option<Arc<str>>,
    /// What was published.
    pub payload: Bytes,
}

/// What a subscription receives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Received {
    /// A message.
    Message(Message),
    /// Messages may have been missed between what came before and what comes next.
    Gap(Gap),
}

/// Messages may have been missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Why.
    pub reason: GapReason,
    /// How many were missed, if that is known.
    pub missed: Option<u64>,
}

/// Why messages may have been missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GapReason {
    /// The connection was lost for a while.
    Reconnected,
    /// The queue was full.
    Overflow,
}

/// How much a subscription keeps for a slow receiver, and what happens to what is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// The most messages that wait.
    pub messages: usize,
    /// What happens to what is too much.
    pub overflow: Overflow,
}

/// What happens when a queue of messages is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// The oldest message goes, and the receiver learns of a gap.
    DropOldest,
    /// The new message goes, and the receiver learns of a gap.
    DropNewest,
    /// The subscription ends, once what waits has been received.
    End,
}

impl Default for QueueLimits {
    /// Returns 1024 messages, of which the oldest goes.
    fn default() -> Self {
        QueueLimits { messages: 1024, overflow: Overflow::DropOldest }
    }
}

/// The sending end of a subscription, which a backend holds. Nothing here ever waits.
#[derive(Debug)]
pub struct Inbox {
    limits: QueueLimits,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Received>,
    messages: usize,
    is_ended: bool,
    receiver: Option<Waker>,
}

impl Inbox {
    /// Makes an empty inbox.
    pub fn new(limits: QueueLimits) -> Arc<Self> {
        Arc::new(Inbox { limits, queue: Mutex::default() })
    }

    /// Puts a message in.
    pub fn push(&self, message: Message) {
        let mut queue = self.queue.lock();
        if queue.is_ended {
            return;
        }
        if queue.messages >= self.limits.messages.max(1) {
            match self.limits.overflow {
                Overflow::DropOldest => queue.drop_oldest(),
                Overflow::DropNewest => {
                    queue.note_missed_at_end();
                    return;
                }
                Overflow::End => {
                    queue.is_ended = true;
                    queue.wake();
                    return;
                }
            }
        }
        queue.messages += 1;
        queue.waiting.push_back(Received::Message(message));
        queue.wake();
    }

    /// Tells the receiver that messages may have been missed since the connection was lost.
    pub fn push_reconnected(&self) {
        let mut queue = self.queue.lock();
        let gap = Received::Gap(Gap { reason: GapReason::Reconnected, missed: None });
        if !queue.is_ended && queue.waiting.back() != Some(&gap) {
            queue.waiting.push_back(gap);
            queue.wake();
        }
    }

    /// Ends the subscription, once what waits has been received.
    pub fn end(&self) {
        let mut queue = self.queue.lock();
        queue.is_ended = true;
        queue.wake();
    }

    fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Option<Received>> {
        let mut queue = self.queue.lock();
        if let Some(received) = queue.waiting.pop_front() {
            queue.messages -= usize::from(matches!(received, Received::Message(_)));
            return Poll::Ready(Some(received));
        }
        if queue.is_ended {
            return Poll::Ready(None);
        }
        queue.receiver = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Queue {
    fn wake(&mut self) {
        if let Some(receiver) = self.receiver.take() {
            receiver.wake();
        }
    }

    /// Drops the oldest message, and puts the note of that where it was.
    fn drop_oldest(&mut self) {
        let is_message = |received: &Received| matches!(received, Received::Message(_));
        let Some(at) = self.waiting.iter().position(is_message) else { return };
        self.messages -= 1;
        self.waiting.remove(at);
        match at.checked_sub(1).and_then(|before| self.waiting.get_mut(before)) {
            Some(Received::Gap(gap)) if gap.reason == GapReason::Overflow => gap.add_missed(),
            _ => self.waiting.insert(at, Gap::one_missed()),
        }
    }

    fn note_missed_at_end(&mut self) {
        match self.waiting.back_mut() {
            Some(Received::Gap(gap)) if gap.reason == GapReason::Overflow => gap.add_missed(),
            _ => self.waiting.push_back(Gap::one_missed()),
        }
    }
}

impl Gap {
    fn one_missed() -> Received {
        Received::Gap(Gap { reason: GapReason::Overflow, missed: Some(1) })
    }

    fn add_missed(&mut self) {
        self.missed = self.missed.map(|missed| missed.saturating_add(1));
    }
}

/// The receiving end: a stream of what is received, which ends when the broker is closed or
/// [`Overflow::End`] was asked for. Dropping it unsubscribes.
///
/// [`next`](futures_util::StreamExt::next) is cancel-safe.
#[must_use = "dropping it unsubscribes"]
pub struct Subscription {
    inbox: Arc<Inbox>,
    _ends_with: Box<dyn Any + Send + Sync>,
}

impl Subscription {
    /// Makes a subscription that receives from an inbox; `ends_with` is dropped with it.
    pub fn new(inbox: Arc<Inbox>, ends_with: impl Any + Send + Sync) -> Self {
        Subscription { inbox, _ends_with: Box::new(ends_with) }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("inbox", &self.inbox).finish_non_exhaustive()
    }
}

impl Stream for Subscription {
    type Item = Received;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Received>> {
        self.inbox.poll_take(cx)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use futures_util::{FutureExt as _, StreamExt as _};

    use super::*;

    fn message(text: &str) -> Message {
        Message {
            channel: "c".into(),
            pattern: None,
            payload: Bytes::copy_from_slice(text.as_bytes()),
        }
    }

    /// Pushes one message for each letter into a queue of two, then lists what is received: letters,
    /// `~` for a reconnection, a number for so many missed, `.` for the end.
    fn check(overflow: Overflow, pushes: &str, expect: &str) {
        let inbox = Inbox::new(QueueLimits { messages: 2, overflow });
        let mut subscription = Subscription::new(Arc::clone(&inbox), ());
        for push in pushes.chars() {
            match push {
                '~' => inbox.push_reconnected(),
                letter => inbox.push(message(&letter.to_string())),
            }
        }
        let mut received = String::new();
        while let Some(next) = subscription.next().now_or_never() {
            match next {
                Some(Received::Message(message)) => {
                    received.push_str(std::str::from_utf8(&message.payload).unwrap());
                }
                Some(Received::Gap(Gap { reason: GapReason::Reconnected, .. })) => {
                    received.push('~');
                }
                Some(Received::Gap(gap)) => received.push_str(&gap.missed.unwrap().to_string()),
                None => {
                    received.push('.');
                    break;
                }
            }
        }
        assert_eq!(received, expect, "{pushes}");
    }

    #[test]
    fn the_oldest_goes() {
        check(Overflow::DropOldest, "ab", "ab");
        check(Overflow::DropOldest, "abc", "1bc");
        check(Overflow::DropOldest, "abcde", "3de");
        check(Overflow::DropOldest, "a~bc", "1~bc");
        check(Overflow::DropOldest, "~~ab", "~ab");
    }

    #[test]
    fn the_newest_goes() {
        check(Overflow::DropNewest, "abc", "ab1");
        check(Overflow::DropNewest, "abcd~", "ab2~");
    }

    #[test]
    fn the_subscription_ends() {
        check(Overflow::End, "ab", "ab");
        check(Overflow::End, "abcd", "ab.");
    }
}

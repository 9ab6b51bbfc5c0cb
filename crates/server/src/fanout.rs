//! How a published message reaches everybody who listens.

use std::sync::Arc;

use firth_engine::Lsn;
use firth_engine::pubsub::{Space, Tokens};
use firth_resp::{Protocol, Reply};

use crate::context::Context;
use crate::local::Local;
use crate::mailbox::{CloseReason, Mail};
use crate::outboxes::TickMessage;
use crate::server::Server;

/// A message on its way to listeners of one channel or pattern.
#[derive(Clone, Debug)]
pub struct Message {
    /// Which name space the channel is in.
    pub space: Space,
    /// The pattern that matched, for listeners of patterns.
    pub pattern: Option<Arc<[u8]>>,
    /// The channel.
    pub channel: Box<[u8]>,
    /// What was published.
    pub payload: Arc<[u8]>,
    /// The position that it depends on: none, unless it tells of a change.
    pub lsn: Lsn,
}

impl Message {
    /// Returns about how many bytes the message takes.
    #[expect(clippy::len_without_is_empty, reason = "a message is never empty on the wire")]
    pub fn len(&self) -> usize {
        self.channel.len() + self.payload.len() + 64
    }

    fn view(&self) -> View<'_> {
        View {
            space: self.space,
            pattern: self.pattern.as_deref(),
            channel: &self.channel,
            payload: &self.payload,
            lsn: self.lsn,
        }
    }
}

/// A message, borrowed.
#[derive(Clone, Copy, Debug)]
struct View<'a> {
    space: Space,
    pattern: Option<&'a [u8]>,
    channel: &'a [u8],
    payload: &'a [u8],
    lsn: Lsn,
}

impl View<'_> {
    fn encode(self, out: &mut Vec<u8>, protocol: Protocol) {
        let mut reply = Reply::new(out, protocol);
        match (self.pattern, self.space) {
            (Some(pattern), _) => {
                reply.push(4);
                reply.bulk(b"pmessage");
                reply.bulk(pattern);
            }
            (None, Space::Channel) => {
                reply.push(3);
                reply.bulk(b"message");
            }
            (None, Space::Shard) => {
                reply.push(3);
                reply.bulk(b"smessage");
            }
        }
        reply.bulk(self.channel);
        reply.bulk(self.payload);
    }
}

/// What a transaction has published. It is told when the transaction is over and its position is
/// known, in the order of its commands, and to those who listen then.
#[derive(Clone, Debug)]
pub struct Said {
    /// How many keyspace events of the transaction come before it.
    pub events_before: usize,
    space: Space,
    channel: Box<[u8]>,
    payload: Box<[u8]>,
}

impl Said {
    /// Publishes it.
    pub fn publish(self, server: &Server, local: &mut Local, lsn: Lsn) {
        publish(server, local, self.space, &self.channel, &self.payload, lsn);
    }
}

/// Publishes what a client says, and returns to how many listeners it goes. It depends on nothing,
/// but for that of a transaction, which is kept until the transaction is over.
pub fn say(cx: &mut Context<'_, '_>, space: Space, channel: &[u8], payload: &[u8]) -> u64 {
    if !cx.in_transaction {
        return publish(cx.server, cx.local, space, channel, payload, Lsn::ZERO);
    }
    let events_before = cx.keys.events();
    let listeners = cx.server.engine.hub().publish(space, channel, |_| {});
    let (channel, payload) = (channel.into(), payload.into());
    cx.local.said.push(Said { events_before, space, channel, payload });
    listeners
}

/// Publishes a message that depends on a position, and returns to how many listeners it goes.
///
/// Listeners of this worker get it at once. Messages that other workers have left for them are
/// handed over first, so that all listeners of a channel see its messages in one order.
pub fn publish(
    server: &Server,
    local: &mut Local,
    space: Space,
    channel: &[u8],
    payload: &[u8],
    lsn: Lsn,
) -> u64 {
    let mut shared: Option<Arc<[u8]>> = None;
    server.engine.hub().publish(space, channel, |found| {
        let pattern = found.pattern;
        if found.mailbox == local.number {
            if local.mailbox.has_mail() {
                deliver_waiting(local);
            }
            let pattern = pattern.map(|pattern| &**pattern);
            deliver(local, View { space, pattern, channel, payload, lsn }, found.listeners);
            return;
        }
        let payload = shared.get_or_insert_with(|| payload.into()).clone();
        let message =
            Message { space, pattern: pattern.cloned(), channel: channel.into(), payload, lsn };
        if let Some(mailbox) = server.mailbox(found.mailbox) {
            let listeners = found.listeners.clone();
            mailbox.send(Mail::Message { message: Arc::new(message), listeners });
        }
    })
}

/// Hands over the messages and pushes that other workers have left; other mail waits for the end of the tick.
pub fn deliver_waiting(local: &mut Local) {
    for mail in local.mailbox.take() {
        match mail {
            Mail::Message { message, listeners } => deliver(local, message.view(), &listeners),
            Mail::Push { token, bytes } => local.outboxes.push(token, &bytes, Lsn::ZERO),
            other => local.mail.push(other),
        }
    }
}

/// Hands a message that came by mail to its listeners here.
pub fn deliver_mail(local: &mut Local, message: &Message, listeners: &Tokens) {
    deliver(local, message.view(), listeners);
}

fn deliver(local: &mut Local, message: View<'_>, listeners: &Tokens) {
    let mut encoded = TickMessage::default();
    let limit = local.config.output_limits.pubsub.hard_bytes;
    for token in listeners.iter() {
        let waiting = local.outboxes.deliver(token, &mut encoded, message.lsn, |out, protocol| {
            message.encode(out, protocol);
        });
        if limit != 0 && waiting.is_some_and(|bytes| bytes > limit) {
            local.doom(token, CloseReason::OutputLimit);
        }
    }
}

#[cfg(test)]
mod tests;

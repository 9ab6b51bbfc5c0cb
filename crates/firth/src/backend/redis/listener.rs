//! The one connection of a broker that listens, and what it listens to.
//!
//! A task keeps the server's idea of what is listened to the same as the switchboard's. It restores
//! a lost connection with growing pauses, listens to everything again, and then tells each
//! subscription that it may have missed something.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use redis::aio::{PubSub, PubSubSink};
use redis::{Msg, RedisError};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::failure;
use super::gauge::Gauge;
use super::servers::Servers;
use crate::backend::switchboard::Switchboard;
use crate::backend::{Inbox, Subscription, Topic};
use crate::backoff::Backoff;
use crate::{Effect, Error};

/// How long nothing may be heard of the server before it is asked for a sign of life, and how long
/// it has to answer.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// How long a subscription waits for the server to confirm it.
const CONFIRM_TIME_MAX: Duration = Duration::from_secs(15);

/// What a broker listens to. Dropping the last clone ends the task.
#[derive(Clone, Debug)]
pub(super) struct Listener(Arc<Handle>);

#[derive(Debug)]
struct Handle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    name: Arc<str>,
    servers: Arc<Servers>,
    gauge: Arc<Gauge>,
    board: Switchboard,
    /// Raised when the switchboard has changed.
    changed: Notify,
    /// Raised when nobody is left.
    ended: Notify,
    confirmed: watch::Sender<Confirmed>,
}

/// What the server has answered.
#[derive(Debug, Default)]
struct Confirmed {
    topics: HashSet<Topic>,
    refused: HashMap<Topic, Error>,
}

impl Listener {
    /// Starts listening to nothing.
    pub(super) fn start(servers: Arc<Servers>, gauge: Arc<Gauge>) -> Self {
        let shared = Arc::new(Shared {
            name: "the listening connection".into(),
            servers,
            gauge,
            board: Switchboard::default(),
            changed: Notify::new(),
            ended: Notify::new(),
            confirmed: watch::Sender::default(),
        });
        tokio::spawn(Shared::run(Arc::clone(&shared)));
        Listener(Arc::new(Handle(shared)))
    }

    /// Listens to some topics; returns once the server has confirmed all of them.
    pub(super) async fn subscribe(
        &self,
        topics: Vec<Topic>,
        inbox: Arc<Inbox>,
    ) -> Result<Subscription, Error> {
        let shared = &self.0.0;
        shared.confirmed.send_if_modified(|confirmed| {
            confirmed.refused.retain(|topic, _| !topics.contains(topic));
            false
        });
        let (id, _) = shared.board.add(&topics, &inbox);
        let seat = Seat { listener: self.clone(), id };
        shared.changed.notify_one();
        let mut confirmed = shared.confirmed.subscribe();
        let is_settled = confirmed.wait_for(|confirmed| {
            topics.iter().all(|topic| {
                confirmed.topics.contains(topic) || confirmed.refused.contains_key(topic)
            })
        });
        let late = || Error::unavailable("the subscription was not confirmed", Effect::None);
        let refused = tokio::select! {
            settled = timeout(CONFIRM_TIME_MAX, is_settled) => {
                let settled = settled.map_err(|_| late())?.map_err(|_| late())?;
                topics.iter().find_map(|topic| settled.refused.get(topic).cloned())
            }
            () = shared.gauge.closed() => Some(Error::Closed),
        };
        refused.map_or_else(|| Ok(Subscription::new(inbox, seat)), Err)
    }

    /// Ends all subscriptions.
    pub(super) fn close(&self) {
        self.0.0.board.end();
        self.0.0.ended.notify_one();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.ended.notify_one();
    }
}

/// The place of a subscription in the switchboard, given up when it is dropped.
#[derive(Debug)]
struct Seat {
    listener: Listener,
    id: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let shared = &self.listener.0.0;
        if !shared.board.remove(self.id).is_empty() {
            shared.changed.notify_one();
        }
    }
}

impl Shared {
    /// Listens until nobody is left.
    async fn run(shared: Arc<Self>) {
        tokio::select! {
            () = shared.keep_listening() => {}
            () = shared.ended.notified() => {}
        }
    }

    async fn keep_listening(&self) {
        let mut attempts = 0;
        let mut heard_before = HashSet::new();
        loop {
            while self.board.topics().is_empty() {
                // Nobody misses it.
                self.gauge.restored(&self.name);
                self.changed.notified().await;
            }
            let error = match self.connect().await {
                Ok(connection) => {
                    attempts = 0;
                    let lost = self.listen(connection, &heard_before).await;
                    self.confirmed.send_modify(|confirmed| {
                        heard_before.extend(std::mem::take(&mut confirmed.topics));
                    });
                    lost
                }
                Err(error) => error,
            };
            heard_before.retain({
                let wanted = self.board.topics();
                move |topic| wanted.contains(topic)
            });
            self.gauge.lost(&self.name, attempts, &error.to_string());
            self.servers.doubt().await;
            tokio::time::sleep(Backoff::connecting().pause(attempts)).await;
            attempts = attempts.saturating_add(1);
        }
    }

    async fn connect(&self) -> Result<PubSub, Error> {
        let link = self.servers.any().await?;
        link.dial().listen().await.map_err(|error| failure::of(&error))
    }

    /// Listens on a connection until it is lost; returns why it was.
    async fn listen(&self, connection: PubSub, heard_before: &HashSet<Topic>) -> Error {
        let lost = |error: &RedisError| failure::of(error);
        let (mut sink, mut messages) = connection.split();
        if let Err(error) = self.agree(&mut sink).await {
            return lost(&error);
        }
        self.board.tell_reconnected(heard_before);
        self.gauge.restored(&self.name);
        loop {
            tokio::select! {
                message = messages.next() => match message {
                    Some(message) => self.deliver(&message),
                    None => return Error::unavailable("the connection is gone", Effect::None),
                },
                () = self.changed.notified() => {
                    if let Err(error) = self.agree(&mut sink).await {
                        return lost(&error);
                    }
                }
                () = tokio::time::sleep(SILENCE_MAX) => {
                    let answer = timeout(SILENCE_MAX, sink.ping::<redis::Value>()).await;
                    if !matches!(answer, Ok(Ok(_))) {
                        return Error::unavailable("no sign of life", Effect::None);
                    }
                }
            }
        }
    }

    fn deliver(&self, message: &Msg) {
        let payload = Bytes::copy_from_slice(message.get_payload_bytes());
        let pattern = message.get_pattern::<Option<String>>().ok().flatten();
        self.board.deliver(message.get_channel_name(), pattern.as_deref(), &payload);
    }

    /// Makes the server's idea of what is listened to the same as the switchboard's.
    async fn agree(&self, sink: &mut PubSubSink) -> Result<(), RedisError> {
        let wanted = self.board.topics();
        let (mut missing, mut surplus) = (Vec::new(), Vec::new());
        self.confirmed.send_if_modified(|confirmed| {
            confirmed.refused.retain(|topic, _| wanted.contains(topic));
            let is_new = |topic: &&Topic| {
                !confirmed.topics.contains(*topic) && !confirmed.refused.contains_key(*topic)
            };
            missing.extend(wanted.iter().filter(is_new).cloned());
            surplus.extend(confirmed.topics.difference(&wanted).cloned());
            // What is being given up is not confirmed for whoever asks for it meanwhile.
            surplus.iter().for_each(|topic| _ = confirmed.topics.remove(topic));
            false
        });
        for (topics, kind) in by_kind(surplus) {
            match kind {
                Kind::Channel => sink.unsubscribe(&topics).await?,
                Kind::Pattern => sink.punsubscribe(&topics).await?,
            }
        }
        for (names, kind) in by_kind(missing) {
            self.listen_to(sink, names, kind).await?;
        }
        Ok(())
    }

    /// Subscribes to all names at once; if the server refuses that, to one after the other.
    async fn listen_to(
        &self,
        sink: &mut PubSubSink,
        names: Vec<String>,
        kind: Kind,
    ) -> Result<(), RedisError> {
        let refused = match subscribe(sink, &names, kind).await {
            Ok(()) => {
                self.confirm(&names, kind, None);
                return Ok(());
            }
            Err(error) => error,
        };
        if failure::is_connection_lost(&refused) {
            return Err(refused);
        }
        if let [_] = &names[..] {
            self.confirm(&names, kind, Some(&failure::of(&refused)));
            return Ok(());
        }
        for name in names {
            let name = [name];
            match subscribe(sink, &name, kind).await {
                Err(error) if failure::is_connection_lost(&error) => return Err(error),
                answer => {
                    let refused = answer.err().map(|error| failure::of(&error));
                    self.confirm(&name, kind, refused.as_ref());
                }
            }
        }
        Ok(())
    }

    fn confirm(&self, names: &[String], kind: Kind, refused: Option<&Error>) {
        self.confirmed.send_modify(|confirmed| {
            for name in names {
                let topic = kind.topic(name);
                match refused {
                    None => _ = confirmed.topics.insert(topic),
                    Some(error) => _ = confirmed.refused.insert(topic, error.clone()),
                }
            }
        });
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Channel,
    Pattern,
}

impl Kind {
    fn topic(self, name: &str) -> Topic {
        match self {
            Kind::Channel => Topic::Channel(name.into()),
            Kind::Pattern => Topic::Pattern(name.into()),
        }
    }
}

/// Returns the names of channels and those of patterns, as far as there are any.
fn by_kind(topics: Vec<Topic>) -> impl Iterator<Item = (Vec<String>, Kind)> {
    let (mut channels, mut patterns) = (Vec::new(), Vec::new());
    for topic in topics {
        match topic {
            Topic::Channel(name) => channels.push(name.to_string()),
            Topic::Pattern(name) => patterns.push(name.to_string()),
        }
    }
    let kinds = [(channels, Kind::Channel), (patterns, Kind::Pattern)];
    kinds.into_iter().filter(|(names, _)| !names.is_empty())
}

async fn subscribe(sink: &mut PubSubSink, names: &[String], kind: Kind) -> Result<(), RedisError> {
    match kind {
        Kind::Channel => sink.subscribe(names).await,
        Kind::Pattern => sink.psubscribe(names).await,
    }
}

//! The channels that sockets listen to.
//!
//! A task takes what comes on a channel and puts it, encoded once, into the queue of each socket; it never waits for one.
//! A socket that must see the messages of several channels in the order in which they were published listens to them as
//! one; such sets have a task each. The backend listens to each channel once, whatever is made of it here.

use std::collections::HashMap;
use std::sync::Arc;

use firth::Error;
use firth::backend::{
    Gap, GapReason, Message, Overflow, QueueLimits, Received, Subscription, Topic,
};
use futures_util::StreamExt as _;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::backend::{self, BackendCell};
use crate::counts::Counts;
use crate::news::{Data, Form, News, Place, What};
use crate::outbox::Outbox;
use crate::state::{State, running};

/// How much of a channel waits for the task that distributes it.
const QUEUE: QueueLimits = QueueLimits { messages: 65_536, overflow: Overflow::DropOldest };

/// The channels that sockets listen to.
#[derive(Debug)]
pub(crate) struct Hub {
    backend: BackendCell,
    counts: Arc<Counts>,
    channels: Mutex<HashMap<Names, Arc<Channel>>>,
}

/// The names of the channels that are listened to as one.
type Names = Arc<[Arc<str>]>;

#[derive(Debug)]
struct Channel {
    names: Names,
    listeners: Mutex<Listeners>,
    state: watch::Sender<State>,
}

#[derive(Debug, Default)]
struct Listeners {
    all: HashMap<u64, Listener>,
    next: u64,
    task: Option<AbortHandle>,
}

#[derive(Debug)]
struct Listener {
    form: Form,
    outbox: Arc<Outbox>,
}

/// A socket's place on a channel. Dropping it gives it up.
#[derive(Debug)]
pub(crate) struct Listening {
    hub: Arc<Hub>,
    channel: Arc<Channel>,
    id: u64,
}

impl Hub {
    pub(crate) fn new(backend: BackendCell, counts: Arc<Counts>) -> Arc<Self> {
        Arc::new(Hub { backend, counts, channels: Mutex::default() })
    }

    /// Returns how many channels, or sets of them, are listened to.
    pub(crate) fn channels(&self) -> usize {
        self.channels.lock().len()
    }

    /// Lets a socket listen to channels, as one. What is published after this has answered is received. While the backend cannot
    /// be reached, this waits.
    pub(crate) async fn listen(
        self: &Arc<Self>,
        names: &[Arc<str>],
        form: Form,
        outbox: &Arc<Outbox>,
    ) -> Result<Listening, Error> {
        let listening = self.join(names, Listener { form, outbox: Arc::clone(outbox) });
        running(&listening.channel.state).await?;
        Ok(listening)
    }

    fn join(self: &Arc<Self>, names: &[Arc<str>], listener: Listener) -> Listening {
        let mut channels = self.channels.lock();
        let channel = match channels.get(names) {
            Some(channel) => Arc::clone(channel),
            None => {
                let channel = Arc::new(Channel {
                    names: names.into(),
                    listeners: Mutex::default(),
                    state: watch::Sender::default(),
                });
                channels.insert(Arc::clone(&channel.names), Arc::clone(&channel));
                channel
            }
        };
        let mut listeners = channel.listeners.lock();
        let id = listeners.next;
        listeners.next += 1;
        listeners.all.insert(id, listener);
        if listeners.task.is_none() {
            let task = tokio::spawn(Arc::clone(self).listen_for(Arc::clone(&channel)));
            listeners.task = Some(task.abort_handle());
        }
        drop(listeners);
        Listening { hub: Arc::clone(self), channel, id }
    }

    /// Distributes what is published on a channel, until nobody listens any more and the task is aborted.
    async fn listen_for(self: Arc<Self>, channel: Arc<Channel>) {
        let mut attempts = 0;
        loop {
            match self.subscribe(&channel).await {
                Ok(subscription) => {
                    channel.state.send_replace(State::Running);
                    self.pump(&channel, subscription).await;
                    // The broker was closed; whoever did that also ends the sockets.
                    channel.state.send_replace(State::Failed(Error::Closed));
                    return;
                }
                Err(Error::Unavailable { reason, .. }) => {
                    tracing::debug!(channels = ?channel.names, %reason, "trying again");
                    tokio::time::sleep(backend::pauses().pause(attempts)).await;
                    attempts = attempts.saturating_add(1);
                }
                Err(error) => {
                    channel.state.send_replace(State::Failed(error));
                    self.forget(&channel);
                    return;
                }
            }
        }
    }

    async fn subscribe(&self, channel: &Channel) -> Result<Subscription, Error> {
        let broker = self.backend.broker().await?;
        let topics = channel.names.iter().cloned().map(Topic::Channel).collect();
        broker.backend().subscribe(topics, QUEUE).await
    }

    async fn pump(&self, channel: &Channel, mut subscription: Subscription) {
        while let Some(received) = subscription.next().await {
            match received {
                Received::Message(Message { channel: name, payload, .. }) => {
                    self.counts.received.add(1);
                    let what = What::Message { channel: name, data: Data(payload) };
                    self.distribute(channel, &News::new(what));
                }
                Received::Gap(gap) => self.tell_gap(channel, gap),
                _ => {}
            }
        }
    }

    /// Something may have been missed on any of the channels.
    fn tell_gap(&self, channel: &Channel, gap: Gap) {
        let is_reconnected = gap.reason == GapReason::Reconnected;
        let reason = if is_reconnected { "reconnected" } else { "overflow" };
        for name in &*channel.names {
            let place = Place::Channel(Arc::clone(name));
            let what = What::Gap { place, reason, missed: gap.missed };
            self.distribute(channel, &News::new(what));
        }
    }

    fn distribute(&self, channel: &Channel, news: &News) {
        let listeners = channel.listeners.lock();
        let all = listeners.all.values();
        let delivered = all.filter(|listener| listener.outbox.tell(news, listener.form)).count();
        let is_gap = matches!(news.what(), What::Gap { .. });
        let count = if is_gap { &self.counts.gaps } else { &self.counts.delivered };
        count.add(delivered as u64);
    }

    /// Lets the next one who wants the channel ask the backend again.
    fn forget(&self, channel: &Arc<Channel>) {
        remove(&mut self.channels.lock(), channel);
    }
}

/// Removes a channel, unless another one has taken its place.
fn remove(channels: &mut HashMap<Names, Arc<Channel>>, channel: &Arc<Channel>) {
    if channels.get(&channel.names).is_some_and(|known| Arc::ptr_eq(known, channel)) {
        channels.remove(&channel.names);
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut channels = self.hub.channels.lock();
        let mut listeners = self.channel.listeners.lock();
        listeners.all.remove(&self.id);
        if listeners.all.is_empty() {
            remove(&mut channels, &self.channel);
            listeners.task.take().inspect(AbortHandle::abort);
        }
    }
}

//! The channels that sockets listen to.
//!
//! The backend listens to each channel once, however many sockets there are, and all that comes goes through one queue,
//! in the order in which it came. One task takes it from there, puts it, encoded once, into the queue of each socket, and
//! then sends what it has put in: several messages that came together leave in one write for each socket. It never waits
//! for a socket.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use firth::Error;
use firth::backend::{
    Gap, GapReason, Inbox, Message, Overflow, QueueLimits, Received, Subscription, Topic,
};
use futures_util::{FutureExt as _, StreamExt as _};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::{AbortHandle, yield_now};

use crate::backend::{self, BackendCell};
use crate::counts::Counts;
use crate::news::{Data, Form, News, Place, What};
use crate::outbox::{Outbox, Put};
use crate::state::{State, running};

/// How much waits for the task that distributes it.
const QUEUE: QueueLimits = QueueLimits { messages: 65_536, overflow: Overflow::DropOldest };

/// How many messages are distributed before they are sent, if that many wait.
const BATCH: usize = 64;

/// To how many sockets something is sent before others have their turn.
const TURN: usize = 256;

/// The channels that sockets listen to.
#[derive(Debug)]
pub(crate) struct Hub {
    backend: BackendCell,
    counts: Arc<Counts>,
    /// What all channels put into.
    inbox: Arc<Inbox>,
    channels: Mutex<HashMap<Arc<str>, Arc<Channel>>>,
}

#[derive(Debug)]
struct Channel {
    name: Arc<str>,
    listeners: Mutex<Listeners>,
    state: watch::Sender<State>,
}

#[derive(Debug, Default)]
struct Listeners {
    all: HashMap<u64, Listener>,
    next: u64,
    /// What asks the backend for the channel.
    task: Option<AbortHandle>,
    /// What the backend has answered.
    subscription: Option<Subscription>,
}

#[derive(Clone, Debug)]
struct Listener {
    form: Form,
    outbox: Arc<Outbox>,
}

/// A socket's places on some channels. Dropping it gives them up.
#[derive(Debug)]
pub(crate) struct Listening {
    hub: Arc<Hub>,
    places: Vec<(Arc<Channel>, u64)>,
}

impl Hub {
    pub(crate) fn new(backend: BackendCell, counts: Arc<Counts>) -> Arc<Self> {
        let inbox = Inbox::new(QUEUE);
        let hub = Hub { backend, counts, inbox: Arc::clone(&inbox), channels: Mutex::default() };
        let hub = Arc::new(hub);
        tokio::spawn(pump(Arc::downgrade(&hub), Subscription::new(inbox, ())));
        hub
    }

    /// Returns how many channels are listened to.
    pub(crate) fn channels(&self) -> usize {
        self.channels.lock().len()
    }

    /// Lets a socket listen to channels. What is published after this has answered is received, in the order in which it
    /// was published to all of them. While the backend cannot be reached, this waits.
    pub(crate) async fn listen(
        self: &Arc<Self>,
        names: &[Arc<str>],
        form: Form,
        outbox: &Arc<Outbox>,
    ) -> Result<Listening, Error> {
        let mut listening = Listening { hub: Arc::clone(self), places: Vec::new() };
        for (n, name) in names.iter().enumerate() {
            if !names[..n].contains(name) {
                let listener = Listener { form, outbox: Arc::clone(outbox) };
                listening.places.push(self.join(name, listener));
            }
        }
        for (channel, _) in &listening.places {
            running(&channel.state).await?;
        }
        Ok(listening)
    }

    fn join(self: &Arc<Self>, name: &Arc<str>, listener: Listener) -> (Arc<Channel>, u64) {
        let mut channels = self.channels.lock();
        let new = || {
            let (listeners, state) = (Mutex::default(), watch::Sender::default());
            Arc::new(Channel { name: Arc::clone(name), listeners, state })
        };
        let channel = Arc::clone(channels.entry(Arc::clone(name)).or_insert_with(new));
        let mut listeners = channel.listeners.lock();
        let id = listeners.next;
        listeners.next += 1;
        listeners.all.insert(id, listener);
        if listeners.task.is_none() {
            let task = tokio::spawn(Arc::clone(self).open(Arc::clone(&channel)));
            listeners.task = Some(task.abort_handle());
        }
        drop(listeners);
        (channel, id)
    }

    /// Asks the backend for a channel until it answers, or until nobody listens any more and the task is aborted.
    async fn open(self: Arc<Self>, channel: Arc<Channel>) {
        for attempts in 0.. {
            match self.subscribe(&channel).await {
                Ok(subscription) => {
                    channel.listeners.lock().subscription = Some(subscription);
                    channel.state.send_replace(State::Running);
                    return;
                }
                Err(Error::Unavailable { reason, .. }) => {
                    tracing::debug!(channel = %channel.name, %reason, "trying again");
                    tokio::time::sleep(backend::pauses().pause(attempts)).await;
                }
                Err(error) => {
                    channel.state.send_replace(State::Failed(error));
                    // The next one who wants the channel asks again.
                    remove(&mut self.channels.lock(), &channel);
                    return;
                }
            }
        }
    }

    async fn subscribe(&self, channel: &Channel) -> Result<Subscription, Error> {
        let broker = self.backend.broker().await?;
        let topics = vec![Topic::Channel(Arc::clone(&channel.name))];
        broker.backend().subscribe(topics, Arc::clone(&self.inbox)).await
    }

    /// Puts what has come into the queues of all whom it concerns, and lists those that are to be flushed.
    fn distribute(&self, received: Received, due: &mut Vec<Arc<Outbox>>) {
        match received {
            Received::Message(Message { channel: name, payload, .. }) => {
                self.counts.received.add(1);
                let channel = self.channels.lock().get(&name).cloned();
                let Some(channel) = channel else { return };
                let news = News::new(What::Message { channel: name, data: Data(payload) });
                self.counts.delivered.add(channel.put(&news, due));
            }
            Received::Gap(gap) => {
                let channels: Vec<_> = self.channels.lock().values().cloned().collect();
                let gaps = channels.iter().map(|channel| channel.put(&gap_of(channel, gap), due));
                self.counts.gaps.add(gaps.sum());
            }
            _ => {}
        }
    }

    /// The broker was closed; whoever did that also ends the sockets.
    fn end(&self) {
        let channels: Vec<_> = self.channels.lock().drain().collect();
        for (_, channel) in channels {
            channel.state.send_replace(State::Failed(Error::Closed));
        }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.inbox.end();
    }
}

/// Distributes what is published on all channels, until the broker is closed or nobody has the hub any more.
async fn pump(hub: Weak<Hub>, mut received: Subscription) {
    let mut due = Vec::new();
    while let Some(first) = received.next().await {
        let Some(hub) = hub.upgrade() else { return };
        hub.distribute(first, &mut due);
        for _ in 1..BATCH {
            let Some(Some(next)) = received.next().now_or_never() else { break };
            hub.distribute(next, &mut due);
        }
        for (n, outbox) in due.drain(..).enumerate() {
            outbox.flush();
            if n % TURN == TURN - 1 {
                yield_now().await;
            }
        }
    }
    hub.upgrade().inspect(|hub| hub.end());
}

impl Channel {
    /// Puts news into the queues of all who listen; returns how many that were.
    fn put(&self, news: &News, due: &mut Vec<Arc<Outbox>>) -> u64 {
        let listeners = self.listeners.lock();
        let mut count = 0;
        for Listener { form, outbox } in listeners.all.values() {
            let put = outbox.note(news, *form);
            count += u64::from(put.is_some());
            if put == Some(Put::Due) {
                due.push(Arc::clone(outbox));
            }
        }
        count
    }
}

/// Something may have been missed on a channel.
fn gap_of(channel: &Channel, gap: Gap) -> Arc<News> {
    let is_reconnected = gap.reason == GapReason::Reconnected;
    let reason = if is_reconnected { "reconnected" } else { "overflow" };
    let place = Place::Channel(Arc::clone(&channel.name));
    News::new(What::Gap { place, reason, missed: gap.missed })
}

/// Removes a channel, unless another one has taken its place.
fn remove(channels: &mut HashMap<Arc<str>, Arc<Channel>>, channel: &Arc<Channel>) {
    if channels.get(&channel.name).is_some_and(|known| Arc::ptr_eq(known, channel)) {
        channels.remove(&channel.name);
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut subscriptions = Vec::new();
        let mut channels = self.hub.channels.lock();
        for (channel, id) in self.places.drain(..) {
            let mut listeners = channel.listeners.lock();
            listeners.all.remove(&id);
            if listeners.all.is_empty() {
                remove(&mut channels, &channel);
                listeners.task.take().inspect(AbortHandle::abort);
                subscriptions.extend(listeners.subscription.take());
            }
        }
        drop(channels);
        drop(subscriptions);
    }
}

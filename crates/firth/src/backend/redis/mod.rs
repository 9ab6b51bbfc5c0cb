//! A Firth server, Redis or Valkey: one server, one behind sentinels, or a Cluster.
//!
//! The `redis` crate makes the connections and speaks the protocol. What is done here, because a
//! library that is left alone in production needs it done in a certain way:
//!
//! - **Which connection.** Ordinary requests of all tasks share one connection to each server. Reads
//!   that wait, and transactions that watch, each have one of their own, which is closed when
//!   nobody waits any more. One connection listens, for all subscriptions.
//! - **Time.** An ordinary answer may take 15 seconds, and a waiting read its own time and ten
//!   seconds more; then the connection counts as lost. A wait is cut into pieces of half a minute, so
//!   that a dead connection is found out.
//! - **Sending again.** What certainly was not done (not sent, or redirected, or refused because the
//!   server is not ready) is sent again for a few seconds, and so are requests that change nothing.
//!   A write whose answer was lost is never sent again: that is for the caller to decide.
//! - **Cluster.** Requests go to the primary that has their slot, by a map that is fetched anew when
//!   a node answers that it is wrong, or cannot be reached.

mod command;
mod dial;
mod failure;
mod gauge;
mod inspect;
mod lanes;
mod link;
mod listener;
mod replacing;
mod reply;
mod servers;
mod slot;
mod tls;
mod transaction;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{Client, Cmd, ConnectionInfo, RedisError, Value};
use tokio::time::Instant;

use self::dial::{CONNECT_TIME_MAX, Dial};
use self::failure::Redirect;
use self::gauge::Gauge;
use self::link::{Failed, Link};
use self::listener::Listener;
use self::servers::{Cluster, Servers};
pub(crate) use self::tls::Certificates;
use super::{
    Answer, Backend, Batch, Claim, Claimed, ConsumerInfo, Entry, Feature, Features, GroupChange,
    GroupChanged, GroupRead, HealthWatch, Inbox, Inspected, Inspection, Outcome, Pending,
    PendingQuery, Range, Read, StreamEntries, StreamInfo, Subscription, Topic, Which,
};
use crate::backoff::Backoff;
use crate::{Error, Refusal};

/// For how long a request that was not carried out is sent again.
const PATIENCE: Duration = Duration::from_secs(8);

/// A Firth server, Redis or Valkey.
#[derive(Debug)]
pub(crate) struct Remote {
    servers: Arc<Servers>,
    listener: Listener,
    gauge: Arc<Gauge>,
    features: Features,
}

/// Whether a request may be sent again although it may have been carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    /// It changes nothing.
    Harmless,
    /// Only the caller can say.
    Never,
}

impl Remote {
    /// Connects to one server.
    pub(crate) async fn connect(info: ConnectionInfo) -> Result<Self, Error> {
        let name = info.addr().to_string().into();
        let client = Client::open(info).map_err(|error| failure::of(&error))?;
        Remote::connect_one(name, Dial::Fixed(Box::new(client))).await
    }

    /// Connects to the server that sentinels name as the primary of a service.
    pub(crate) async fn connect_by_sentinels(
        sentinels: Vec<ConnectionInfo>,
        service: &str,
        certificates: Option<&Certificates>,
    ) -> Result<Self, Error> {
        let settings = sentinels.first().map(|info| info.redis_settings().clone());
        let addresses = sentinels.into_iter().map(|info| info.addr().clone());
        let build = || {
            let mut builder =
                SentinelClientBuilder::new(addresses, service, SentinelServerType::Master)?;
            if let Some(settings) = settings {
                builder = builder.set_client_to_redis_db(settings.db());
                if let Some(user) = settings.username() {
                    builder = builder.set_client_to_redis_username(user);
                }
                if let Some(password) = settings.password() {
                    builder = builder.set_client_to_redis_password(password);
                }
            }
            match certificates {
                None => builder.build(),
                Some(certificates) => certificates.secure_primary(builder).build(),
            }
        };
        let client = build().map_err(|error| failure::of(&error))?;
        let dial = Dial::Sentinel(Arc::new(tokio::sync::Mutex::new(client)));
        Remote::connect_one(service.into(), dial).await
    }

    async fn connect_one(name: Arc<str>, dial: Dial) -> Result<Self, Error> {
        let gauge = Gauge::new();
        let link = Link::open(name, dial, CONNECT_TIME_MAX, Arc::clone(&gauge)).await;
        let link = link.map_err(|error| unreachable(&error))?;
        let features = Features::none();
        let features = features.with(Feature::AtomicAcrossKeys).with(Feature::CountsReceivers);
        Remote::of(Servers::One(link), gauge, features).await
    }

    /// Connects to a Cluster, of which some nodes are known.
    pub(crate) async fn connect_cluster(seeds: Vec<ConnectionInfo>) -> Result<Self, Error> {
        let gauge = Gauge::new();
        let cluster = Cluster::open(seeds, Arc::clone(&gauge)).await?;
        Remote::of(Servers::Cluster(cluster), gauge, Features::none()).await
    }

    async fn of(servers: Servers, gauge: Arc<Gauge>, features: Features) -> Result<Self, Error> {
        let servers = Arc::new(servers);
        let listener = Listener::start(Arc::clone(&servers), Arc::clone(&gauge));
        let mut remote = Remote { servers, listener, gauge, features };
        let told =
            [("XIDMPRECORD", Feature::IdempotentAppend), (command::RETAIN, Feature::Retention)];
        for (command, feature) in told {
            if remote.knows(command).await? {
                remote.features = remote.features.with(feature);
            }
        }
        Ok(remote)
    }

    /// Says whether the server has a command, as far as it tells.
    async fn knows(&self, name: &str) -> Result<bool, Error> {
        let mut command = redis::cmd("COMMAND");
        let answer = self.servers.any().await?.send(command.arg("INFO").arg(name)).await;
        let known = answer.ok().and_then(|value| reply::array(value).ok());
        Ok(known.is_some_and(|known| known.iter().any(|entry| *entry != Value::Nil)))
    }

    /// Sends a command to the server of a key and returns its answer.
    async fn run(&self, key: &str, command: &Cmd, again: Again) -> Result<Value, Error> {
        let mut turns = Turns::new();
        loop {
            if self.gauge.is_closed() {
                return Err(Error::Closed);
            }
            let error = match self.send(key, command).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            turns.next(self, error, again).await?;
        }
    }

    async fn send(&self, key: &str, command: &Cmd) -> Result<Value, Failed> {
        let link = self.servers.of(key).await.map_err(Failed::Before)?;
        let error = match checked(link.send(command).await) {
            Err(Failed::Answer(error)) => error,
            answer => return answer,
        };
        match failure::redirect(&error) {
            Some(Redirect::Ask(address)) => {
                let link = self.servers.at(&address).await.map_err(Failed::Before)?;
                let mut commands = redis::Pipeline::new();
                commands.add_command(redis::cmd("ASKING")).add_command(command.clone());
                let answers = link.send_all(&commands).await?;
                checked(Ok(answers.into_iter().next_back().unwrap_or(Value::Nil)))
            }
            _ => Err(Failed::Answer(error)),
        }
    }

    /// Refuses a request about keys that do not live together.
    fn check_together<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k Arc<str>>,
    ) -> Result<(), Error> {
        match self.servers.are_together(keys) {
            true => Ok(()),
            false => Err(Refusal::CrossSlot.into()),
        }
    }

    async fn info(&self, stream: &str) -> Result<Option<StreamInfo>, Error> {
        let xinfo = |what: &str| redis::cmd("XINFO").arg(what).arg(stream).take();
        let answer = self.run(stream, &xinfo("STREAM"), Again::Harmless).await;
        let mut info = match answer.and_then(reply::stream_info) {
            Err(Error::Refused(Refusal::NoStream)) => return Ok(None),
            info => info?,
        };
        let answer = self.run(stream, &xinfo("GROUPS"), Again::Harmless).await;
        match answer.and_then(reply::groups) {
            Err(Error::Refused(Refusal::NoStream)) => return Ok(None),
            groups => info.groups = groups?,
        }
        info.groups.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Some(info))
    }
}

/// Decides whether and when a request is sent again.
struct Turns {
    until: Instant,
    attempts: u32,
}

impl Turns {
    fn new() -> Self {
        Turns { until: Instant::now() + PATIENCE, attempts: 0 }
    }

    /// Waits for the next turn, or returns the error if there is none.
    async fn next(&mut self, remote: &Remote, failed: Failed, again: Again) -> Result<(), Error> {
        let is_redirected = match &failed {
            Failed::Before(Error::Unavailable { .. }) => {
                remote.servers.doubt().await;
                false
            }
            Failed::Answer(error) if failure::is_unready(error) => {
                remote.servers.demoted_by(error).await;
                false
            }
            Failed::Answer(error) if failure::redirect(error).is_some() => {
                remote.servers.doubt().await;
                true
            }
            Failed::Answer(error) if failure::is_connection_lost(error) => {
                remote.servers.doubt().await;
                if again == Again::Never {
                    return Err(failed.into());
                }
                false
            }
            _ => return Err(failed.into()),
        };
        if Instant::now() >= self.until {
            return Err(failed.into());
        }
        self.attempts += 1;
        // The first time, a redirection names the right place.
        if !is_redirected || self.attempts > 1 {
            tokio::time::sleep(Backoff::connecting().pause(self.attempts)).await;
        }
        Ok(())
    }
}

/// Takes an answer that is an error for one.
fn checked(answer: Result<Value, Failed>) -> Result<Value, Failed> {
    match answer? {
        Value::ServerError(error) => Err(Failed::Answer(error.into())),
        value => Ok(value),
    }
}

/// A first connection that cannot be made: nothing has been asked of the server yet.
fn unreachable(error: &RedisError) -> Error {
    match failure::of(error) {
        Error::Unavailable { reason, .. } => {
            Error::Unavailable { reason, effect: crate::Effect::None }
        }
        other => other,
    }
}

impl Backend for Remote {
    fn features(&self) -> Features {
        self.features
    }

    fn health(&self) -> HealthWatch {
        self.gauge.watch()
    }

    fn write(&self, batch: Batch) -> Answer<'_, Vec<Outcome>> {
        self.write_batch(batch).boxed()
    }

    fn range(&self, range: Range) -> Answer<'_, Vec<Entry>> {
        async move {
            let command = command::range(&range);
            let answer = self.run(&range.stream, &command, Again::Harmless).await?;
            reply::entries(answer)
        }
        .boxed()
    }

    fn read(&self, read: Read) -> Answer<'_, Vec<StreamEntries>> {
        self.read_streams(read).boxed()
    }

    fn read_group(&self, read: GroupRead) -> Answer<'_, Vec<Entry>> {
        self.read_for_group(read).boxed()
    }

    fn change_group(&self, change: GroupChange) -> Answer<'_, GroupChanged> {
        self.change(change).boxed()
    }

    fn claim(&self, claim: Claim) -> Answer<'_, Claimed> {
        async move {
            if matches!(&claim.which, Which::Ids(ids) if ids.is_empty()) {
                return Ok(Claimed::default());
            }
            let answer = self.run(&claim.stream, &command::claim(&claim), Again::Never).await?;
            match claim.which {
                Which::Ids(_) => reply::claimed(answer),
                Which::From { .. } => reply::auto_claimed(answer),
            }
        }
        .boxed()
    }

    fn pending(&self, query: PendingQuery) -> Answer<'_, Vec<Pending>> {
        async move {
            let command = command::pending(&query);
            reply::pending(self.run(&query.stream, &command, Again::Harmless).await?)
        }
        .boxed()
    }

    fn stream_info(&self, stream: Arc<str>) -> Answer<'_, Option<StreamInfo>> {
        async move { self.info(&stream).await }.boxed()
    }

    fn consumers(&self, stream: Arc<str>, group: Arc<str>) -> Answer<'_, Vec<ConsumerInfo>> {
        async move {
            let mut command = redis::cmd("XINFO");
            command.arg("CONSUMERS").arg(&*stream).arg(&*group);
            match self.run(&stream, &command, Again::Harmless).await.and_then(reply::consumers) {
                Err(Error::Refused(Refusal::NoStream)) => Err(Refusal::NoGroup.into()),
                consumers => consumers,
            }
        }
        .boxed()
    }

    fn value(&self, key: Arc<str>) -> Answer<'_, Option<Bytes>> {
        async move {
            let mut command = redis::cmd("GET");
            match self.run(&key, command.arg(&*key), Again::Harmless).await? {
                Value::Nil => Ok(None),
                value => reply::bytes(value).map(Some),
            }
        }
        .boxed()
    }

    fn publish(&self, channel: Arc<str>, payload: Bytes) -> Answer<'_, u64> {
        async move {
            let mut command = redis::cmd("PUBLISH");
            command.arg(&*channel).arg(&payload[..]);
            reply::number(self.run(&channel, &command, Again::Never).await?)
        }
        .boxed()
    }

    fn subscribe(&self, topics: Vec<Topic>, inbox: Arc<Inbox>) -> Answer<'_, Subscription> {
        async move {
            match self.gauge.is_closed() {
                true => Err(Error::Closed),
                false => self.listener.subscribe(topics, inbox).await,
            }
        }
        .boxed()
    }

    fn inspect(&self, inspection: Inspection) -> Answer<'_, Inspected> {
        self.inspected(inspection).boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.gauge.close();
        self.listener.close();
        self.servers.close();
        ready(()).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_failure_is_not_said_to_have_done_something() {
        let error = RedisError::from(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
        let unreachable = unreachable(&error);
        assert!(matches!(unreachable, Error::Unavailable { effect: crate::Effect::None, .. }));
    }
}

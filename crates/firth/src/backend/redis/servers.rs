//! The servers of a broker, and which of them has a key.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use redis::{Client, ConnectionInfo, IntoConnectionInfo as _, RedisError, Value};

use super::dial::Dial;
use super::gauge::Gauge;
use super::link::{Failed, Link};
use super::{failure, reply, slot, tls};
use crate::{Effect, Error};

/// How long a request waits for a lost connection to a node before it is asked whether another node
/// has taken over.
const NODE_PATIENCE: Duration = Duration::from_millis(200);

/// The servers of a broker.
#[derive(Debug)]
pub(super) enum Servers {
    /// One server has all keys.
    One(Arc<Link>),
    /// Each has the keys of some slots.
    Cluster(Arc<Cluster>),
}

/// The primaries of a Cluster.
#[derive(Debug)]
pub(super) struct Cluster {
    /// Where the Cluster is asked for its primaries when none of those known answers.
    seeds: Vec<ConnectionInfo>,
    gauge: Arc<Gauge>,
    map: Mutex<SlotMap>,
    /// Held while the map is fetched, so that many who need it ask once.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct SlotMap {
    /// Counts the maps that were fetched.
    version: u64,
    ranges: Vec<SlotRange>,
    links: HashMap<Arc<str>, Arc<Link>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct SlotRange {
    first: u16,
    last: u16,
    address: Arc<str>,
}

impl Servers {
    /// Returns the server that has a key.
    pub(super) async fn of(&self, key: &str) -> Result<Arc<Link>, Error> {
        match self {
            Servers::One(link) => Ok(Arc::clone(link)),
            Servers::Cluster(cluster) => cluster.of(key).await,
        }
    }

    /// Returns any server.
    pub(super) async fn any(&self) -> Result<Arc<Link>, Error> {
        match self {
            Servers::One(link) => Ok(Arc::clone(link)),
            Servers::Cluster(cluster) => cluster.any().await,
        }
    }

    /// Returns all servers that have keys.
    pub(super) async fn every(&self) -> Result<Vec<Arc<Link>>, Error> {
        match self {
            Servers::One(link) => Ok(vec![Arc::clone(link)]),
            Servers::Cluster(cluster) => cluster.every().await,
        }
    }

    /// Returns the server at this address.
    pub(super) async fn at(&self, address: &str) -> Result<Arc<Link>, Error> {
        match self {
            Servers::One(link) => Ok(Arc::clone(link)),
            Servers::Cluster(cluster) => cluster.at(&address.into()).await,
        }
    }

    /// Notes that the server of a key cannot be reached, or has turned out not to have it.
    pub(super) async fn doubt(&self) {
        if let Servers::Cluster(cluster) = self {
            let version = cluster.map.lock().version;
            // Those who ask next fail with the same reason if this does.
            let _fetched = cluster.fetch(version).await;
        }
    }

    /// Notes that a server is not ready to do what was asked, most of all because it has become a
    /// replica.
    pub(super) async fn demoted_by(&self, error: &RedisError) {
        match self {
            // The sentinels, if there are any, know who has taken over.
            Servers::One(link) if failure::is_replica(error) => link.leave(error),
            Servers::One(_) => {}
            Servers::Cluster(_) => self.doubt().await,
        }
    }

    /// Says whether keys live together, so that one request can be about all of them.
    pub(super) fn are_together<'k>(&self, keys: impl IntoIterator<Item = &'k Arc<str>>) -> bool {
        let mut slots = keys.into_iter().map(|key| slot::of(key));
        match self {
            Servers::One(_) => true,
            Servers::Cluster(_) => slots.next().is_none_or(|first| slots.all(|slot| slot == first)),
        }
    }

    /// Lets all connections go.
    pub(super) fn close(&self) {
        match self {
            Servers::One(link) => link.close(),
            Servers::Cluster(cluster) => {
                let links = std::mem::take(&mut cluster.map.lock().links);
                links.into_values().for_each(|link| link.close());
            }
        }
    }
}

impl Cluster {
    /// Finds the primaries of a Cluster.
    pub(super) async fn open(
        seeds: Vec<ConnectionInfo>,
        gauge: Arc<Gauge>,
    ) -> Result<Arc<Self>, Error> {
        let (map, fetching) = (Mutex::default(), tokio::sync::Mutex::default());
        let cluster = Arc::new(Cluster { seeds, gauge, map, fetching });
        cluster.fetch(0).await?;
        Ok(cluster)
    }

    async fn of(self: &Arc<Self>, key: &str) -> Result<Arc<Link>, Error> {
        let slot = slot::of(key);
        let (address, version) = {
            let map = self.map.lock();
            (map.address(slot), map.version)
        };
        let address = match address {
            Some(address) => address,
            None => {
                self.fetch(version).await?;
                let address = self.map.lock().address(slot);
                let nobody = || Error::unavailable("nobody has the key's slot", Effect::None);
                address.ok_or_else(nobody)?
            }
        };
        self.at(&address).await
    }

    async fn any(&self) -> Result<Arc<Link>, Error> {
        let addresses: Vec<Arc<str>> = {
            let map = self.map.lock();
            map.ranges.iter().map(|range| Arc::clone(&range.address)).collect()
        };
        let mut failed = Error::unavailable("the Cluster has no primaries", Effect::None);
        for address in addresses {
            match self.at(&address).await {
                Ok(link) => return Ok(link),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    async fn every(&self) -> Result<Vec<Arc<Link>>, Error> {
        let addresses: BTreeSet<Arc<str>> = {
            let map = self.map.lock();
            map.ranges.iter().map(|range| Arc::clone(&range.address)).collect()
        };
        let mut links = Vec::with_capacity(addresses.len());
        for address in addresses {
            links.push(self.at(&address).await?);
        }
        Ok(links)
    }

    async fn at(&self, address: &Arc<str>) -> Result<Arc<Link>, Error> {
        if let Some(link) = self.map.lock().links.get(address) {
            return Ok(Arc::clone(link));
        }
        let link = match self.connect(address).await {
            Ok(link) => link,
            Err(error) => {
                self.gauge.lost(address, 1, &error.to_string());
                return Err(Error::unavailable(&format!("{address}: {error}"), Effect::None));
            }
        };
        self.gauge.restored(address);
        // Whoever else has connected meanwhile was faster.
        let mut map = self.map.lock();
        Ok(Arc::clone(map.links.entry(Arc::clone(address)).or_insert(link)))
    }

    async fn connect(&self, address: &Arc<str>) -> Result<Arc<Link>, RedisError> {
        let client = Client::open(self.info_of(address)?)?;
        let gauge = Arc::clone(&self.gauge);
        Link::open(Arc::clone(address), Dial::Fixed(Box::new(client)), NODE_PATIENCE, gauge).await
    }

    /// Returns how to connect to a node: as to the seeds, but there.
    fn info_of(&self, address: &str) -> Result<ConnectionInfo, RedisError> {
        let info = format!("redis://{address}").into_connection_info()?;
        Ok(match self.seeds.first() {
            Some(seed) => seed.clone().set_addr(tls::secured_as(seed.addr(), info.addr().clone())),
            None => info,
        })
    }

    /// Fetches the map of slots, unless a newer one than this version has come meanwhile.
    ///
    /// A task of its own does it: who asks may not be polled for a while, as a read that waits is not
    /// while its worker does something else, and must not hold up those who wait for the same.
    async fn fetch(self: &Arc<Self>, version: u64) -> Result<(), Error> {
        let cluster = Arc::clone(self);
        let fetched = tokio::spawn(async move { cluster.fetch_once(version).await });
        // The task ends early only with its runtime.
        fetched.await.unwrap_or(Err(Error::Closed))
    }

    async fn fetch_once(&self, version: u64) -> Result<(), Error> {
        let _fetching = self.fetching.lock().await;
        if self.map.lock().version != version {
            return Ok(());
        }
        let ranges = self.ask_those_known().await?;
        self.install(ranges);
        Ok(())
    }

    /// Asks those that are connected, then the seeds, then all others that were named.
    async fn ask_those_known(&self) -> Result<Vec<SlotRange>, Error> {
        let (connected, named) = {
            let map = self.map.lock();
            let connected: Vec<Arc<Link>> = map.links.values().cloned().collect();
            let named = map.ranges.iter().map(|range| &range.address);
            let named = named.filter(|address| !map.links.contains_key(*address));
            (connected, named.cloned().collect::<BTreeSet<Arc<str>>>())
        };
        let mut failed = Error::unavailable("the Cluster has no nodes", Effect::None);
        for link in connected {
            match fetch_from(&link).await {
                Ok(ranges) => return Ok(ranges),
                Err(error) => failed = error,
            }
        }
        for seed in &self.seeds {
            match self.fetch_from_seed(seed).await {
                Ok(ranges) => return Ok(ranges),
                Err(error) => failed = error,
            }
        }
        for address in named {
            match self.connect(&address).await {
                Ok(link) => match fetch_from(&link).await {
                    Ok(ranges) => return Ok(ranges),
                    Err(error) => failed = error,
                },
                Err(error) => failed = failure::of(&error),
            }
        }
        Err(failed)
    }

    async fn fetch_from_seed(&self, seed: &ConnectionInfo) -> Result<Vec<SlotRange>, Error> {
        let name: Arc<str> = seed.addr().to_string().into();
        let client = Client::open(seed.clone()).map_err(|error| failure::of(&error))?;
        let gauge = Arc::clone(&self.gauge);
        let link = Link::open(name, Dial::Fixed(Box::new(client)), NODE_PATIENCE, gauge).await;
        fetch_from(&link.map_err(|error| failure::of(&error))?).await
    }

    fn install(&self, ranges: Vec<SlotRange>) {
        let mut map = self.map.lock();
        let is_known = |address: &Arc<str>| ranges.iter().any(|range| range.address == *address);
        let (kept, gone) =
            std::mem::take(&mut map.links).into_iter().partition(|(address, _)| is_known(address));
        map.links = kept;
        map.ranges = ranges;
        map.version += 1;
        drop(map);
        // A link that goes takes its state out of the gauge, which must not happen under the lock.
        let gone: HashMap<Arc<str>, Arc<Link>> = gone;
        gone.into_keys().for_each(|address| self.gauge.restored(&address));
    }
}

impl SlotMap {
    fn address(&self, slot: u16) -> Option<Arc<str>> {
        let range = self.ranges.iter().find(|range| (range.first..=range.last).contains(&slot));
        range.map(|range| Arc::clone(&range.address))
    }
}

async fn fetch_from(link: &Arc<Link>) -> Result<Vec<SlotRange>, Error> {
    let mut command = redis::cmd("CLUSTER");
    let answer = link.send(command.arg("SLOTS")).await.map_err(|failed| match failed {
        Failed::Before(error) => error,
        Failed::Answer(error) => failure::of(&error),
    });
    let asked = link.name().rsplit_once(':').map_or(&**link.name(), |(host, _)| host);
    slot_ranges(answer?, asked)
}

/// Reads `CLUSTER SLOTS`: first and last slot, then the primary's host and port, then its replicas.
/// A node that does not know its own host leaves it out.
fn slot_ranges(value: Value, asked: &str) -> Result<Vec<SlotRange>, Error> {
    let range = |value| {
        let mut parts = reply::array(value)?.into_iter();
        let mut part = || parts.next().unwrap_or(Value::Nil);
        let (first, last) = (reply::number(part())?, reply::number(part())?);
        let mut node = reply::array(part())?.into_iter();
        let host = match node.next().unwrap_or(Value::Nil) {
            Value::Nil => "".into(),
            host => reply::text(host)?,
        };
        let port = reply::number(node.next().unwrap_or(Value::Nil))?;
        let host = if host.is_empty() || &*host == "?" { asked } else { &host };
        let slot = |slot: u64| u16::try_from(slot).unwrap_or(u16::MAX);
        let address = format!("{host}:{port}").into();
        Ok(SlotRange { first: slot(first), last: slot(last), address })
    };
    reply::array(value)?.into_iter().map(range).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    #[test]
    fn ranges_of_slots() {
        let text = |text: &str| Value::BulkString(text.into());
        let node = |host, port| Value::Array(vec![host, Value::Int(port), text("id")]);
        let range =
            |first, last, node| Value::Array(vec![Value::Int(first), Value::Int(last), node]);
        let reply = Value::Array(vec![
            range(0, 99, node(text("10.0.0.1"), 7000)),
            range(100, 16_383, node(Value::Nil, 7001)),
        ]);
        let ranges = slot_ranges(reply, "127.0.0.1").unwrap();
        let map = SlotMap { ranges, ..SlotMap::default() };
        assert_eq!(map.address(99).as_deref(), Some("10.0.0.1:7000"));
        assert_eq!(map.address(100).as_deref(), Some("127.0.0.1:7001"));
        assert_eq!(map.address(16_383).as_deref(), Some("127.0.0.1:7001"));
        assert_eq!(slot::SLOTS, 16_384);
    }
}

//! The catalogue: all streams and their groups, as they were a moment ago.
//!
//! No server can sort its streams, so they are looked at one by one, some at a time, and what was found is kept for a
//! while. A catalogue is made anew when somebody asks for one that is older than five seconds, or than four times as
//! long as making it takes, so that the backend spends at most a fifth of its time on that. Whoever asks gets the one
//! that is there meanwhile, unless it is half a minute old.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use firth::backend::{Backend, GroupInfo, Inspected, Inspection, StreamInfo};
use firth::{Broker, EntryId, Error};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::time::Instant;

use super::problem::Problem;
use crate::clock::unix_time_ms;

/// The most streams that are listed.
const STREAMS_MAX: usize = 100_000;

/// How many streams are looked at at a time.
const LOOKS: usize = 64;

/// How many sizes are asked for at a time.
const SIZES: usize = 500;

const AGE_MIN: Duration = Duration::from_secs(5);
const AGE_MAX: Duration = Duration::from_secs(30);

/// How many lags of a group are kept.
const TREND_MAX: usize = 60;

/// What the name of a stream of dead letters ends with.
const DEAD: &str = ":dead";

/// All streams and their groups.
#[derive(Debug)]
pub(crate) struct Catalogue {
    pub(crate) made_ms: u64,
    pub(crate) is_complete: bool,
    pub(crate) streams: Vec<StreamRow>,
    pub(crate) groups: Vec<GroupRow>,
    made: Instant,
    took: Duration,
}

/// A stream.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StreamRow {
    pub(crate) name: Arc<str>,
    pub(crate) length: u64,
    pub(crate) bytes: Option<u64>,
    pub(crate) rate_per_s: Option<f64>,
    pub(crate) added: u64,
    pub(crate) first_id: Option<EntryId>,
    pub(crate) last_id: EntryId,
    pub(crate) oldest_ms: Option<u64>,
    pub(crate) newest_ms: Option<u64>,
    pub(crate) groups: usize,
    /// Of the group that is furthest behind.
    pub(crate) lag: Option<u64>,
    pub(crate) pending: u64,
    pub(crate) dead_letter: bool,
}

/// A group.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupRow {
    pub(crate) stream: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) consumers: u64,
    pub(crate) pending: u64,
    pub(crate) lag: Option<u64>,
    pub(crate) lag_ms: Option<u64>,
    pub(crate) last_delivered: EntryId,
    pub(crate) trend: VecDeque<Option<u64>>,
}

/// The newest catalogue, and who makes the next.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    newest: Mutex<Option<Arc<Catalogue>>>,
    /// Held while one is made, so that many who ask make one.
    making: tokio::sync::Mutex<()>,
}

/// Which catalogue will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// A recent one.
    Recent,
    /// One that is made from now on.
    Fresh,
}

impl Shelf {
    /// Returns the newest catalogue, if one was ever made.
    pub(crate) fn newest(&self) -> Option<Arc<Catalogue>> {
        self.newest.lock().clone()
    }

    /// Says whether it is time for another.
    pub(crate) fn is_due(&self) -> bool {
        self.newest().is_none_or(|newest| newest.is_due())
    }

    /// Returns a catalogue, and has the next one made if it is time.
    pub(crate) async fn get(
        self: &Arc<Self>,
        broker: &Broker,
        wanted: Wanted,
    ) -> Result<Arc<Catalogue>, Problem> {
        let asked = Instant::now();
        let newest = self.newest().filter(|_| wanted == Wanted::Recent);
        if let Some(newest) = newest.filter(|newest| newest.made.elapsed() < AGE_MAX) {
            if newest.is_due() && self.making.try_lock().is_ok() {
                let (shelf, broker) = (Arc::clone(self), broker.clone());
                tokio::spawn(async move { shelf.make(&broker, asked).await });
            }
            return Ok(newest);
        }
        Ok(self.make(broker, asked).await?)
    }

    /// Makes a catalogue, unless somebody else has begun one since a time.
    async fn make(&self, broker: &Broker, asked: Instant) -> Result<Arc<Catalogue>, Error> {
        let _making = self.making.lock().await;
        let before = self.newest();
        if let Some(newest) = before.as_ref().filter(|newest| newest.made - newest.took >= asked) {
            return Ok(Arc::clone(newest));
        }
        let made = Arc::new(Catalogue::make(broker.backend(), before.as_deref()).await?);
        *self.newest.lock() = Some(Arc::clone(&made));
        Ok(made)
    }
}

impl Catalogue {
    fn is_due(&self) -> bool {
        self.made.elapsed() > AGE_MIN.max(self.took * 4)
    }

    async fn make(backend: &Arc<dyn Backend>, before: Option<&Catalogue>) -> Result<Self, Error> {
        let begun = Instant::now();
        let limit = STREAMS_MAX;
        let (names, is_complete) = match backend.inspect(Inspection::Streams { limit }).await? {
            Inspected::Streams(names) => (names.names, names.is_complete),
            _ => (Vec::new(), true),
        };
        let look = |name: Arc<str>| async move {
            match backend.stream_info(Arc::clone(&name)).await {
                Ok(info) => Ok(info.map(|info| (name, info))),
                // It has become something else meanwhile.
                Err(Error::Refused(_)) => Ok(None),
                Err(error) => Err(error),
            }
        };
        let looks = stream::iter(names.iter().cloned()).map(look).buffered(LOOKS);
        let infos: Vec<Option<(Arc<str>, StreamInfo)>> = looks.try_collect().await?;
        let mut infos: Vec<(Arc<str>, StreamInfo)> = infos.into_iter().flatten().collect();
        // Their content is not needed, and may be large.
        for (_, info) in &mut infos {
            info.first.iter_mut().chain(&mut info.last).for_each(|entry| {
                entry.fields = firth::backend::Fields::new();
            });
        }
        let mut sizes = Vec::with_capacity(infos.len());
        for infos in infos.chunks(SIZES) {
            let keys = infos.iter().map(|(name, _)| Arc::clone(name)).collect();
            sizes.extend(sizes_of(backend, keys).await?);
        }
        let (made, made_ms) = (Instant::now(), unix_time_ms());
        let since_ms = before.map(|before| made_ms.saturating_sub(before.made_ms));
        let known = Known::of(before);
        let groups = infos.iter().flat_map(|(name, info)| {
            info.groups.iter().map(|group| known.continued(GroupRow::of(name, info, group)))
        });
        let groups = groups.collect();
        let rows = infos.iter().zip(sizes).map(|((name, info), bytes)| {
            let row = StreamRow::of(name, info, bytes);
            known.with_rate(row, since_ms)
        });
        let streams = rows.collect();
        Ok(Catalogue { made_ms, is_complete, streams, groups, made, took: made - begun })
    }
}

/// Returns how many bytes keys take; nothing is known of them if the backend does not tell.
pub(crate) async fn sizes_of(
    backend: &Arc<dyn Backend>,
    keys: Vec<Arc<str>>,
) -> Result<Vec<Option<u64>>, Error> {
    let count = keys.len();
    match backend.inspect(Inspection::Sizes(keys)).await {
        Ok(Inspected::Sizes(sizes)) => Ok(sizes),
        Ok(_) | Err(Error::Refused(_) | Error::Server { .. }) => Ok(vec![None; count]),
        Err(error) => Err(error),
    }
}

/// What the catalogue before knew.
struct Known<'c> {
    added: HashMap<&'c str, u64>,
    trends: HashMap<(&'c str, &'c str), &'c VecDeque<Option<u64>>>,
}

impl<'c> Known<'c> {
    fn of(before: Option<&'c Catalogue>) -> Self {
        let Some(before) = before else {
            return Known { added: HashMap::new(), trends: HashMap::new() };
        };
        let added = before.streams.iter().map(|row| (&*row.name, row.added)).collect();
        let trends = before.groups.iter().map(|row| ((&*row.stream, &*row.name), &row.trend));
        Known { added, trends: trends.collect() }
    }

    fn continued(&self, mut row: GroupRow) -> GroupRow {
        let before = self.trends.get(&(&*row.stream, &*row.name));
        let mut trend = before.map(|trend| (*trend).clone()).unwrap_or_default();
        if trend.len() >= TREND_MAX {
            trend.pop_front();
        }
        trend.push_back(row.lag);
        row.trend = trend;
        row
    }

    fn with_rate(&self, mut row: StreamRow, since_ms: Option<u64>) -> StreamRow {
        if let (Some(before), Some(since_ms @ 1..)) = (self.added.get(&*row.name), since_ms) {
            let added = row.added.saturating_sub(*before);
            row.rate_per_s = Some(added as f64 * 1000.0 / since_ms as f64);
        }
        row
    }
}

impl StreamRow {
    pub(crate) fn of(name: &Arc<str>, info: &StreamInfo, bytes: Option<u64>) -> Self {
        let (first, last) = (info.first.as_ref(), info.last.as_ref());
        StreamRow {
            name: Arc::clone(name),
            length: info.len,
            bytes,
            rate_per_s: None,
            added: info.entries_added,
            first_id: first.map(|entry| entry.id),
            last_id: info.last_id,
            oldest_ms: first.map(|entry| entry.id.ms),
            newest_ms: last.map(|entry| entry.id.ms),
            groups: info.groups.len(),
            lag: info.groups.iter().filter_map(|group| group.lag).max(),
            pending: info.groups.iter().map(|group| group.pending).sum(),
            dead_letter: is_dead_letters(name),
        }
    }
}

impl GroupRow {
    pub(crate) fn of(stream: &Arc<str>, info: &StreamInfo, group: &GroupInfo) -> Self {
        let behind_ms = info.last_id.ms.saturating_sub(group.last_delivered.ms);
        let lag_ms = match group.lag {
            Some(0) => Some(0),
            // Nothing was delivered to it yet: it is behind by the whole stream.
            _ if group.last_delivered == EntryId::MIN => {
                info.first.as_ref().map(|first| info.last_id.ms.saturating_sub(first.id.ms))
            }
            _ => Some(behind_ms),
        };
        GroupRow {
            stream: Arc::clone(stream),
            name: Arc::clone(&group.name),
            consumers: group.consumers,
            pending: group.pending,
            lag: group.lag,
            lag_ms,
            last_delivered: group.last_delivered,
            trend: VecDeque::from([group.lag]),
        }
    }
}

/// Says whether a stream is one of dead letters, as far as its name tells.
pub(crate) fn is_dead_letters(name: &str) -> bool {
    name.ends_with(DEAD)
}

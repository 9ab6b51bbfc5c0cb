//! The overview: how everything is, at a glance, and how it has been in the last half hour.
//!
//! While somebody looks, and for ten minutes more, a task takes a sample every two seconds.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use firth::backend::{Inspected, Inspection, Record};
use firth::{Broker, Error, Health};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::ask::Ask;
use super::catalogue::{Catalogue, Wanted};
use super::channels;
use super::health;
use super::problem::Problem;
use super::routes::Answer;
use crate::clock::unix_time_ms;
use crate::gateway::Shared;

/// How often a sample is taken.
const SAMPLE_EVERY: Duration = Duration::from_secs(2);

/// How many samples are kept.
const SAMPLES_MAX: usize = 900;

/// For how long samples are taken when nobody looks.
const LOOK_TIME_MAX: Duration = Duration::from_secs(600);

/// What is known of how everything is.
#[derive(Debug, Default)]
pub(crate) struct Trend {
    samples: Mutex<VecDeque<Value>>,
    /// The newest overview, without the samples.
    newest: watch::Sender<Option<Arc<Value>>>,
    looked: Mutex<Option<Instant>>,
}

/// The counters of a moment, from which rates are made.
#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    at_ms: u64,
    commands: Option<u64>,
    in_bytes: Option<u64>,
    out_bytes: Option<u64>,
}

/// The numbers of all servers.
pub(crate) struct Reports(pub(crate) Vec<Record>);

impl Reports {
    /// Adds up what the servers that know a number say of it.
    pub(crate) fn sum(&self, name: &str) -> Option<u64> {
        self.0.iter().filter_map(|record| record.number(name)).reduce(u64::saturating_add)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find_map(|record| record.get(name))
    }

    fn kind(&self) -> &'static str {
        match self.0.first() {
            Some(record) if &*record.node == "embedded" => "embedded",
            _ if self.text("firth_version").is_some() => "firth",
            _ if self.text("valkey_version").is_some() => "valkey",
            _ => "redis",
        }
    }

    fn version(&self) -> Option<&str> {
        ["firth_version", "valkey_version", "redis_version"].iter().find_map(|name| self.text(name))
    }

    fn counters(&self) -> Counters {
        Counters {
            at_ms: unix_time_ms(),
            commands: self.sum("total_commands_processed"),
            in_bytes: self.sum("total_net_input_bytes"),
            out_bytes: self.sum("total_net_output_bytes"),
        }
    }
}

impl Trend {
    /// Follows the overview: has samples taken, and returns what sees each.
    pub(crate) fn follow(&self, shared: &Arc<Shared>) -> watch::Receiver<Option<Arc<Value>>> {
        let mut looked = self.looked.lock();
        if looked.replace(Instant::now()).is_none() {
            tokio::spawn(take_samples(Arc::downgrade(shared)));
        }
        self.newest.subscribe()
    }

    /// Says whether samples are still wanted; if not, the next who looks has them taken again.
    fn is_wanted(&self) -> bool {
        let mut looked = self.looked.lock();
        let is_recent = looked.is_some_and(|at| at.elapsed() < LOOK_TIME_MAX);
        let is_wanted = is_recent || self.newest.receiver_count() > 0;
        if !is_wanted {
            *looked = None;
        }
        is_wanted
    }

    fn keep(&self, sample: Value) {
        let mut samples = self.samples.lock();
        if samples.len() >= SAMPLES_MAX {
            samples.pop_front();
        }
        samples.push_back(sample);
    }
}

/// `GET overview`
pub(crate) async fn overview(ask: Ask) -> Result<Answer, Problem> {
    let trend = &ask.shared.console.trend;
    let mut newest = trend.follow(&ask.shared);
    let found = newest.wait_for(Option::is_some).await;
    let found = found.ok().and_then(|found| found.clone());
    let mut told = found.map(|found| (*found).clone()).unwrap_or_default();
    told["history"] = trend.samples.lock().iter().cloned().collect();
    Ok(Answer::Json(told))
}

async fn take_samples(shared: Weak<Shared>) {
    let mut before: Option<Counters> = None;
    loop {
        let Some(shared) = shared.upgrade() else { return };
        let trend = &shared.console.trend;
        if !trend.is_wanted() {
            return;
        }
        let reports = reports(&shared).await;
        let catalogue = shared.console.catalogue.newest();
        let now = reports.as_ref().ok().map(Reports::counters);
        let rates = rates(now, before, catalogue.as_deref());
        before = now;
        let told = told(&shared, &reports, catalogue.as_deref(), &rates);
        trend.keep(sample(&told));
        trend.newest.send_replace(Some(Arc::new(told)));
        if matches!(reports, Err(Error::Closed)) {
            *trend.looked.lock() = None;
            return;
        }
        drop(shared);
        tokio::time::sleep(SAMPLE_EVERY).await;
    }
}

/// Asks the servers for their numbers, and has a catalogue made if it is time.
async fn reports(shared: &Arc<Shared>) -> Result<Reports, Error> {
    let broker = match tokio::time::timeout(SAMPLE_EVERY, shared.backend.broker()).await {
        Ok(broker) => broker?,
        Err(_) => {
            let reason = "the backend cannot be reached".into();
            return Err(Error::Unavailable { reason, effect: firth::Effect::None });
        }
    };
    refresh(shared, broker.clone());
    match broker.backend().inspect(Inspection::Report).await? {
        Inspected::Records(records) => Ok(Reports(records)),
        _ => Ok(Reports(Vec::new())),
    }
}

fn refresh(shared: &Arc<Shared>, broker: Broker) {
    let shelf = Arc::clone(&shared.console.catalogue);
    if shelf.is_due() {
        tokio::spawn(async move {
            if let Err(problem) = shelf.get(&broker, Wanted::Recent).await {
                tracing::debug!(error = %problem.text, "the streams cannot be listed");
            }
        });
    }
}

fn rates(now: Option<Counters>, before: Option<Counters>, catalogue: Option<&Catalogue>) -> Value {
    let per_s = |of: fn(Counters) -> Option<u64>| {
        let (now, before) = (now?, before?);
        let more = of(now)?.checked_sub(of(before)?)?;
        let ms = now.at_ms.checked_sub(before.at_ms).filter(|ms| *ms > 0)?;
        Some(more as f64 * 1000.0 / ms as f64)
    };
    let appended = catalogue.and_then(|catalogue| {
        catalogue.streams.iter().filter_map(|row| row.rate_per_s).reduce(|a, b| a + b)
    });
    json!({
        "commandsPerS": per_s(|counters| counters.commands),
        "inBytesPerS": per_s(|counters| counters.in_bytes),
        "outBytesPerS": per_s(|counters| counters.out_bytes),
        "appendedPerS": appended,
    })
}

fn told(
    shared: &Shared,
    reports: &Result<Reports, Error>,
    catalogue: Option<&Catalogue>,
    rates: &Value,
) -> Value {
    let none = Reports(Vec::new());
    let numbers = reports.as_ref().unwrap_or(&none);
    let non_zero = |number: Option<u64>| number.filter(|number| *number > 0);
    let state = state(shared, reports);
    let limit = non_zero(numbers.sum("maxmemory"));
    let last_save_s = non_zero(numbers.sum("rdb_last_save_time").filter(|_| numbers.0.len() == 1));
    json!({
        "asOfMs": unix_time_ms(),
        "health": health::findings(&state, numbers, limit, catalogue),
        "backend": {
            "state": state.0, "reason": state.1, "kind": numbers.kind(),
            "version": numbers.version(), "nodes": numbers.0.len(),
            "uptimeS": numbers.0.iter().filter_map(|node| node.number("uptime_in_seconds")).min(),
        },
        "rates": rates,
        "memory": {
            "usedBytes": numbers.sum("used_memory"), "peakBytes": numbers.sum("used_memory_peak"),
            "limitBytes": limit,
        },
        "disk": {
            "bytes": numbers.sum("block_files_bytes"),
            "lastSaveMs": last_save_s.map(|at_s| at_s * 1000),
        },
        "connections": {
            "clients": numbers.sum("connected_clients"), "blocked": numbers.sum("blocked_clients"),
            "pubsub": numbers.sum("pubsub_clients"),
        },
        "pubsub": {
            "channels": numbers.sum("pubsub_channels"), "patterns": numbers.sum("pubsub_patterns"),
        },
        "gateway": channels::numbers(shared),
        "streams": catalogue.map(streams),
    })
}

/// Says how the connection is, and why if it is not well.
fn state(shared: &Shared, reports: &Result<Reports, Error>) -> (&'static str, Option<String>) {
    let health = shared.backend.now().map(|broker| broker.health().now());
    match (health, reports) {
        (Some(Health::Closed), _) => ("closed", None),
        (Some(Health::Connecting { reason, .. }), _) => ("connecting", Some(reason.to_string())),
        (_, Err(error)) => ("connecting", Some(error.to_string())),
        _ => ("connected", None),
    }
}

fn streams(catalogue: &Catalogue) -> Value {
    let rows = &catalogue.streams;
    let bytes = rows.iter().filter_map(|row| row.bytes).reduce(|a, b| a + b);
    let dead = rows.iter().filter(|row| row.dead_letter).map(|row| row.length);
    let groups = &catalogue.groups;
    json!({
        "count": rows.len(), "entries": rows.iter().map(|row| row.length).sum::<u64>(),
        "bytes": bytes, "groups": groups.len(),
        "lag": groups.iter().filter_map(|group| group.lag).sum::<u64>(),
        "lagUnknown": groups.iter().filter(|group| group.lag.is_none()).count(),
        "pending": groups.iter().map(|group| group.pending).sum::<u64>(),
        "deadLetters": dead.sum::<u64>(), "complete": catalogue.is_complete,
    })
}

/// Takes the numbers of a chart out of an overview.
fn sample(told: &Value) -> Value {
    json!({
        "atMs": told["asOfMs"],
        "commandsPerS": told["rates"]["commandsPerS"],
        "appendedPerS": told["rates"]["appendedPerS"],
        "lag": told["streams"]["lag"],
        "pending": told["streams"]["pending"],
        "deadLetters": told["streams"]["deadLetters"],
        "clients": told["connections"]["clients"],
        "usedBytes": told["memory"]["usedBytes"],
        "sockets": told["gateway"]["sockets"],
    })
}

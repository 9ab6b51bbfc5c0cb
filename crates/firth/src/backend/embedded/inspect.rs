//! What the engine in the process tells of itself.

use std::sync::Arc;

use firth_engine::pubsub::{Hub, Space};
use firth_engine::stream::Stream;
use firth_engine::{Engine, ShardSet, Type};

use super::DB;
use super::home::{Ran, run};
use crate::backend::{Inspected, Inspection, Listeners, Record, Retention, StreamNames};
use crate::{Error, Fault};

/// The name under which the engine tells of itself.
const NODE: &str = "embedded";

/// Answers a question about the engine.
pub(super) fn inspect(engine: &Engine, hub: &Hub, inspection: &Inspection) -> Ran<Inspected> {
    match inspection {
        Inspection::Streams { limit } => of(Ok(Inspected::Streams(streams(engine, *limit)))),
        Inspection::Sizes(keys) => run(engine, keys, |locked| {
            let size =
                |key: &Arc<str>| Some(locked.peek(DB, key.as_bytes())?.memory_bytes() as u64);
            Ok(Inspected::Sizes(keys.iter().map(size).collect()))
        }),
        Inspection::Retention(stream) => run(engine, [stream], |locked| {
            let found = locked.stream(DB, stream.as_bytes())?;
            let policy = found.and_then(Stream::retention);
            Ok(Inspected::Retention(policy.as_ref().map(Retention::from)))
        }),
        Inspection::Listeners => of(listeners(hub).map(Inspected::Listeners)),
        Inspection::Report => of(Ok(Inspected::Records(vec![report(engine, hub)]))),
        Inspection::Clients | Inspection::Settings | Inspection::Users => {
            of(Ok(Inspected::Records(Vec::new())))
        }
        Inspection::SlowCommands { .. } => of(Ok(Inspected::SlowCommands(Vec::new()))),
    }
}

/// An answer that depends on nothing that must be on the disk.
fn of(result: Result<Inspected, Error>) -> Ran<Inspected> {
    Ran { result, lsn: firth_engine::Lsn::default() }
}

/// Names the streams, one shard at a time, so that nobody waits for long.
fn streams(engine: &Engine, limit: usize) -> StreamNames {
    let now_ms = engine.clock().now_ms();
    let mut names: Vec<Arc<str>> = Vec::new();
    for shard in ShardSet::each() {
        let locked = engine.lock(shard, now_ms);
        let streams = locked.entries(DB).filter(|entry| entry.value().kind() == Type::Stream);
        names.extend(streams.filter_map(|entry| str::from_utf8(entry.key()).ok().map(Arc::from)));
    }
    names.sort_unstable();
    let is_complete = names.len() <= limit;
    names.truncate(limit);
    StreamNames { names, is_complete }
}

fn listeners(hub: &Hub) -> Result<Listeners, Error> {
    let count = |name: Vec<u8>| {
        let listeners = hub.listener_count(Space::Channel, &name);
        let name = String::from_utf8(name).map_err(|error| Error::Server {
            fault: Fault::Protocol,
            message: error.to_string().into(),
        })?;
        Ok((name.into(), listeners))
    };
    let channels = hub.channels(Space::Channel, None).into_iter().map(count);
    let mut channels = channels.collect::<Result<Vec<(Arc<str>, u64)>, Error>>()?;
    channels.sort_unstable();
    Ok(Listeners { channels, patterns: hub.pattern_count() })
}

fn report(engine: &Engine, hub: &Hub) -> Record {
    let now_ms = engine.clock().now_ms();
    let memory = ShardSet::each().map(|shard| engine.lock(shard, now_ms).memory_bytes());
    let fields = [
        ("firth_version", env!("CARGO_PKG_VERSION").to_owned()),
        ("used_memory", memory.sum::<usize>().to_string()),
        ("pubsub_channels", hub.channel_count(Space::Channel).to_string()),
        ("pubsub_patterns", hub.pattern_count().to_string()),
    ];
    let fields = fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    Record { node: NODE.into(), fields }
}

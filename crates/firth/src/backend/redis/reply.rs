//! Replies as values of ours, in the shapes of both protocol versions.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use redis::Value;

use super::failure;
use crate::backend::{
    Claimed, ConsumerInfo, Entry, Fields, GroupInfo, Outcome, Pending, Retention, SlowCommand,
    StreamEntries, StreamInfo, Unacknowledged, Write,
};
use crate::{EntryId, Error};

/// Returns a reply that is not an error.
pub(super) fn success(value: Value) -> Result<Value, Error> {
    match value {
        Value::ServerError(error) => Err(failure::of(&error.into())),
        value => Ok(value),
    }
}

pub(super) fn array(value: Value) -> Result<Vec<Value>, Error> {
    match success(value)? {
        Value::Array(values) | Value::Set(values) => Ok(values),
        Value::Nil => Ok(Vec::new()),
        other => Err(failure::strange("an array", &other)),
    }
}

pub(super) fn bytes(value: Value) -> Result<Bytes, Error> {
    match success(value)? {
        Value::BulkString(bytes) => Ok(bytes.into()),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Ok(text.into()),
        Value::Okay => Ok("OK".into()),
        Value::Int(number) => Ok(number.to_string().into()),
        other => Err(failure::strange("a string", &other)),
    }
}

pub(super) fn text(value: Value) -> Result<Arc<str>, Error> {
    bytes(value).map(|bytes| String::from_utf8_lossy(&bytes).into())
}

pub(super) fn number(value: Value) -> Result<u64, Error> {
    match success(value)? {
        Value::Int(number) => Ok(u64::try_from(number).unwrap_or(0)),
        other => Err(failure::strange("a number", &other)),
    }
}

pub(super) fn id(value: Value) -> Result<EntryId, Error> {
    let text = text(value)?;
    text.parse().map_err(|_| failure::strange("an id", &Value::SimpleString(text.to_string())))
}

fn ids(value: Value) -> Result<Vec<EntryId>, Error> {
    array(value)?.into_iter().map(id).collect()
}

fn millis(value: Value) -> Result<Duration, Error> {
    number(value).map(Duration::from_millis)
}

/// Returns the pairs of a map, or of an array that stands for one.
pub(super) fn pairs(value: Value) -> Result<Vec<(Value, Value)>, Error> {
    if let Value::Map(pairs) = value {
        return Ok(pairs);
    }
    let mut rest = array(value)?.into_iter();
    let mut pairs = Vec::with_capacity(rest.len() / 2);
    while let (Some(name), Some(value)) = (rest.next(), rest.next()) {
        pairs.push((name, value));
    }
    Ok(pairs)
}

/// A map from names to values, of which each is taken once.
struct Map(HashMap<Arc<str>, Value>);

impl Map {
    fn of(value: Value) -> Result<Self, Error> {
        let named = pairs(value)?.into_iter().map(|(name, value)| Ok((text(name)?, value)));
        named.collect::<Result<_, Error>>().map(Map)
    }

    fn take(&mut self, name: &str) -> Value {
        self.0.remove(name).unwrap_or(Value::Nil)
    }

    fn number(&mut self, name: &str) -> Result<u64, Error> {
        number(self.take(name))
    }

    fn id(&mut self, name: &str) -> Result<EntryId, Error> {
        id(self.take(name))
    }
}

/// What an entry turns out to be.
enum Found {
    Entry(Entry),
    /// It is pending, but not in the stream any more.
    Gone(Option<EntryId>),
}

fn found(value: Value) -> Result<Found, Error> {
    if value == Value::Nil {
        return Ok(Found::Gone(None));
    }
    let mut parts = array(value)?.into_iter();
    let id = id(parts.next().unwrap_or(Value::Nil))?;
    let fields = parts.next().unwrap_or(Value::Nil);
    if fields == Value::Nil {
        return Ok(Found::Gone(Some(id)));
    }
    let fields = pairs(fields)?.into_iter().map(|(name, value)| Ok((bytes(name)?, bytes(value)?)));
    let fields = fields.collect::<Result<Vec<_>, Error>>()?.into_iter().collect::<Fields>();
    Ok(Found::Entry(Entry { id, fields }))
}

/// Returns the entries of an array, without those that are gone.
pub(super) fn entries(value: Value) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    for value in array(value)? {
        if let Found::Entry(entry) = found(value)? {
            entries.push(entry);
        }
    }
    Ok(entries)
}

/// Returns the entries of several streams: an array of pairs, or a map.
pub(super) fn streams(value: Value) -> Result<Vec<StreamEntries>, Error> {
    let named = match success(value)? {
        Value::Map(pairs) => pairs,
        other => {
            let pair = |value| {
                let mut parts = array(value)?.into_iter();
                let name = parts.next().unwrap_or(Value::Nil);
                Ok((name, parts.next().unwrap_or(Value::Nil)))
            };
            array(other)?.into_iter().map(pair).collect::<Result<_, Error>>()?
        }
    };
    let named = named
        .into_iter()
        .map(|(name, value)| Ok(StreamEntries { stream: text(name)?, entries: entries(value)? }));
    named.collect()
}

/// Returns what came of a write.
pub(super) fn outcome(write: &Write, value: Value) -> Result<Outcome, Error> {
    Ok(match write {
        Write::Append(_) => Outcome::Appended(id(value)?),
        Write::Retain { .. } => {
            success(value)?;
            Outcome::Set
        }
        Write::Set(_) => match success(value)? {
            Value::Nil => Outcome::NotSet,
            _ => Outcome::Set,
        },
        _ => Outcome::Count(number(value)?),
    })
}

/// Returns what was claimed by ids.
pub(super) fn claimed(value: Value) -> Result<Claimed, Error> {
    let mut claimed = Claimed::default();
    claimed.add(value)?;
    Ok(claimed)
}

/// Returns what was claimed from a place on.
pub(super) fn auto_claimed(value: Value) -> Result<Claimed, Error> {
    let mut parts = array(value)?.into_iter();
    let mut part = || parts.next().unwrap_or(Value::Nil);
    let next = id(part())?;
    let mut claimed = Claimed { next: (next > EntryId::MIN).then_some(next), ..Claimed::default() };
    claimed.add(part())?;
    claimed.gone.extend(ids(part())?);
    Ok(claimed)
}

impl Claimed {
    /// Adds entries, or ids alone.
    fn add(&mut self, value: Value) -> Result<(), Error> {
        for value in array(value)? {
            match value {
                Value::BulkString(_) | Value::SimpleString(_) => self.ids.push(id(value)?),
                value => match found(value)? {
                    Found::Entry(entry) => {
                        self.ids.push(entry.id);
                        self.entries.push(entry);
                    }
                    Found::Gone(id) => self.gone.extend(id),
                },
            }
        }
        Ok(())
    }
}

/// Returns what is pending.
pub(super) fn pending(value: Value) -> Result<Vec<Pending>, Error> {
    let row = |value| {
        let mut parts = array(value)?.into_iter();
        let mut part = || parts.next().unwrap_or(Value::Nil);
        Ok(Pending {
            id: id(part())?,
            consumer: text(part())?,
            idle: millis(part())?,
            deliveries: number(part())?,
        })
    };
    array(value)?.into_iter().map(row).collect()
}

/// Returns what is known of a stream, without its groups.
pub(super) fn stream_info(value: Value) -> Result<StreamInfo, Error> {
    let mut map = Map::of(success(value)?)?;
    let mut entry = |name| match map.take(name) {
        Value::Nil => Ok(None),
        value => entries(Value::Array(vec![value])).map(|mut entries| entries.pop()),
    };
    let (first, last) = (entry("first-entry")?, entry("last-entry")?);
    Ok(StreamInfo {
        len: map.number("length")?,
        last_id: map.id("last-generated-id")?,
        entries_added: map.number("entries-added")?,
        first,
        last,
        groups: Vec::new(),
    })
}

/// Returns the groups of a stream.
pub(super) fn groups(value: Value) -> Result<Vec<GroupInfo>, Error> {
    let group = |value| {
        let mut map = Map::of(value)?;
        Ok(GroupInfo {
            name: text(map.take("name"))?,
            consumers: map.number("consumers")?,
            pending: map.number("pending")?,
            last_delivered: map.id("last-delivered-id")?,
            lag: match map.take("lag") {
                Value::Nil => None,
                lag => Some(number(lag)?),
            },
        })
    };
    array(value)?.into_iter().map(group).collect()
}

/// Returns the consumers of a group.
pub(super) fn consumers(value: Value) -> Result<Vec<ConsumerInfo>, Error> {
    let consumer = |value| {
        let mut map = Map::of(value)?;
        Ok(ConsumerInfo {
            name: text(map.take("name"))?,
            pending: map.number("pending")?,
            idle: millis(map.take("idle"))?,
        })
    };
    array(value)?.into_iter().map(consumer).collect()
}

/// Returns where a scan goes on, and which names it has found that are texts.
pub(super) fn scanned(value: Value) -> Result<(Arc<str>, Vec<Arc<str>>), Error> {
    let mut parts = array(value)?.into_iter();
    let cursor = text(parts.next().unwrap_or(Value::Nil))?;
    let names = array(parts.next().unwrap_or(Value::Nil))?.into_iter().map(bytes);
    let names = names.collect::<Result<Vec<_>, Error>>()?;
    let names = names.iter().filter_map(|name| str::from_utf8(name).ok().map(Arc::from)).collect();
    Ok((cursor, names))
}

/// Returns what a stream retains; a limit of 0 is none.
pub(super) fn retention(value: Value) -> Result<Option<Retention>, Error> {
    if value == Value::Nil {
        return Ok(None);
    }
    let mut map = Map::of(value)?;
    let mut limit = |name| map.number(name).map(|limit| Some(limit).filter(|limit| *limit > 0));
    Ok(Some(Retention {
        age_ms: limit("age")?,
        bytes_max: limit("bytes")?,
        len_max: limit("len")?,
        unacknowledged: match &*text(map.take("unacknowledged"))? {
            "removed" => Unacknowledged::Removed,
            _ => Unacknowledged::Kept,
        },
    }))
}

/// Returns the commands of a slow log: number, time, microseconds, arguments, client, its name.
pub(super) fn slow_commands(node: &Arc<str>, value: Value) -> Result<Vec<SlowCommand>, Error> {
    let command = |value| {
        let mut parts = array(value)?.into_iter();
        let mut part = || parts.next().unwrap_or(Value::Nil);
        let (id, at_s, took_us) = (number(part())?, number(part())?, number(part())?);
        let args = array(part())?.into_iter().map(text).collect::<Result<_, Error>>()?;
        let mut word = || match part() {
            Value::Nil => Ok("".into()),
            value => text(value),
        };
        let (client, name) = (word()?, word()?);
        Ok(SlowCommand { node: Arc::clone(node), id, at_s, took_us, args, client, name })
    };
    array(value)?.into_iter().map(command).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    fn list<const LEN: usize>(values: [Value; LEN]) -> Value {
        Value::Array(values.into())
    }

    fn entry(ms: u64) -> Entry {
        Entry { id: EntryId::new(ms, 0), fields: Fields::from([("a", "1")]) }
    }

    #[test]
    fn streams_come_as_an_array_or_as_a_map() {
        let fields = || list([text("a"), text("1")]);
        let entries = || list([list([text("5-0"), fields()])]);
        let expect = [StreamEntries { stream: "s".into(), entries: vec![entry(5)] }];
        assert_eq!(streams(list([list([text("s"), entries()])])).unwrap(), expect);
        assert_eq!(streams(Value::Map(vec![(text("s"), entries())])).unwrap(), expect);
        assert_eq!(streams(Value::Nil).unwrap(), []);
    }

    #[test]
    fn entries_that_are_gone_are_named() {
        let there = list([text("5-0"), list([text("a"), text("1")])]);
        let gone = list([text("6-0"), Value::Nil]);
        let reply = list([text("0-0"), list([there, gone]), list([text("7-0")])]);
        let claimed = auto_claimed(reply).unwrap();
        assert_eq!(claimed.entries, [entry(5)]);
        assert_eq!(claimed.ids, [EntryId::new(5, 0)]);
        assert_eq!(claimed.gone, [EntryId::new(6, 0), EntryId::new(7, 0)]);
        assert_eq!(claimed.next, None);
    }

    #[test]
    fn infos_come_as_an_array_or_as_a_map() {
        let names = ["name", "pending", "idle"].map(text);
        let values = [text("c"), Value::Int(2), Value::Int(30)];
        let map: Vec<(Value, Value)> = names.into_iter().zip(values).collect();
        let flat = map.iter().cloned().flat_map(|(name, value)| [name, value]).collect();
        let expect =
            [ConsumerInfo { name: "c".into(), pending: 2, idle: Duration::from_millis(30) }];
        assert_eq!(consumers(list([Value::Map(map)])).unwrap(), expect);
        assert_eq!(consumers(list([Value::Array(flat)])).unwrap(), expect);
    }

    #[test]
    fn strange_replies_are_errors() {
        for reply in [Value::Okay, Value::Int(5), list([Value::Int(5)]), list([text("x")])] {
            assert!(matches!(entries(reply), Err(Error::Server { .. })));
        }
    }
}

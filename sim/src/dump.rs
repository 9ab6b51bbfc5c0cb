//! All that is kept, as lines of text: as the model has it, and as the server tells it.

use std::fmt::Write;

use firth_resp::ReplyDecoder;

use crate::machine::Machine;
use crate::model::{Consumer, Entry, Group, Keys, Lags, Place, Value};
use crate::told::Told;

/// The databases that are used.
pub(crate) const DATABASES: u8 = 2;

/// Returns what the model has at this time.
pub(crate) fn of_model(keys: &Keys, now_ms: u64) -> Vec<String> {
    let keys = keys.at(now_ms);
    let mut lines: Vec<String> = keys.iter().map(|(place, entry)| line(place, entry)).collect();
    lines.sort();
    lines
}

fn line((db, key): &Place, entry: &Entry) -> String {
    let mut text = format!("{db} {} until {:?}", key.escape_ascii(), entry.expires_at_ms);
    match &entry.value {
        Value::Text(value) => put(&mut text, format_args!(" = {}", value.escape_ascii())),
        Value::Stream(stream) => {
            let (last_id, added) = (stream.last_id, stream.added);
            put(&mut text, format_args!(" last {last_id} added {added}"));
            for (id, fields) in &stream.entries {
                put(&mut text, format_args!("\n  {id}"));
                fields.iter().for_each(|f| put(&mut text, format_args!(" {}", f.escape_ascii())));
            }
            stream.groups.iter().for_each(|(name, group)| write_group(&mut text, name, group));
        }
    }
    text
}

fn write_group(text: &mut String, name: &[u8], group: &Group) {
    let (name, last) = (name.escape_ascii(), group.last_delivered);
    put(text, format_args!("\n  group {name} at {last}, consumers"));
    for (name, Consumer { seen_ms, active_ms }) in &group.consumers {
        let active_ms = active_ms.map_or(-1, u64::cast_signed);
        put(text, format_args!(" {} seen {seen_ms} active {active_ms}", name.escape_ascii()));
    }
    for (id, row) in &group.pending {
        put(text, format_args!("\n    {id} {}", row.deliveries));
        if let Some(owner) = &row.owner {
            put(text, format_args!(" {} at {}", owner.escape_ascii(), row.delivered_ms));
        }
    }
}

fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    // A string takes everything.
    let _ = text.write_fmt(what);
}

/// Returns what the server has, and checks what it tells beside that.
pub(crate) fn of_server(machine: &mut Machine, lags: Lags) -> Result<Vec<String>, String> {
    let mut lines = Vec::new();
    for db in 0..DATABASES {
        let told = ask(machine, db, &[vec![b"KEYS".to_vec(), b"*".to_vec()]])?;
        let keys = told.first().cloned().unwrap_or(Told::Nil);
        for key in keys.list() {
            lines.push(key_line(machine, db, key.bytes(), lags)?);
        }
    }
    lines.sort();
    Ok(lines)
}

fn ask(machine: &mut Machine, db: u8, requests: &[Vec<Vec<u8>>]) -> Result<Vec<Told>, String> {
    let mut all = vec![vec![b"SELECT".to_vec(), db.to_string().into()]];
    all.extend_from_slice(requests);
    let bytes = machine.ask(&all);
    let mut rest = &bytes[..];
    let mut told = Vec::new();
    while let Some((value, used)) = decode(rest)? {
        told.push(value);
        rest = rest.get(used..).unwrap_or_default();
    }
    if told.len() != all.len() {
        return Err(format!("{} of {} questions were answered: {told:?}", told.len(), all.len()));
    }
    told.remove(0);
    Ok(told)
}

/// Decodes the first reply of some bytes.
pub(crate) fn decode(bytes: &[u8]) -> Result<Option<(Told, usize)>, String> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let decoded = ReplyDecoder::new().decode(bytes);
    let decoded = decoded.map_err(|e| format!("{e} in {}", bytes.escape_ascii()))?;
    Ok(decoded.map(|(value, used)| (Told::from(value), used)))
}

fn key_line(machine: &mut Machine, db: u8, key: &[u8], lags: Lags) -> Result<String, String> {
    let words = |text: &str| -> Vec<Vec<u8>> {
        text.split(' ').map(|word| if word == "?" { key.to_vec() } else { word.into() }).collect()
    };
    let told = ask(machine, db, &[words("TYPE ?"), words("PEXPIRETIME ?")])?;
    let (kind, until) = (told[0].bytes().to_vec(), told[1].integer().unwrap_or(-2));
    let until = u64::try_from(until).ok();
    let mut text = format!("{db} {} until {until:?}", key.escape_ascii());
    if kind == b"string" {
        let told = ask(machine, db, &[words("GET ?")])?;
        put(&mut text, format_args!(" = {}", told[0].bytes().escape_ascii()));
        return Ok(text);
    }
    let told = ask(machine, db, &[words("XRANGE ? - +"), words("XINFO STREAM ? FULL COUNT 0")])?;
    let [entries, info] = &told[..] else { return Err(format!("{told:?}")) };
    let field = |name: &str| info.field(name).ok_or(format!("no {name} in {told:?}"));
    let (last, added) = (field("last-generated-id")?, field("entries-added")?);
    put(&mut text, format_args!(" last {last:?} added {added:?}"));
    if field("length")?.integer() != i64::try_from(entries.list().len()).ok() {
        return Err(format!("the length of {} is not that of {told:?}", key.escape_ascii()));
    }
    for entry in entries.list() {
        let [id, fields] = entry.list() else { return Err(format!("{entry:?}")) };
        put(&mut text, format_args!("\n  {id:?}"));
        fields.list().iter().for_each(|field| put(&mut text, format_args!(" {field:?}")));
    }
    for group in field("groups")?.list() {
        tell_group(&mut text, group)?;
        if lags == Lags::Right {
            check_lag(group, entries)?;
        }
    }
    Ok(text)
}

/// A lag that is told is the number of entries behind the last one that the group was given.
fn check_lag(group: &Told, entries: &Told) -> Result<(), String> {
    let id = |told: &Told| -> Option<(u64, u64)> {
        let text = std::str::from_utf8(told.bytes()).ok()?;
        let (ms, seq) = text.split_once('-')?;
        Some((ms.parse().ok()?, seq.parse().ok()?))
    };
    let last = group.field("last-delivered-id").and_then(id);
    let ids = entries.list().iter().map(|entry| entry.list().first().and_then(id));
    let behind = ids.filter(|id| *id > last).count();
    match group.field("lag").and_then(Told::integer) {
        Some(lag) if usize::try_from(lag) != Ok(behind) => {
            Err(format!("the lag is {behind}, but it is told to be {lag}: {group:?}"))
        }
        _ => Ok(()),
    }
}

fn tell_group(text: &mut String, group: &Told) -> Result<(), String> {
    let field = |name: &str| group.field(name).ok_or(format!("no {name} in {group:?}"));
    let (name, last) = (field("name")?, field("last-delivered-id")?);
    put(text, format_args!("\n  group {name:?} at {last:?}, consumers"));
    let mut of_consumers = 0;
    let consumers = field("consumers")?.list();
    let tell = |consumer: &Told| {
        let field = |name: &str| consumer.field(name).cloned().unwrap_or(Told::Nil);
        let (name, seen, active) = (field("name"), field("seen-time"), field("active-time"));
        format!("{name:?} seen {seen:?} active {active:?}")
    };
    let mut names: Vec<String> = consumers.iter().map(tell).collect();
    names.sort();
    names.iter().for_each(|name| put(text, format_args!(" {name}")));
    for consumer in consumers {
        of_consumers += consumer.field("pel-count").and_then(Told::integer).unwrap_or(-1);
    }
    let mut owned = 0;
    for row in field("pending")?.list() {
        let [id, owner, delivered, deliveries] = row.list() else { return Err(format!("{row:?}")) };
        put(text, format_args!("\n    {id:?} {deliveries:?}"));
        if !owner.bytes().is_empty() {
            put(text, format_args!(" {owner:?} at {delivered:?}"));
            owned += 1;
        }
    }
    if owned != of_consumers {
        return Err(format!("the pending lists do not agree: {group:?}"));
    }
    Ok(())
}

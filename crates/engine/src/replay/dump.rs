//! The whole state of an engine as text, for comparing.
//!
//! Left out is what no record holds, since it is no state: when keys were last used, how strings
//! came to be, who waits for what, and counters of the server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::fmt::Write;

use super::Replay;
use crate::shard::Database;
use crate::stream::{EntryId, Group, Idempotence, Stream};
use crate::{DATABASES, Engine, Value};

/// Returns the state, one line for each thing, in an order that no seed has a say in.
pub(crate) fn dump(engine: &Engine) -> Vec<String> {
    let replay = Replay::new(engine, 0);
    let mut lines = Vec::new();
    for db in 0..DATABASES {
        for shard in replay.keys.shards() {
            dump_database(&shard.databases[usize::from(db)], db, &mut lines);
        }
    }
    lines.sort();
    lines
}

fn dump_database(database: &Database, db: u8, lines: &mut Vec<String>) {
    for (at_ms, key) in &database.deadlines {
        lines.push(format!("{db} {} expires at {at_ms}", key.escape_ascii()));
    }
    for entry in database.keys.iter() {
        let mut text = format!("{db} {} ", entry.key().escape_ascii());
        let written = match entry.value() {
            Value::String(bytes) => write!(text, "= {}", bytes.escape_ascii()),
            Value::Stream(stream) => write_stream(&mut text, stream),
        };
        written.expect("a string takes all");
        write!(text, "\n  until {:?}", entry.expires_at_ms()).expect("a string takes all");
        lines.push(text);
    }
}

fn write_stream(out: &mut String, stream: &Stream) -> std::fmt::Result {
    write!(out, "stream last {:?} ", stream.last_id())?;
    write!(out, "deleted {:?} added {} ", stream.max_deleted_id(), stream.entries_added())?;
    write!(out, "len {} limits {:?}", stream.len(), stream.idempotence_limits())?;
    write!(out, " {:?}", stream.retention())?;
    for index in 0..stream.entries().node_count() {
        let block = stream.entries().open(index).unwrap();
        let size = (block.live(), block.slots(), block.listpack_bytes());
        let bytes = block.bytes().unwrap().escape_ascii();
        write!(out, "\n  node {:?} {size:?} {bytes}", block.first_id())?;
    }
    for entry in stream.entries().range(EntryId::MIN, EntryId::MAX) {
        write!(out, "\n  {:?}", entry.id)?;
        for (name, value) in entry.fields() {
            write!(out, " {}={}", name.escape_ascii(), value.escape_ascii())?;
        }
    }
    for (name, group) in stream.groups().iter() {
        write!(out, "\n  group {}", name.escape_ascii())?;
        write_group(out, group)?;
    }
    stream.idempotence().map_or(Ok(()), |known| write_idempotence(out, known))
}

fn write_group(out: &mut String, group: &Group) -> std::fmt::Result {
    write!(out, " at {:?} read {:?}", group.last_delivered, group.entries_read)?;
    for (no, consumer) in group.consumers.iter() {
        write!(out, "\n    {no:?} {consumer:?} has {}", group.pending.len_of(no))?;
        for row in group.pending.iter_of(no, EntryId::MIN) {
            write!(out, " {:?}", row.id)?;
        }
    }
    write!(out, "\n    nacked {}", group.pending.nacked_len())?;
    for row in group.pending.iter_from(EntryId::MIN) {
        write!(out, "\n    {row:?}")?;
    }
    for row in group.pending.oldest() {
        write!(out, "\n    by age {:?}", row.id)?;
    }
    Ok(())
}

fn write_idempotence(out: &mut String, known: &Idempotence) -> std::fmt::Result {
    let limits = (known.duration_s(), known.entries_max());
    write!(out, "\n  iids {limits:?} {} {}", known.iids_added, known.iids_duplicates)?;
    for (producer, iid, id) in known.iter() {
        let (producer, iid) = (producer.escape_ascii(), iid.escape_ascii());
        write!(out, "\n    {producer} {iid} {id:?}")?;
    }
    Ok(())
}

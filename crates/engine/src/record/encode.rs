//! Writing effects down.

use std::ops::Range;

use super::tag;
use crate::effect::Effect;
use crate::stream::entries::Node;
use crate::stream::{EntryId, Retention, StreamEffect, Unacknowledged, varint};
use crate::value::NEVER;

/// A buffer that has grown beyond this is given back when its batch is done.
const CAPACITY_KEPT: usize = 64 << 10;

/// The record of a batch that is being written. It is reused, so that a batch costs no allocation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    /// The database of the last effect.
    db: u8,
    /// Where in the record the key of the last effect stands.
    key: Range<usize>,
}

impl Batch {
    /// Returns the record.
    pub(crate) fn record(&self) -> &[u8] {
        &self.bytes
    }

    /// Begins a new batch.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        if self.bytes.capacity() > CAPACITY_KEPT {
            self.bytes = Vec::new();
        }
        self.db = 0;
        self.key = 0..0;
    }

    /// Writes an effect behind those before.
    pub(crate) fn push(&mut self, db: u8, effect: &Effect<'_>) {
        if db != self.db {
            self.bytes.extend([tag::DATABASE, db]);
            self.db = db;
        }
        match *effect {
            Effect::SetString { key, value, expires_at_ms } => {
                self.head(tag::SET_STRING, key).text(value).deadline(expires_at_ms);
            }
            Effect::ReplaceString { key, value } => {
                self.head(tag::REPLACE_STRING, key).text(value);
            }
            Effect::WriteString { key, offset, bytes } => {
                self.head(tag::WRITE_STRING, key).number(offset as u64).text(bytes);
            }
            Effect::SetDeadline { key, expires_at_ms } => {
                self.head(tag::SET_DEADLINE, key).deadline(expires_at_ms);
            }
            Effect::Delete { key } => {
                self.head(tag::DELETE_KEY, key);
            }
            Effect::Rename { key, to_db, to } => {
                self.head(tag::RENAME, key).number(to_db.into()).text(to);
            }
            Effect::Copy { key, to_db, to } => {
                self.head(tag::COPY, key).number(to_db.into()).text(to);
            }
            Effect::Flush => self.bytes.push(tag::FLUSH),
            Effect::Swap { other } => self.bytes.extend([tag::SWAP, other]),
            Effect::CreateStream { key, duration_s, entries_max } => {
                let out = self.head(tag::CREATE_STREAM, key);
                out.number(duration_s.into()).number(entries_max.into());
            }
            Effect::Stream { key, ref change } => self.push_change(key, change),
        }
    }

    fn push_change(&mut self, key: &[u8], change: &StreamEffect<'_>) {
        match *change {
            StreamEffect::Append { id, fields, node } => {
                let tag = match node {
                    Node::Last => tag::APPEND,
                    Node::New => tag::APPEND_TO_NEW_NODE,
                };
                let (pairs, _) = fields.as_chunks::<2>();
                let out = self.head(tag, key).id(id).number(pairs.len() as u64);
                for [name, value] in pairs {
                    out.text(name).text(value);
                }
            }
            StreamEffect::TrimFront { below } => {
                self.head(tag::TRIM_FRONT, key).id(below);
            }
            StreamEffect::TrimEntries { ids } => self.head(tag::TRIM_ENTRIES, key).ids(ids),
            StreamEffect::Delete { ids } => self.head(tag::DELETE_ENTRIES, key).ids(ids),
            StreamEffect::SetCounters { last_id, entries_added, max_deleted_id } => {
                let out = self.head(tag::SET_COUNTERS, key);
                out.id(last_id).number(entries_added).id(max_deleted_id);
            }
            StreamEffect::Remember { producer, iid, id } => {
                self.head(tag::REMEMBER, key).text(producer).text(iid).id(id);
            }
            StreamEffect::CountDuplicate => {
                self.head(tag::COUNT_DUPLICATE, key);
            }
            StreamEffect::ConfigureIdempotence { duration_s, entries_max } => {
                let out = self.head(tag::CONFIGURE_IDEMPOTENCE, key);
                out.number(duration_s.into()).number(entries_max.into());
            }
            StreamEffect::SetRetention { policy } => {
                let Retention { age_ms, bytes_max, len_max, unacknowledged } = policy;
                let out = self.head(tag::SET_RETENTION, key);
                out.limit(age_ms).limit(bytes_max).limit(len_max);
                out.number(u64::from(unacknowledged == Unacknowledged::Removed));
            }
            _ => self.push_change_of_group(key, change),
        }
    }

    fn push_change_of_group(&mut self, key: &[u8], change: &StreamEffect<'_>) {
        match *change {
            StreamEffect::SetGroup { group, last_delivered, entries_read } => {
                let out = self.head(tag::SET_GROUP, key).text(group);
                out.id(last_delivered).option(entries_read);
            }
            StreamEffect::DestroyGroup { group } => {
                self.head(tag::DESTROY_GROUP, key).text(group);
            }
            StreamEffect::SeeConsumer { group, consumer, seen_ms, active_ms } => {
                let out = self.head(tag::SEE_CONSUMER, key).text(group).text(consumer);
                out.number(seen_ms).option(active_ms);
            }
            StreamEffect::DeleteConsumer { group, consumer } => {
                self.head(tag::DELETE_CONSUMER, key).text(group).text(consumer);
            }
            StreamEffect::Own { group, consumer, delivered_ms, rows } => {
                let out = self.head(tag::OWN, key).text(group).text(consumer);
                out.number(delivered_ms).rows(rows);
            }
            StreamEffect::Release { group, rows } => {
                self.head(tag::RELEASE, key).text(group).rows(rows);
            }
            StreamEffect::Forget { group, ids } => {
                self.head(tag::FORGET, key).text(group).ids(ids);
            }
            StreamEffect::ForgetEverywhere { ids } => {
                self.head(tag::FORGET_EVERYWHERE, key).ids(ids);
            }
            _ => {}
        }
    }

    fn head(&mut self, tag: u8, key: &[u8]) -> &mut Self {
        self.bytes.push(tag);
        if self.bytes.get(self.key.clone()) == Some(key) {
            self.bytes.push(0);
        } else {
            self.number(key.len() as u64 + 1);
            let start = self.bytes.len();
            self.bytes.extend_from_slice(key);
            self.key = start..self.bytes.len();
        }
        self
    }

    fn number(&mut self, number: u64) -> &mut Self {
        varint::put(&mut self.bytes, number);
        self
    }

    fn text(&mut self, text: &[u8]) -> &mut Self {
        self.number(text.len() as u64);
        self.bytes.extend_from_slice(text);
        self
    }

    fn deadline(&mut self, at_ms: u64) -> &mut Self {
        const { assert!(NEVER == u64::MAX, "so that it becomes 0") };
        self.number(at_ms.wrapping_add(1))
    }

    fn option(&mut self, number: Option<u64>) -> &mut Self {
        match number {
            None => self.number(0),
            Some(number) => self.number(1).number(number),
        }
    }

    fn limit(&mut self, limit: Option<u64>) -> &mut Self {
        self.number(limit.unwrap_or(0))
    }

    fn id(&mut self, id: EntryId) -> &mut Self {
        self.number(id.ms).number(id.seq)
    }

    fn ids(&mut self, ids: &[EntryId]) {
        self.number(ids.len() as u64);
        let mut before_ms = 0;
        for id in ids {
            self.step(before_ms, *id);
            before_ms = id.ms;
        }
    }

    fn rows(&mut self, rows: &[(EntryId, u64)]) {
        self.number(rows.len() as u64);
        let mut before_ms = 0;
        for (id, deliveries) in rows {
            self.step(before_ms, *id).number(*deliveries);
            before_ms = id.ms;
        }
    }

    fn step(&mut self, before_ms: u64, id: EntryId) -> &mut Self {
        let step = id.ms.wrapping_sub(before_ms).cast_signed();
        let zigzag = (step << 1) ^ (step >> 63);
        self.number(zigzag.cast_unsigned()).number(id.seq)
    }
}
